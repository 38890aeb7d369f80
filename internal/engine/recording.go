package engine

import (
	"context"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// asked tells a backend that only replays (ports.Recording) which step the run asks for.
func (x *execution) asked(step string) {
	if r, ok := x.w.cfg.Backend.(ports.Recording); ok {
		r.Asked(x.run.ID, step)
	}
}

// unrecorded stands in for a step that has no recorded outcome where the backend only replays: it blocks
// like a step that takes for ever, and ends as one would. Elsewhere it returns nil, and the step goes on.
func (x *execution) unrecorded(ctx context.Context, step string) error {
	r, ok := x.w.cfg.Backend.(ports.Recording)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(x.ctx, func() { cancel(context.Cause(x.ctx)) })
	defer stop()
	r.Unrecorded(ctx, x.run.ID, step)
	if x.ctx.Err() != nil {
		return x.suspended()
	}
	return context.Cause(ctx)
}
