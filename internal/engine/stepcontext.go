package engine

import (
	"context"
	"sync/atomic"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

type stepKey struct{}

// stepContext is a step function's context: it knows the try, and ends with the context that the step was called with and
// when the function returns. Most short functions never ask for its end, so what that takes is made at the first
// question. The caller's context may be the user's code: it is asked without a lock.
type stepContext struct {
	context.Context // the caller's
	x               *execution
	attempt         *domain.StepAttempt // the step may have finished: what its end fills in is not looked at
	mark            unmarked

	own  atomic.Pointer[ending] // nil while nobody has asked
	over atomic.Bool            // it has ended
}

// ending is a context with what ends it.
type ending struct {
	context.Context
	cancel context.CancelCauseFunc
}

// end ends the context: with a cause, or because the function has returned.
func (c *stepContext) end(cause error) {
	if cause != nil || c.Context.Err() != nil { // whoever asks later is to hear of that
		c.ending()
	}
	c.over.Store(true)
	if own := c.own.Load(); own != nil {
		own.cancel(cause)
	}
}

// ending is what knows of the context's end.
func (c *stepContext) ending() *ending {
	if own := c.own.Load(); own != nil {
		return own
	}
	caller := c.Context
	if c.over.Load() { // what has become of it since does not matter
		caller = context.WithoutCancel(caller)
	}
	own := new(ending)
	own.Context, own.cancel = context.WithCancelCause(caller)
	if !c.own.CompareAndSwap(nil, own) {
		own.cancel(nil)
		return c.own.Load()
	}
	if c.over.Load() {
		own.cancel(nil)
	}
	return own
}

// present is what answers for the context where its end does not matter but if it has come.
func (c *stepContext) present() context.Context {
	switch own := c.own.Load(); {
	case own != nil:
		return own
	case c.over.Load():
		return c.ending()
	}
	return c.Context
}

// String is what is printed of it, which changes as it is used.
func (c *stepContext) String() string { return "openworkflow step " + c.attempt.StepName }

func (c *stepContext) Done() <-chan struct{} { return c.ending().Done() }
func (c *stepContext) Err() error            { return c.present().Err() }
func (c *stepContext) Value(key any) any {
	if key == (stepKey{}) {
		return c
	}
	return c.present().Value(key) // also whatever package context asks about the end
}

// StepIdempotencyKey is equal over all tries of the step that the context belongs to; "" outside a step.
func StepIdempotencyKey(ctx context.Context) string {
	if c, ok := ctx.Value(stepKey{}).(*stepContext); ok {
		return c.x.run.ID + ":" + c.attempt.StepName
	}
	return ""
}

// StepAttemptID is the id of the try that the context belongs to; "" outside a step.
func StepAttemptID(ctx context.Context) string {
	if c, ok := ctx.Value(stepKey{}).(*stepContext); ok {
		return c.attempt.ID
	}
	return ""
}
