package openworkflow

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// RunBatch starts a run for each input, in one call to the database where Run makes one for each, and returns
// their handles in the same order. Options apply to all: WithDeadline, WithStartAt, WithStartAfter;
// WithIdempotencyKey is refused, since a key names one run.
//
// Inputs are checked before anything is written. Up to 8 MiB of them are written in one transaction. Errors are
// those of Run; after an error of the backend's some of the runs may exist.
func (s *Spec[In, Out]) RunBatch(ctx context.Context, c *Client, ins []In, opts ...RunOption) ([]*RunHandle[Out], error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	return startAll[In, Out](ctx, c, &s.id, ins, opts)
}

// RunBatch starts a run for each input; see Spec.RunBatch.
func (w *Workflow[In, Out]) RunBatch(ctx context.Context, c *Client, ins []In, opts ...RunOption) ([]*RunHandle[Out], error) {
	if err := w.Err(); err != nil {
		return nil, err
	}
	return startAll[In, Out](ctx, c, &w.spec.id, ins, opts)
}

func startAll[In, Out any](ctx context.Context, c *Client, id *identityOf, ins []In, opts []RunOption) ([]*RunHandle[Out], error) {
	cfg, err := c.runConfig(opts)
	if err == nil && cfg.keyed {
		err = edge.Invalid("RunBatch takes no idempotency key: a key names one run")
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	runs := make([]domain.NewRun, len(ins))
	for i := range ins {
		if runs[i], err = newRun(c, id, &ins[i], &cfg); err != nil {
			return nil, fmt.Errorf("run %s: input %d: %w", id, i, err)
		}
	}
	if len(runs) == 0 {
		return nil, nil
	}
	ctx, call := c.config.observers.observe(ctx, c.startCall(id, len(runs)))
	carried := call.carry(nil)
	for i := range runs {
		runs[i].Context = carried
	}
	made, err := c.backend.CreateRuns(ctx, runs)
	call.started(runs[0].ID, err, made...)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	handles := make([]*RunHandle[Out], len(made))
	for i := range made {
		handles[i] = &RunHandle[Out]{client: c, id: made[i], workflow: id.name}
	}
	c.config.zap.Info("workflow runs created", zap.String("workflow", id.name), zap.String("version", id.version), zap.Int("runs", len(made)))
	return handles, nil
}
