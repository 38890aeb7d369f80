package pgstore

import (
	"context"
	"fmt"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// ending ends runs without their owners: by cancelling them, or because their deadlines passed. The runs
// and their parents are locked before.
type ending struct {
	*client
	status     domain.RunStatus
	failure    *domain.Failure
	byDeadline bool

	ended   []string
	parents []dbsqlc.WakeParentsRow
}

func (e *ending) build(p *pipeline, ids []string) {
	var failure *string
	if e.failure != nil {
		failure = optional(failureText(e.failure))
	}
	rows(p, (*dbsqlc.Queries).EndRuns, dbsqlc.EndRunsParams{
		NamespaceID: e.namespace, Ids: ids, Status: string(e.status), Error: failure, ByDeadline: e.byDeadline,
	}, &e.ended)
	e.closeAttempts(p, ids, e.status)
	rows(p, (*dbsqlc.Queries).WakeParents, dbsqlc.WakeParentsParams{NamespaceID: e.namespace, Ids: ids}, &e.parents)
}

// news tells of the ended runs; those that somebody owned are touched, too.
func (e *ending) news(before []dbsqlc.LockRunsRow) ports.Event {
	var n bulletin
	ended := setOf(e.ended)
	for _, r := range before {
		if _, ok := ended[r.ID]; ok && r.WorkerID != nil {
			n.touched(r.ID)
		}
	}
	for _, id := range e.ended {
		n.finished(id)
	}
	for _, r := range e.parents {
		n.parent(r.ID, r.WorkflowName, r.Parked)
	}
	return n.Event
}

// CancelRun is ports.ClientBackend's.
func (c *client) CancelRun(ctx context.Context, id string) (domain.Run, error) {
	e := &ending{client: c, status: domain.RunCanceled}
	ids := []string{id}
	var before []dbsqlc.LockRunsRow
	var found []domain.Run
	err := c.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).LockRuns, dbsqlc.LockRunsParams{NamespaceID: c.namespace, Ids: ids, Ending: ids}, &before)
		e.build(p, ids)
		rowsAs(p, (*dbsqlc.Queries).GetRuns, dbsqlc.GetRunsParams{NamespaceID: c.namespace, Ids: ids}, toRun, &found)
	})
	switch {
	case err != nil:
		return domain.Run{}, err
	case len(found) == 0:
		return domain.Run{}, fmt.Errorf("%w: %s", domain.ErrRunNotFound, id)
	}
	c.publish(ctx, e.news(before))
	r := found[0]
	if r.Status != domain.RunCanceled {
		return domain.Run{}, fmt.Errorf("%w: %s is %s", domain.ErrRunFinished, id, r.Status)
	}
	return r, nil
}
