package engine

import (
	"context"
	"sync"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

type stepKey struct{}

// stepContext is a step function's context: it knows the try, and ends with the context that the step was called with and
// when the function returns. Few functions that are short ask for the end, so what it takes is made for the first that does.
type stepContext struct {
	context.Context // the caller's
	x               *execution
	attempt         *domain.StepAttempt // the step may have finished: what its end fills in is not looked at

	mu     sync.Mutex
	own    context.Context // nil while nobody has asked
	cancel context.CancelCauseFunc
	over   bool
}

// end ends the context; with a cause, before the function has returned.
func (c *stepContext) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cause != nil {
		c.derive()
	}
	c.over = true
	if c.own != nil {
		c.cancel(cause)
	}
}

// derive makes the context's own end; with the mutex held.
func (c *stepContext) derive() context.Context {
	if c.own == nil {
		c.own, c.cancel = context.WithCancelCause(c.Context)
		if c.over {
			c.cancel(nil)
		}
	}
	return c.own
}

// inner is what answers for the context.
func (c *stepContext) inner(ended bool) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ended || c.over {
		return c.derive()
	}
	if c.own == nil {
		return c.Context
	}
	return c.own
}

func (c *stepContext) Done() <-chan struct{} { return c.inner(true).Done() }
func (c *stepContext) Err() error            { return c.inner(false).Err() }
func (c *stepContext) Value(key any) any {
	if key == (stepKey{}) {
		return c
	}
	return c.inner(false).Value(key) // also whatever package context asks about the end
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
