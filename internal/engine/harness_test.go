package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// codec is a plain translation of errors: the message, and a code for errors of type coded.
type codec struct{}

type coded string

func (c coded) Error() string { return string(c) }

// final is an error that is never retried; later one that asks for a delay.
type final struct{ error }

type later struct {
	error
	after time.Duration
}

type stepError struct {
	step     string
	attempts int
	failure  domain.Failure
}

func (e *stepError) Error() string { return e.step + ": " + e.failure.Message }

func (e *stepError) Unwrap() error {
	if s := domain.SentinelOf(e.failure.Code); s != nil {
		return s
	}
	return coded(e.failure.Code)
}

func (codec) Encode(err error) domain.Failure {
	f := domain.Failure{Name: "Error", Message: err.Error(), Code: domain.CodeOf(err)}
	var c coded
	if errors.As(err, &c) {
		f.Code = string(c)
	}
	var fin final
	var step *stepError
	if errors.As(err, &step) {
		f = step.failure
	}
	f.NonRetryable = errors.As(err, &fin) || step != nil
	var l later
	if errors.As(err, &l) {
		f.RetryAfter = l.after
	}
	return f
}

func (codec) StepError(step string, attempts int, f domain.Failure) error {
	return &stepError{step, attempts, f}
}

// house is a store and the workers on it.
type house struct {
	t     *testing.T
	store *memstore.Store
	defs  []engine.Definition
	conf  func(*engine.WorkerConfig)
}

func newHouse(t *testing.T, defs ...engine.Definition) *house {
	return &house{t: t, store: memstore.New(), defs: defs}
}

func workflow(name string, fn func(s *engine.Scope) (string, error)) engine.Definition {
	return engine.Definition{Name: name, Run: func(s *engine.Scope, in json.RawMessage) (json.RawMessage, error) {
		out, err := fn(s)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}}
}

func (h *house) worker(b ports.Backend) *engine.Worker {
	cfg := engine.WorkerConfig{
		Backend: b, Definitions: h.defs, Concurrency: 4, LeaseDuration: 30 * time.Second, StepLimit: 1000,
		Errors: codec{}, Logger: zap.NewNop(),
	}
	if h.conf != nil {
		h.conf(&cfg)
	}
	return engine.NewWorker(cfg)
}

// start starts a worker that the test's end stops.
func (h *house) start() *engine.Worker {
	w := h.worker(h.store)
	if err := w.Start(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	return w
}

func (h *house) stop(w *engine.Worker) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.Stop(ctx); err != nil {
		h.t.Error(err)
	}
}

func (h *house) create(run domain.NewRun) string {
	h.t.Helper()
	if run.ID == "" {
		run.ID = domain.NewID()
	}
	if _, err := h.store.CreateRuns(context.Background(), []domain.NewRun{run}); err != nil {
		h.t.Fatal(err)
	}
	return run.ID
}

func (h *house) run(id string) domain.Run {
	h.t.Helper()
	runs, err := h.store.GetRuns(context.Background(), []string{id})
	if err != nil || len(runs) != 1 {
		h.t.Fatalf("run %s: %d found, %v", id, len(runs), err)
	}
	return runs[0]
}

// await lets virtual time pass until the run has ended, for at most a day.
func (h *house) await(id string) domain.Run {
	h.t.Helper()
	for range 24 * 60 * 60 {
		synctest.Wait()
		if run := h.run(id); run.Status.Terminal() {
			return run
		}
		time.Sleep(time.Second)
	}
	h.t.Fatalf("run %s has not ended after a day: %+v", id, h.run(id))
	return domain.Run{}
}

func (h *house) completed(id, want string) {
	h.t.Helper()
	run := h.await(id)
	if run.Status != domain.RunCompleted || string(run.Output) != fmt.Sprintf("%q", want) {
		h.t.Fatalf("run is %s with output %s and error %+v; want completed with %q", run.Status, run.Output, run.Error, want)
	}
}

func (h *house) failed(id string, want error) domain.Failure {
	h.t.Helper()
	run := h.await(id)
	if run.Status != domain.RunFailed || run.Error == nil {
		h.t.Fatalf("run is %s with output %s; want failed", run.Status, run.Output)
	}
	if want != nil && run.Error.Code != domain.CodeOf(want) {
		h.t.Fatalf("run failed with %+v; want %v", run.Error, want)
	}
	return *run.Error
}

func (h *house) attempts(id string) []domain.StepAttempt {
	h.t.Helper()
	res, err := h.store.LoadHistories(context.Background(), ports.HistoryRequest{RunIDs: []string{id}})
	if err != nil || len(res.Histories) != 1 {
		h.t.Fatalf("history of %s: %v", id, err)
	}
	return res.Histories[0].Attempts
}

// tally counts how often something happened, by name.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[name]++
}

func (c *tally) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

// step runs a step that returns a string.
func step(s *engine.Scope, name string, fn func(ctx context.Context) (string, error)) (string, error) {
	return stepWith(s, engine.StepCall{Name: name}, fn)
}

func stepWith(s *engine.Scope, c engine.StepCall, fn func(ctx context.Context) (string, error)) (string, error) {
	c.Fn = encoded(fn)
	return decoded(s.Run(s.Context(), c))
}

func encoded(fn func(ctx context.Context) (string, error)) func(context.Context) (json.RawMessage, error) {
	return func(ctx context.Context) (json.RawMessage, error) {
		out, err := fn(ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

func decoded(raw json.RawMessage, err error) (string, error) {
	if err != nil {
		return "", err
	}
	var out string
	err = json.Unmarshal(raw, &out)
	return out, err
}

// constant is a step function that returns its argument and counts its calls.
func (c *tally) constant(value string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		c.add(value)
		return value, nil
	}
}
