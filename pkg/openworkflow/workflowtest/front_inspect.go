package workflowtest

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var _ ports.Inspector = (*front)(nil)

// TallyRuns is ports.Inspector's.
func (f *front) TallyRuns(ctx context.Context, filter ports.RunFilter, limit int64) (domain.Tally, error) {
	return call(ctx, f, func(ctx context.Context) (domain.Tally, error) { return f.env.store.TallyRuns(ctx, filter, limit) })
}

// WorkflowStats is ports.Inspector's.
func (f *front) WorkflowStats(ctx context.Context, req ports.StatsRequest) (ports.StatsResult, error) {
	return call(ctx, f, func(ctx context.Context) (ports.StatsResult, error) { return f.env.store.WorkflowStats(ctx, req) })
}

// ListWorkers is ports.Inspector's.
func (f *front) ListWorkers(ctx context.Context, seenWithin time.Duration) ([]domain.WorkerRecord, error) {
	return call(ctx, f, func(ctx context.Context) ([]domain.WorkerRecord, error) {
		return f.env.store.ListWorkers(ctx, seenWithin)
	})
}

// GetStepAttempts is ports.Inspector's.
func (f *front) GetStepAttempts(ctx context.Context, ids []string) ([]domain.StepAttempt, error) {
	return call(ctx, f, func(ctx context.Context) ([]domain.StepAttempt, error) { return f.env.store.GetStepAttempts(ctx, ids) })
}

// Ping is ports.Inspector's.
func (f *front) Ping(ctx context.Context) error {
	_, err := call(ctx, f, func(ctx context.Context) (struct{}, error) { return struct{}{}, f.env.store.Ping(ctx) })
	return err
}
