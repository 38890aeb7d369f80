package openworkflow

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// The defaults of WorkerOptions.
const (
	DefaultConcurrency   = 10
	DefaultLeaseDuration = 30 * time.Second
	DefaultStopTimeout   = 30 * time.Second
	DefaultStepLimit     = 1000 // TypeScript's
)

// WorkerOptions configure a worker. Zero fields have defaults, negative ones are refused.
type WorkerOptions struct {
	// Workflows are what the worker executes; it never touches runs of others. At least one. Several versions
	// of a workflow may be registered side by side, each once.
	Workflows []AnyWorkflow
	// Concurrency is the number of runs that execute at once; 0 is 10. Runs that are parked (asleep, waiting for
	// a signal, a child or a retry) do not count.
	Concurrency int
	// LeaseDuration is how long a run stays this worker's after its last heartbeat; 0 is 30 s. After a crash
	// others take its runs over when that is past. Heartbeats come several times as often.
	LeaseDuration time.Duration
	// StopTimeout is the time that Run gives the steps under way when it stops; 0 is 30 s.
	StopTimeout time.Duration
	// StepLimit is the most step attempts of a run, beyond which it fails with ErrStepLimitExceeded; 0 is 1000,
	// as in TypeScript, which fails runs with more whatever is set here.
	StepLimit int
}

// check fills the defaults and refuses what cannot be.
func (o *WorkerOptions) check() error {
	var errs []error
	if o.Concurrency < 0 {
		errs = append(errs, edge.Invalid("WorkerOptions.Concurrency is %d; it must not be negative", o.Concurrency))
	}
	if o.StepLimit < 0 {
		errs = append(errs, edge.Invalid("WorkerOptions.StepLimit is %d; it must not be negative", o.StepLimit))
	}
	errs = append(errs,
		edge.CheckDuration("WorkerOptions.LeaseDuration", o.LeaseDuration),
		edge.CheckDuration("WorkerOptions.StopTimeout", o.StopTimeout),
		checkWorkflows(o.Workflows))
	setDefault(&o.Concurrency, DefaultConcurrency)
	setDefault(&o.LeaseDuration, DefaultLeaseDuration)
	setDefault(&o.StopTimeout, DefaultStopTimeout)
	setDefault(&o.StepLimit, DefaultStepLimit)
	return errors.Join(errs...)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func checkWorkflows(ws []AnyWorkflow) error {
	if len(ws) == 0 {
		return edge.Invalid("WorkerOptions.Workflows is empty: a worker executes only what is registered")
	}
	type key struct{ name, version string }
	var errs []error
	seen := make(map[key]AnyWorkflow, len(ws))
	for i, w := range ws {
		if w == nil {
			errs = append(errs, edge.Invalid("WorkerOptions.Workflows[%d] is nil", i))
			continue
		}
		if err := w.Err(); err != nil {
			errs = append(errs, err)
			continue
		}
		k := key{w.Name(), w.Version()}
		if first, twice := seen[k]; twice {
			errs = append(errs, edge.Invalid("workflow %q, version %q, is registered twice: defined at %s and at %s; change one's name or version",
				k.name, k.version, first.place(), w.place()))
		}
		seen[k] = w
	}
	return errors.Join(errs...)
}

// Worker executes the runs of its workflows. Any number of workers, in any number of processes, may share a
// database. It is safe for concurrent use.
type Worker struct {
	engine      *engine.Worker
	observers   *observers
	stopTimeout time.Duration
	stopping    chan struct{}
	stopOnce    sync.Once
	stopped     sync.Once
}

// NewWorker makes a worker. It returns everything that is wrong with the options and the workflows in one
// error, and does not touch the database.
func (c *Client) NewWorker(o WorkerOptions) (*Worker, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	cfg := engine.WorkerConfig{
		Backend: c.backend, Concurrency: o.Concurrency, LeaseDuration: o.LeaseDuration, StepLimit: o.StepLimit,
		Errors: failures{}, Logger: c.config.zap, Observer: c.config.observers.forEngine(c.backend),
	}
	settings := c.settings()
	for _, w := range o.Workflows {
		cfg.Definitions = append(cfg.Definitions, w.engineDefinition(settings))
	}
	return &Worker{engine: engine.NewWorker(cfg), observers: c.config.observers, stopTimeout: o.StopTimeout, stopping: make(chan struct{})}, nil
}

// Run starts the worker, waits until ctx ends, and stops it, giving the work under way
// WorkerOptions.StopTimeout. It fits errgroup and signal.NotifyContext:
//
//	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
//	defer stop()
//	return worker.Run(ctx)
//
// It returns nil after a clean stop, also when Stop was called elsewhere.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.Start(ctx); err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil
		}
		return err
	}
	select {
	case <-ctx.Done():
	case <-w.stopping: // whoever stops it meanwhile is waited for below
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.stopTimeout)
	defer cancel()
	return w.Stop(grace)
}

// Start starts the worker and returns when it is claiming runs. ctx bounds the starting only. A worker starts
// once: make another one to start again.
func (w *Worker) Start(ctx context.Context) error {
	err := w.engine.Start(ctx)
	if err == nil {
		w.observers.workerStarted(w)
	}
	return err
}

// Stop stops claiming, lets the steps under way finish until ctx ends, then cancels their contexts, gives the
// runs back and returns when nothing of the worker runs any more. Runs go on where they were, here or
// elsewhere; stopping is nobody's failure and uses up no attempt.
func (w *Worker) Stop(ctx context.Context) error {
	w.stopOnce.Do(func() { close(w.stopping) })
	defer w.stopped.Do(func() { w.observers.workerStopped(w) })
	return w.engine.Stop(ctx)
}

// Tick does one round on a worker that is not started, for tests: it claims runs that are due, executes them
// until each has ended or waits, and returns their number.
func (w *Worker) Tick(ctx context.Context) (int, error) { return w.engine.Tick(ctx) }
