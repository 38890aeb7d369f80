package pgstore

import (
	"context"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// storedAs lists the words that stand for a run status in the table.
func storedAs(status domain.RunStatus) []string {
	switch status {
	case "":
		return nil
	case domain.RunRunning:
		return []string{"running", "sleeping"}
	case domain.RunCompleted:
		return []string{"completed", "succeeded"}
	}
	return []string{string(status)}
}

// ListStepAttempts is ports.ClientBackend's.
func (c *client) ListStepAttempts(ctx context.Context, runID string, page ports.PageRequest) (ports.Page[domain.StepAttempt], error) {
	var at domain.Cursor
	switch {
	case page.Before != nil:
		at = *page.Before
	case page.After != nil:
		at = *page.After
	}
	return list(ctx, c, page, func(p *pipeline, limit int32, out *[]domain.StepAttempt) {
		rowsAs(p, (*dbsqlc.Queries).ListStepAttempts, dbsqlc.ListStepAttemptsParams{
			NamespaceID: c.namespace, RunID: runID, AfterCreatedAt: at.CreatedAt, AfterID: at.ID, RowLimit: limit,
		}, toAttempt, out)
	}, func(p *pipeline, limit int32, out *[]domain.StepAttempt) {
		rowsAs(p, (*dbsqlc.Queries).ListStepAttemptsBackwards, dbsqlc.ListStepAttemptsBackwardsParams{
			NamespaceID: c.namespace, RunID: runID, BeforeCreatedAt: at.CreatedAt, BeforeID: at.ID, RowLimit: limit,
		}, toAttempt, out)
	})
}

type listing[R any] func(p *pipeline, limit int32, out *[]R)

// list reads a page and one row more, to know whether there is more. The rules are TypeScript's: a page
// before a cursor has a next one, a page after a cursor has a previous one.
func list[R any](ctx context.Context, c *client, page ports.PageRequest, forwards, backwards listing[R]) (ports.Page[R], error) {
	var found []R
	limit := max(1, page.Limit)
	err := c.runner.run(ctx, planEach, func(p *pipeline) {
		if page.Before != nil {
			backwards(p, int32(limit)+1, &found)
		} else {
			forwards(p, int32(limit)+1, &found)
		}
	})
	if err != nil {
		return ports.Page[R]{}, err
	}
	more := len(found) > limit
	found = found[:min(len(found), limit)]
	if page.Before != nil {
		slices.Reverse(found)
		return ports.Page[R]{Items: found, HasNext: true, HasPrev: more}, nil
	}
	return ports.Page[R]{Items: found, HasNext: more, HasPrev: page.After != nil}, nil
}
