package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// ErrWorkerStarted: Start or Tick of a worker that is started, or Start after Stop.
var ErrWorkerStarted = errors.New("openworkflow: the worker was started already; make a new worker to start again")

// Worker claims and executes runs. Its parts share its fields; each loop is in a file of its own.
type Worker struct {
	cfg        WorkerConfig
	id         string
	log        *zap.Logger
	defs       map[domain.WorkflowKey]*definition
	clock      clock
	slots      *slots
	journal    *journal
	marks      marks
	residents  *residents
	agenda     agenda // of claims
	deadlines  agenda // of sweeps
	alarms     alarms
	due        chan struct{} // capacity 1: something may be due
	watching   chan struct{} // capacity 1: something may have arrived for a run that executes here
	watchSoon  chan struct{} // capacity 1: a run that executes here waits for others
	holding    chan struct{} // capacity 1: a lease to extend
	expiring   chan struct{} // capacity 1: a parked run's deadline has passed
	claimCount atomic.Int64
	behind     bool // the latest claim got all that it asked for; with turn, of the goroutine that claims
	turn       bool
	told       atomic.Bool // the latest claim told of the next deadline
	stopping   atomic.Bool
	ctx        context.Context // of all executions
	cancel     context.CancelFunc

	state   atomic.Int32                 // WorkerState
	failing atomic.Pointer[claimFailure] // while claims fail

	life      sync.Mutex // start, stop and tick
	started   bool
	stopped   bool
	quit      context.CancelFunc // ends the loops
	loops     sync.WaitGroup
	accepting context.Context // ends with claiming
	resign    context.CancelFunc
	patience  context.Context // of claims and replays on their way; ends when Stop's does
	abort     context.CancelFunc
	claims    sync.WaitGroup

	mu         sync.Mutex
	rotation   int
	executions map[string]*execution    // by run: those that have not ended
	unwinding  map[*execution]*leftover // those that have ended and whose goroutines still run
	empty      chan struct{}            // closed when both become empty
}

// NewWorker makes a worker; the configuration has been validated.
func NewWorker(cfg WorkerConfig) *Worker {
	id := domain.NewID()
	w := &Worker{
		cfg: cfg, id: id, log: cfg.Logger.With(zap.String("worker", id)),
		defs:  make(map[domain.WorkflowKey]*definition, len(cfg.Definitions)),
		slots: newSlots(cfg.Concurrency), residents: newResidents(maxResidents),
		agenda: agenda{changed: make(chan struct{}, 1)}, deadlines: agenda{changed: make(chan struct{}, 1)},
		due: make(chan struct{}, 1), watching: make(chan struct{}, 1), watchSoon: make(chan struct{}, 1),
		holding: make(chan struct{}, 1), expiring: make(chan struct{}, 1),
		executions: make(map[string]*execution), unwinding: make(map[*execution]*leftover),
	}
	for _, d := range cfg.Definitions {
		w.defs[domain.WorkflowKey{Name: d.Name, Version: d.Version}] = &definition{Definition: d}
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.accepting, w.resign = context.WithCancel(context.Background())
	w.patience, w.abort = context.WithCancel(context.Background())
	w.journal = newJournal(cfg.Backend, w.log, func() { notify(w.due) })
	w.journal.observer = cfg.Observer
	return w
}

// Start claims for the first time, so that an unreachable or unmigrated database is an error here, and
// goes on in the background until Stop. ctx bounds starting only.
func (w *Worker) Start(ctx context.Context) error {
	w.life.Lock()
	defer w.life.Unlock()
	if w.started || w.stopped {
		return ErrWorkerStarted
	}
	loops, quit := context.WithCancel(context.Background())
	news := w.subscribe(loops)
	next, err := w.claim(ctx)
	if err != nil {
		quit()
		return fmt.Errorf("openworkflow: start worker: %w", err)
	}
	w.started, w.quit = true, quit
	w.state.Store(int32(WorkerClaiming))
	w.claims.Go(func() { w.claiming(w.accepting, next) })
	w.loops.Go(func() { w.listening(loops, news) })
	w.loops.Go(func() { w.sweeping(loops) })
	w.loops.Go(func() { w.watchingOthers(loops) })
	w.loops.Go(func() { w.heartbeats(loops) })
	w.loops.Go(func() { w.registering(loops) })
	w.log.Info("worker started", zap.Int("concurrency", w.cfg.Concurrency), zap.Int("workflows", len(w.defs)))
	return nil
}

// stopGrace is how long functions have to return after their contexts have ended.
const stopGrace = 5 * time.Second

// unwindGrace is how long they have once nothing that they call blocks any more.
const unwindGrace = time.Second

// announceTimeout is how long a worker that stops tries to tell the others.
const announceTimeout = 2 * time.Second

// Stop claims no more, lets the step functions in progress finish until ctx ends and then cancels them,
// gives the runs back, and joins everything. It returns an error if a function ignored its context: its
// run keeps its lease until it expires.
func (w *Worker) Stop(ctx context.Context) error {
	w.life.Lock()
	defer w.life.Unlock()
	if w.stopped {
		return nil
	}
	w.stopped = true
	w.stopping.Store(true)
	w.state.Store(int32(WorkerStopping))
	defer w.state.Store(int32(WorkerStopped))
	w.resign()
	defer context.AfterFunc(ctx, w.abort)()
	w.claims.Wait()
	parked := w.residents.all()
	for _, x := range parked {
		x.evict(errStopping)
	}
	for _, x := range w.all() {
		x.mu.Lock()
		x.settle() // quiet runs are parked now
		x.mu.Unlock()
	}
	left := w.wait(ctx)
	if left > 0 {
		for _, x := range w.all() {
			x.interrupt()
			x.stop(endCause{errStopping})
		}
		left = w.waitFor(stopGrace)
	}
	for _, x := range w.all() {
		x.end(errStopping)
	}
	if w.started {
		w.quit()
	}
	w.loops.Wait()
	w.journal.drain()
	w.marks.stop()
	w.announce(parked)
	w.cancel()
	w.abort()
	if left > 0 { // some may have waited for the database only
		left = w.waitFor(unwindGrace)
	}
	w.log.Info("worker stopped", zap.Int("left", left))
	if left > 0 {
		return fmt.Errorf("openworkflow: stop worker: %d runs execute a function that ignores its context; their leases expire by themselves", left)
	}
	return nil
}

// all returns the executions that have not ended.
func (w *Worker) all() []*execution {
	w.mu.Lock()
	defer w.mu.Unlock()
	xs := make([]*execution, 0, len(w.executions))
	for _, x := range w.executions {
		xs = append(xs, x)
	}
	return xs
}

// wait waits until no execution is left, or ctx ends; it returns how many are left.
func (w *Worker) wait(ctx context.Context) int {
	w.mu.Lock()
	left := len(w.executions) + len(w.unwinding)
	if left == 0 {
		w.mu.Unlock()
		return 0
	}
	empty := make(chan struct{})
	w.empty = empty
	w.mu.Unlock()
	select {
	case <-empty:
		return 0
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.empty = nil
	return len(w.executions) + len(w.unwinding)
}

// announce has others learn when the runs wake that were parked here.
func (w *Worker) announce(parked []*execution) {
	a, ok := w.cfg.Backend.(ports.Announcer)
	if !ok || len(parked) == 0 {
		return
	}
	var names []string
	for _, x := range parked {
		names = append(names, x.run.WorkflowName)
	}
	slices.Sort(names)
	ctx, cancel := context.WithTimeout(w.ctx, announceTimeout)
	defer cancel()
	a.Announce(ctx, slices.Compact(names))
}

// leftover is an execution that has ended and whose goroutines still run.
type leftover struct {
	since      time.Time
	gone       chan struct{} // closed when they have gone
	passedOver bool          // a claim left its run out
}

func (w *Worker) waitFor(d time.Duration) int {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return w.wait(ctx)
}

// ended moves an execution that has ended to those that unwind.
func (w *Worker) ended(x *execution) {
	w.residents.remove(x)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(x)
	w.unwinding[x] = &leftover{since: time.Now(), gone: make(chan struct{})}
}

// drop takes an execution from those that have not ended; with w.mu held.
func (w *Worker) drop(x *execution) {
	if w.executions[x.run.ID] == x {
		delete(w.executions, x.run.ID)
	}
}

// forget drops an execution whose last goroutine has gone.
func (w *Worker) forget(x *execution) {
	w.residents.remove(x)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(x)
	if l := w.unwinding[x]; l != nil {
		delete(w.unwinding, x)
		close(l.gone)
		if l.passedOver {
			notify(w.due)
		}
	}
	if w.empty != nil && len(w.executions)+len(w.unwinding) == 0 {
		close(w.empty)
		w.empty = nil
	}
}

// of returns the execution of a run that has not ended here.
func (w *Worker) of(runID string) *execution {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.executions[runID]
}
