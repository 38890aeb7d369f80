package sqlitestore

import (
	"context"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// storedStatuses are the words under which a status is stored, the legacy ones included.
func storedStatuses(s domain.RunStatus) string {
	switch s {
	case "":
		return ""
	case domain.RunRunning:
		return idList([]string{"running", "sleeping"})
	case domain.RunCompleted:
		return idList([]string{"completed", "succeeded"})
	}
	return idList([]string{string(s)})
}

// ListRuns is ports.ClientBackend's.
func (v *verbs) ListRuns(ctx context.Context, f ports.RunFilter, p ports.PageRequest) (ports.Page[domain.Run], error) {
	at, id := startOf(p, true)
	arg := dbsqlc.ListRunsParams{
		CursorCreatedAt: at, CursorID: id, CreatedBefore: lastTime,
		Statuses: storedStatuses(f.Status), WorkflowName: f.WorkflowName, Version: f.Version,
		IdempotencyKey: f.IdempotencyKey, MaxRows: int64(p.Limit) + 1,
	}
	if !f.CreatedAfter.IsZero() {
		arg.CreatedFrom = wake(f.CreatedAfter)
	}
	if !f.CreatedBefore.IsZero() {
		arg.CreatedBefore = wake(f.CreatedBefore)
	}
	return read(ctx, v, func(x *work) (ports.Page[domain.Run], error) {
		arg.NamespaceID = x.ns
		var rows []dbsqlc.WorkflowRun
		var err error
		if p.Before != nil {
			rows, err = x.q.ListRunsBackwards(x.ctx, dbsqlc.ListRunsBackwardsParams(arg))
		} else {
			rows, err = x.q.ListRuns(x.ctx, arg)
		}
		return pageOf(toRuns(rows), p), err
	})
}

// ListStepAttempts is ports.ClientBackend's.
func (v *verbs) ListStepAttempts(ctx context.Context, runID string, p ports.PageRequest) (ports.Page[domain.StepAttempt], error) {
	at, id := startOf(p, false)
	return read(ctx, v, func(x *work) (ports.Page[domain.StepAttempt], error) {
		arg := dbsqlc.ListStepAttemptsParams{
			NamespaceID: x.ns, WorkflowRunID: runID, CursorCreatedAt: at, CursorID: id, MaxRows: int64(p.Limit) + 1,
		}
		var rows []dbsqlc.StepAttempt
		var err error
		if p.Before != nil {
			rows, err = x.q.ListStepAttemptsBackwards(x.ctx, dbsqlc.ListStepAttemptsBackwardsParams(arg))
		} else {
			rows, err = x.q.ListStepAttempts(x.ctx, arg)
		}
		return pageOf(toAttempts(rows), p), err
	})
}

// startOf is the place from which a page is read: the cursor, or the end that the list begins at.
func startOf(p ports.PageRequest, newestFirst bool) (createdAt, id string) {
	cursor := p.After
	if p.Before != nil {
		cursor = p.Before
	}
	switch {
	case cursor != nil:
		return fact(cursor.CreatedAt), cursor.ID
	case newestFirst:
		return lastTime, lastID
	}
	return "", ""
}

// pageOf cuts a page from rows that hold one more than its limit, if there is more. TypeScript's rules: a
// page before a cursor has a next one, a page after a cursor has a previous one.
func pageOf[T any](items []T, p ports.PageRequest) ports.Page[T] {
	more := len(items) > p.Limit
	if more {
		items = items[:p.Limit]
	}
	if p.Before != nil {
		slices.Reverse(items)
		return ports.Page[T]{Items: items, HasNext: true, HasPrev: more}
	}
	return ports.Page[T]{Items: items, HasNext: more, HasPrev: p.After != nil}
}
