package workflowtest

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// Options change an Env. The zero value is what New uses.
type Options struct {
	// Client are options of the client and of the worker, such as openworkflow.WithMaxPayload. Without a logger
	// among them, the log goes to the test's output, which shows when the test fails.
	Client []openworkflow.ClientOption
	// Worker configures the worker; its Workflows are added to those that New is given. Concurrency is 1000
	// if it is 0.
	Worker openworkflow.WorkerOptions
	// Start is the virtual time at the beginning, not before the year 2000; zero is the present.
	Start time.Time
	// Patience is how long, in real time, Settle, Advance and calls of the client wait for functions that
	// block on something from outside of virtual time, before the test fails; 0 is a minute.
	Patience time.Duration
	// AllowNondeterminism keeps the Env from replaying the runs that have ended, and from failing the test for
	// runs that failed with openworkflow.ErrNondeterminism: for tests of just that.
	AllowNondeterminism bool
}

// The defaults of Options.
const (
	defaultPatience    = time.Minute
	defaultConcurrency = 1000
)

// Env is a store in memory, a worker and virtual time: a world of its own for one test. Tests with Envs may
// run in parallel. Its methods are for the test's goroutines, not for step functions; its client is for both.
type Env struct {
	t         *testing.T
	opts      Options
	own       []openworkflow.ClientOption // the test's; opts.Client has the test's log too
	workflows []openworkflow.AnyWorkflow
	bubble    *bubble
	log       *testLog
	front     *front
	client    *openworkflow.Client // of the test: through the front
	inner     *openworkflow.Client // of the worker: in the bubble
	store     *memory.Backend
	worker    *openworkflow.Worker
}

// New makes an Env with a started worker that executes the workflows. When the test ends, the worker is
// stopped, each run that has ended is replayed, and the test fails if one was not deterministic.
func New(t *testing.T, workflows ...openworkflow.AnyWorkflow) *Env {
	t.Helper()
	return NewWithOptions(t, Options{}, workflows...)
}

// NewWithOptions is New with options.
func NewWithOptions(t *testing.T, o Options, workflows ...openworkflow.AnyWorkflow) *Env {
	t.Helper()
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	if o.Worker.Concurrency == 0 {
		o.Worker.Concurrency = defaultConcurrency
	}
	if o.Start.IsZero() {
		o.Start = time.Now().Round(0).Truncate(time.Second).Add(time.Second)
	}
	o.Worker.Workflows = append(append([]openworkflow.AnyWorkflow{}, o.Worker.Workflows...), workflows...)
	e := &Env{t: t, opts: o, workflows: o.Worker.Workflows, log: &testLog{out: t.Output()}}
	e.own = o.Client
	e.opts.Client = append([]openworkflow.ClientOption{openworkflow.WithSlog(e.log.logger())}, o.Client...)
	e.bubble = newBubble(t, o.Start, o.Patience)
	if err := e.start(); err != nil {
		_ = e.bubble.end()
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	return e
}

// start starts the worker, in the bubble, and makes the client, outside.
func (e *Env) start() (err error) {
	stalled := e.bubble.run(func() {
		e.store = memory.New()
		if e.inner, err = openworkflow.New(e.store, e.opts.Client...); err != nil {
			return
		}
		if e.worker, err = e.inner.NewWorker(e.opts.Worker); err != nil {
			return
		}
		err = e.worker.Start(context.Background())
	})
	if stalled != nil {
		return stalled
	}
	if err != nil {
		return err
	}
	e.front = &front{env: e, Backend: e.store}
	silent := openworkflow.WithSlog(slog.New(slog.DiscardHandler)) // its times would be real ones
	e.client, err = openworkflow.New(e.front, append([]openworkflow.ClientOption{silent}, e.own...)...)
	return err
}

// Client is a client of the Env's store, for the test and for the code under test, workflows' dependencies
// included.
//
// RunHandle.Result first settles, as Settle does. If the run has not ended then, and nobody sends, starts or
// advances anything for a second, Result returns an error that is openworkflow.ErrResultTimeout and says what the
// run waits for: real time brings nothing here.
func (e *Env) Client() *openworkflow.Client { return e.client }

// Settle returns when everything that is due at the present virtual time has been done: each run has
// ended, or waits for time, for a signal, or in a step function that waits for time. It lets no time pass but for
// the milliseconds that a worker may need to notice what is due.
func (e *Env) Settle() {
	e.t.Helper()
	e.must(e.settle)
}

// Advance settles, lets virtual time pass, and settles again. Everything that becomes due on the way is done
// at its time.
func (e *Env) Advance(d time.Duration) {
	e.t.Helper()
	if d < 0 {
		e.t.Fatalf("workflowtest: Advance(%v): time does not go back", d)
	}
	e.must(func() {
		e.settle()
		time.Sleep(d)
		e.settle()
	})
	e.front.stir()
}

// Now is the virtual time.
func (e *Env) Now() (now time.Time) {
	e.t.Helper()
	e.must(func() { now = time.Now() })
	return now
}

// Signal sends a signal as Client.SendSignal does, settles, and returns the ids of the runs that got it. An
// error fails the test.
func (e *Env) Signal(name string, data any, opts ...openworkflow.SignalOption) (runIDs []string) {
	e.t.Helper()
	ids, err := e.client.SendSignal(context.Background(), name, data, opts...)
	if err != nil {
		e.t.Fatalf("workflowtest: signal %q: %v", name, err)
	}
	e.Settle()
	return ids
}

// History returns a run and all its step attempts, oldest first, as Replay takes them. A run that does not
// exist fails the test.
func (e *Env) History(runID string) (openworkflow.Run, []openworkflow.StepAttempt) {
	e.t.Helper()
	run, err := e.client.GetRun(context.Background(), runID)
	if err != nil {
		e.t.Fatalf("workflowtest: %v", err)
	}
	steps, err := allSteps(e.client, runID)
	if err != nil {
		e.t.Fatalf("workflowtest: the steps of run %s: %v", runID, err)
	}
	return *run, steps
}

func (e *Env) must(f func()) {
	e.t.Helper()
	if err := e.bubble.run(f); err != nil {
		e.t.Fatal(err)
	}
}

// settleLimit bounds the rounds of settle, each a millisecond.
const settleLimit = 1000

// settle waits, in the bubble, until nothing is due.
func (e *Env) settle() {
	for range settleLimit {
		synctest.Wait()
		if !e.front.anythingDue() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// stopTimeout is what step functions under way get at the end of the test, in virtual time.
const stopTimeout = 10 * time.Second

// close ends the Env when the test does.
func (e *Env) close() {
	said := e.bubble.stalled.Load()
	err := e.bubble.run(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if err := e.worker.Stop(ctx); err != nil {
			e.t.Error(err)
		}
		if !e.opts.AllowNondeterminism {
			e.replayAll()
		}
		_ = e.store.Close()
	})
	if err != nil && !said {
		e.t.Error(err)
	}
	_ = e.client.Close()
	if err := e.bubble.end(); err != nil {
		e.t.Error(err)
	}
	e.log.close()
}

// testLog writes to the test's output while the test lasts.
type testLog struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *testLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// Write implements io.Writer.
func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		return len(p), nil
	}
	return l.out.Write(p)
}

func (l *testLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = nil
}
