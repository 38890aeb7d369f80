package engine

import (
	"context"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// NewStepContext makes a step function's context and what ends it: with a cause, or nil because the function has returned.
func NewStepContext(caller context.Context) (ctx context.Context, end func(cause error)) {
	c := &stepContext{Context: caller, attempt: &domain.StepAttempt{StepName: "a"}}
	return c, c.end
}

// Marking reports whether the worker's timer of long steps is set.
func (w *Worker) Marking() bool {
	w.marks.mu.Lock()
	defer w.marks.mu.Unlock()
	return w.marks.timer != nil && w.marks.timer.Stop()
}
