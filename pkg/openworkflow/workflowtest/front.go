package workflowtest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

var (
	_ ports.Backend = (*front)(nil)
	_ ports.Awaiter = (*front)(nil)
	_ ports.Apart   = (*front)(nil)
)

// front is the store as the test sees it: every call is executed in the bubble, where the clock is the
// virtual one. It is no Notifier, since channels of the bubble must not leave it.
type front struct {
	ports.Backend // in the bubble
	env           *Env
	stirred       atomic.Int64 // counts what may make runs go on
}

// stir notes that something has happened that may make runs go on.
func (f *front) stir() { f.stirred.Add(1) }

// call executes fn in the bubble. The caller's context stays outside: what is made of it in the bubble would
// belong there.
func call[T any](ctx context.Context, f *front, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if inside() {
		return fn(ctx)
	}
	var answer struct {
		value T
		err   error
	}
	if err := f.env.bubble.run(func() { answer.value, answer.err = fn(context.Background()) }); err != nil {
		return zero, err
	}
	return answer.value, answer.err
}

// CreateRuns is ports.ClientBackend's.
func (f *front) CreateRuns(ctx context.Context, runs []domain.NewRun) (ids []string, err error) {
	defer f.stir()
	return call(ctx, f, func(ctx context.Context) ([]string, error) { return f.Backend.CreateRuns(ctx, runs) })
}

// StartsApart is ports.Apart's: a test and the step functions, which may start runs at the same time, are on two
// sides of the bubble.
func (f *front) StartsApart() {}

// SendSignals is ports.ClientBackend's.
func (f *front) SendSignals(ctx context.Context, signals []domain.Signal) ([]ports.SignalResult, error) {
	defer f.stir()
	return call(ctx, f, func(ctx context.Context) ([]ports.SignalResult, error) { return f.Backend.SendSignals(ctx, signals) })
}

// CancelRun is ports.ClientBackend's.
func (f *front) CancelRun(ctx context.Context, id string) (domain.Run, error) {
	defer f.stir()
	return call(ctx, f, func(ctx context.Context) (domain.Run, error) { return f.Backend.CancelRun(ctx, id) })
}

// GetRuns is ports.ClientBackend's.
func (f *front) GetRuns(ctx context.Context, ids []string) ([]domain.Run, error) {
	return call(ctx, f, func(ctx context.Context) ([]domain.Run, error) { return f.Backend.GetRuns(ctx, ids) })
}

// RunStates is ports.ClientBackend's.
func (f *front) RunStates(ctx context.Context, ids []string) ([]domain.RunState, error) {
	return call(ctx, f, func(ctx context.Context) ([]domain.RunState, error) { return f.Backend.RunStates(ctx, ids) })
}

// ListRuns is ports.ClientBackend's.
func (f *front) ListRuns(ctx context.Context, filter ports.RunFilter, page ports.PageRequest) (ports.Page[domain.Run], error) {
	return call(ctx, f, func(ctx context.Context) (ports.Page[domain.Run], error) {
		return f.Backend.ListRuns(ctx, filter, page)
	})
}

// CountRuns is ports.ClientBackend's.
func (f *front) CountRuns(ctx context.Context) (domain.RunCounts, error) {
	return call(ctx, f, f.Backend.CountRuns)
}

// ListStepAttempts is ports.ClientBackend's.
func (f *front) ListStepAttempts(ctx context.Context, runID string, page ports.PageRequest) (ports.Page[domain.StepAttempt], error) {
	return call(ctx, f, func(ctx context.Context) (ports.Page[domain.StepAttempt], error) {
		return f.Backend.ListStepAttempts(ctx, runID, page)
	})
}

var errNoWorkers = errors.New("workflowtest: the Env has a worker of its own; give its workflows to New")

// ClaimRuns refuses workers that the test makes: they would live outside of the bubble.
func (f *front) ClaimRuns(context.Context, ports.ClaimRequest) (ports.ClaimResult, error) {
	return ports.ClaimResult{}, errNoWorkers
}

// anythingDue reports, in the bubble, whether the worker has something to claim.
func (f *front) anythingDue() bool {
	known := make(map[domain.WorkflowKey]bool)
	for _, w := range f.env.workflows {
		known[domain.WorkflowKey{Name: w.Name(), Version: w.Version()}] = true
	}
	now := time.Now()
	for _, status := range []domain.RunStatus{domain.RunPending, domain.RunRunning} {
		due, err := f.find(ports.RunFilter{Status: status}, func(run *domain.Run) bool {
			return known[domain.WorkflowKey{Name: run.WorkflowName, Version: run.Version}] && domain.Claimable(run, now)
		})
		if due != nil || err != nil {
			return err == nil
		}
	}
	return false
}

// find returns the first run that fn accepts, in the bubble.
func (f *front) find(filter ports.RunFilter, accept func(*domain.Run) bool) (*domain.Run, error) {
	page := ports.PageRequest{Limit: openworkflow.MaxPageLimit}
	for {
		runs, err := f.Backend.ListRuns(context.Background(), filter, page)
		if err != nil {
			return nil, err
		}
		for i := range runs.Items {
			if accept(&runs.Items[i]) {
				return &runs.Items[i], nil
			}
		}
		if !runs.HasNext {
			return nil, nil
		}
		last := runs.Items[len(runs.Items)-1]
		page.After = &domain.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}
