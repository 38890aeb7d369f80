package sqlitestore

import (
	"context"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// storedAs are the words under which a status is stored, the legacy ones included; nil of no status.
func storedAs(s domain.RunStatus) []string {
	switch s {
	case "":
		return nil
	case domain.RunRunning:
		return []string{"running", "sleeping"}
	case domain.RunCompleted:
		return []string{"completed", "succeeded"}
	}
	return []string{string(s)}
}

// ListStepAttempts is ports.ClientBackend's.
func (v *verbs) ListStepAttempts(ctx context.Context, runID string, p ports.PageRequest) (ports.Page[domain.StepAttempt], error) {
	at, id := startOf(p)
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

// startOf is the place from which a page of attempts is read: the cursor, or the beginning.
func startOf(p ports.PageRequest) (createdAt, id string) {
	cursor := p.After
	if p.Before != nil {
		cursor = p.Before
	}
	if cursor == nil {
		return "", ""
	}
	return fact(cursor.CreatedAt), cursor.ID
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
