package pgstore

import (
	"context"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// GetRuns is ports.ClientBackend's.
func (c *client) GetRuns(ctx context.Context, ids []string) ([]domain.Run, error) {
	var found []domain.Run
	err := c.runner.run(ctx, planOnce, func(p *pipeline) {
		rowsAs(p, (*dbsqlc.Queries).GetRuns, dbsqlc.GetRunsParams{NamespaceID: c.namespace, Ids: given(ids)}, toRun, &found)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// given makes an array parameter of ids: nil would be SQL NULL.
func given(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}

// RunStates is ports.ClientBackend's.
func (c *client) RunStates(ctx context.Context, ids []string) ([]domain.RunState, error) {
	var found []dbsqlc.GetRunStatesRow
	err := c.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).GetRunStates, dbsqlc.GetRunStatesParams{NamespaceID: c.namespace, Ids: given(ids)}, &found)
	})
	if err != nil {
		return nil, err
	}
	return column(found, func(r *dbsqlc.GetRunStatesRow) domain.RunState {
		return domain.RunState{ID: r.ID, Status: domain.ParseRunStatus(r.Status), Epoch: int(r.Attempts), WorkerID: text(r.WorkerID)}
	}), nil
}

// CountRuns is ports.ClientBackend's.
func (c *client) CountRuns(ctx context.Context) (domain.RunCounts, error) {
	var found []dbsqlc.CountRunsRow
	err := c.runner.run(ctx, planEach, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).CountRuns, c.namespace, &found)
	})
	var out domain.RunCounts
	for _, r := range found {
		out.Add(r.Status, r.Runs)
	}
	return out, err
}
