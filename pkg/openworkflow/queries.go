package openworkflow

import (
	"context"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// RunFilter selects runs. Zero fields select all.
type RunFilter struct {
	WorkflowName   string
	Version        string
	Status         RunStatus
	IdempotencyKey string
	WorkerID       string    // running runs that this worker holds: its lease on them has not run out
	CreatedAfter   time.Time // inclusive
	CreatedBefore  time.Time // exclusive

	// WithoutPayloads leaves Input and Output of the runs nil, for lists that do not show them: on Postgres they are not read
	// at all. It has no effect on which runs are selected.
	WithoutPayloads bool

	PageOptions
}

// GetRun reads a run. ErrRunNotFound if there is none with the id in the client's namespace.
func (c *Client) GetRun(ctx context.Context, id string) (*Run, error) {
	run, err := c.get(ctx, id)
	if err != nil {
		return nil, err
	}
	out := runOf(&run)
	return &out, nil
}

func (c *Client) get(ctx context.Context, id string) (domain.Run, error) {
	if err := c.ready(); err != nil {
		return domain.Run{}, err
	}
	if err := checkRunID(id); err != nil {
		return domain.Run{}, err
	}
	runs, err := c.backend.GetRuns(ctx, []string{id})
	if err != nil {
		return domain.Run{}, err
	}
	if len(runs) == 0 {
		return domain.Run{}, notFound(id)
	}
	return runs[0], nil
}

// checkRunID answers for ids that no run can have, which a database might not even take as a parameter.
func checkRunID(id string) error {
	if id == "" || edge.CheckText("run id", id, edge.MaxKey) != nil {
		return fmt.Errorf("%w: %.100q is not an id", ErrRunNotFound, id)
	}
	return nil
}

func notFound(id string) error { return fmt.Errorf("%w: %s", ErrRunNotFound, id) }

// ListRuns returns a page of the runs that the filter selects, newest first. Where a filter selects few of very
// many runs, a page may be Partial.
func (c *Client) ListRuns(ctx context.Context, filter RunFilter) (*Page[Run], error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	page, err := filter.request()
	if err != nil {
		return nil, err
	}
	f, err := filter.filter()
	if err != nil {
		return nil, err
	}
	runs, err := c.backend.ListRuns(ctx, f, page)
	if err != nil {
		return nil, err
	}
	return pageOf(runs, page, runOf, (*domain.Run).Place), nil
}

func (f RunFilter) filter() (ports.RunFilter, error) {
	status := domain.ParseRunStatus(string(f.Status))
	if status != "" && !status.Valid() {
		return ports.RunFilter{}, edge.Invalid("RunFilter.Status is %q; use pending, running, completed, failed or canceled", f.Status)
	}
	for _, text := range []struct{ what, text string }{
		{"RunFilter.WorkflowName", f.WorkflowName}, {"RunFilter.Version", f.Version}, {"RunFilter.IdempotencyKey", f.IdempotencyKey},
		{"RunFilter.WorkerID", f.WorkerID},
	} {
		if err := edge.CheckText(text.what, text.text, edge.MaxKey); err != nil {
			return ports.RunFilter{}, err
		}
	}
	for _, at := range []struct {
		what string
		time time.Time
	}{{"RunFilter.CreatedAfter", f.CreatedAfter}, {"RunFilter.CreatedBefore", f.CreatedBefore}} {
		if err := edge.CheckTime(at.what, at.time); err != nil {
			return ports.RunFilter{}, err
		}
	}
	return ports.RunFilter{
		Status: status, WorkflowName: f.WorkflowName, Version: f.Version, IdempotencyKey: f.IdempotencyKey,
		WorkerID: f.WorkerID, CreatedAfter: f.CreatedAfter, CreatedBefore: f.CreatedBefore, WithoutPayloads: f.WithoutPayloads,
	}, nil
}

// CountRuns counts the runs of the client's namespace by status.
func (c *Client) CountRuns(ctx context.Context) (RunCounts, error) {
	if err := c.ready(); err != nil {
		return RunCounts{}, err
	}
	n, err := c.backend.CountRuns(ctx)
	return RunCounts(n), err
}

// ListStepAttempts returns a page of a run's step attempts, oldest first. A run that does not exist has none.
func (c *Client) ListStepAttempts(ctx context.Context, runID string, page PageOptions) (*Page[StepAttempt], error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	if err := checkRunID(runID); err != nil {
		return nil, err
	}
	req, err := page.request()
	if err != nil {
		return nil, err
	}
	attempts, err := c.backend.ListStepAttempts(ctx, runID, req)
	if err != nil {
		return nil, err
	}
	return pageOf(attempts, req, stepAttemptOf, func(a *domain.StepAttempt) domain.Cursor {
		return domain.Cursor{CreatedAt: a.CreatedAt, ID: a.ID}
	}), nil
}

// CancelRun ends a run as canceled: it will not complete any more. The contexts of its running steps end within
// a heartbeat of its worker, at once where the backend notifies. Cancelling it again is harmless.
// ErrRunNotFound if there is no such run, ErrRunFinished if it has completed or failed. Its child workflows go
// on, as in TypeScript.
func (c *Client) CancelRun(ctx context.Context, id string) error {
	if err := c.ready(); err != nil {
		return err
	}
	if err := checkRunID(id); err != nil {
		return err
	}
	ctx, call := c.config.observers.observe(ctx, ObservedCall{Verb: CallCancel, NamespaceID: c.backend.Namespace(), RunID: id})
	_, err := c.backend.CancelRun(ctx, id)
	call.end(ObservedCallEnd{Err: err})
	return err
}
