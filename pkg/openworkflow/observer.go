package openworkflow

import "context"

// Observer is told what clients and workers do, for metrics and traces. Fields that are nil are not called, and
// what no observer asks for is not measured. Packages metrics and otel make observers; write one of your own for
// another system.
//
// The functions are called by the goroutines that do the work, also concurrently: they must return at once. One that
// takes its time at the end of a run holds up the runs that ended with it. One that panics is logged, and changes
// nothing. What is replayed is not observed: a step attempt is told of once, by the worker that executed it. After a
// crash some ends are never told.
//
// More fields may be added in later versions.
type Observer struct {
	// CallStarted begins a call of a client: runs are started, a run is canceled, a signal is sent. It returns
	// the context that the call goes on with and that CallEnded gets, made from ctx. A workflow that starts a child
	// makes a call, too; it ends at once, because the child is written together with its step.
	CallStarted func(ctx context.Context, c ObservedCall) context.Context
	// CallEnded ends it.
	CallEnded func(ctx context.Context, c ObservedCall, e ObservedCallEnd)

	// Carrier returns what a run that is started in ctx carries to whoever executes it, such as a W3C traceparent.
	// It is stored in the run as {"traceContext": {…}}, as the TypeScript package does, and is in
	// ObservedSlice.Carrier wherever the run executes. At most 16 KiB; what is larger is left out. The context is
	// CallStarted's.
	Carrier func(ctx context.Context) map[string]string

	// SliceStarted begins a slice: a stretch of a run's execution by one worker, from its claim until it ends, is
	// parked, or is lost. Values that the returned context adds to ctx are seen through the Context of the
	// workflow function and by its steps while the slice lasts.
	SliceStarted func(ctx context.Context, s *ObservedSlice) context.Context
	// SliceEnded ends it, with the context that SliceStarted returned.
	SliceEnded func(ctx context.Context, s *ObservedSlice, e ObservedSliceEnd)

	// StepStarted begins an attempt of a function step (step.Run, Do, Go). It returns the context that the step
	// function is called with, which must be made from ctx: the Context that the step was called with.
	StepStarted func(ctx context.Context, s *ObservedStep) context.Context
	// StepEnded ends an attempt of a step of any kind. The context is StepStarted's; that of kinds which have
	// no StepStarted (sleeps, signals, child workflows) is the slice's, and ObservedStep.StartedAt is when the
	// wait began, perhaps long ago and in another process.
	StepEnded func(ctx context.Context, s *ObservedStep, e ObservedStepEnd)

	// Claimed tells of each call for due runs.
	Claimed func(ObservedClaim)
	// Flushed tells of each batch of results that was written.
	Flushed func(ObservedFlush)
	// Extended tells of each heartbeat, which extends the leases of all runs that execute.
	Extended func(ObservedHeartbeat)

	// WorkerStarted tells of a worker that is claiming now (Worker.Status tells what it does), and WorkerStopped
	// of one that has stopped.
	WorkerStarted, WorkerStopped func(*Worker)
}

// WithObserver has an observer told what the client and its workers do. It may be given several times; each
// observer is told, in the order of the options. Observers cost what they do, and a clock reading or two a step.
func WithObserver(o Observer) ClientOption {
	return clientOption(func(c *clientConfig) {
		if c.observers == nil {
			c.observers = new(observers)
		}
		c.observers.list = append(c.observers.list, o)
	})
}
