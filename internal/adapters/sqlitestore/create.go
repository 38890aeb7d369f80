package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// CreateRuns is ports.ClientBackend's. If one of the runs is refused, none is made.
func (v *verbs) CreateRuns(ctx context.Context, runs []domain.NewRun) ([]string, error) {
	for i := range runs {
		if err := runs[i].CheckStorable(); err != nil {
			return nil, err
		}
	}
	return write(ctx, v, func(x *work) ([]string, error) {
		ids := make([]string, len(runs))
		for i := range runs {
			var err error
			if ids[i], _, err = x.createRun(&runs[i]); err != nil {
				return nil, err
			}
		}
		return ids, nil
	})
}

// createRun finds the run that was asked for before, or makes it; due is whether it made one that may start now.
func (x *work) createRun(n *domain.NewRun) (id string, due bool, err error) {
	if n.IdempotencyKey != "" {
		if id, err := x.existingRun(n); id != "" || err != nil {
			return id, false, err
		}
	}
	now := x.now
	if n.StartAfter > 0 {
		now = x.clock // a delay counts from the very present
	}
	availableAt := n.AvailableAt(now)
	inserted, err := x.q.CreateRun(x.ctx, dbsqlc.CreateRunParams{
		NamespaceID:                  x.ns,
		ID:                           n.ID,
		WorkflowName:                 n.WorkflowName,
		Version:                      textOrNull(n.Version),
		IdempotencyKey:               textOrNull(n.IdempotencyKey),
		Config:                       string(configOf(n.Config)),
		Context:                      jsonOrNull(n.Context),
		Input:                        jsonOrNull(n.Input),
		ParentStepAttemptNamespaceID: textOrNull(n.ParentNamespaceID),
		ParentStepAttemptID:          textOrNull(n.ParentAttemptID),
		AvailableAt:                  wakeOrNull(availableAt),
		DeadlineAt:                   factOrNull(n.DeadlineAt), // cut to milliseconds: never later than asked for
		CreatedAt:                    fact(x.now),
		UpdatedAt:                    fact(x.now),
	})
	if err != nil || inserted == 0 {
		return n.ID, false, err
	}
	for i := range n.History {
		if err := x.insertPast(n.ID, &n.History[i]); err != nil {
			return n.ID, false, err
		}
	}
	x.event(x.ns).due(n.WorkflowName) // also of one that starts later: the next claim tells when
	return n.ID, x.isDue(storedWake(availableAt)), nil
}

// existingRun is the run with the id, or else the oldest one that the idempotency key still binds to, or else "".
func (x *work) existingRun(n *domain.NewRun) (id string, err error) {
	row, err := x.q.GetRun(x.ctx, dbsqlc.GetRunParams{NamespaceID: x.ns, ID: n.ID})
	if errors.Is(err, sql.ErrNoRows) {
		row, err = x.q.GetRunByIdempotencyKey(x.ctx, dbsqlc.GetRunByIdempotencyKeyParams{
			NamespaceID: x.ns, WorkflowName: n.WorkflowName, IdempotencyKey: text(n.IdempotencyKey),
			Since: fact(x.now.Add(-n.Window())),
		})
	}
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return row.ID, err
}

// storedWake is a time that is waited for as it is read back.
func storedWake(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return domain.CeilMillis(t).Round(0).UTC()
}

func (x *work) isDue(availableAt time.Time) bool {
	return !availableAt.IsZero() && !availableAt.After(x.now)
}

func configOf(given json.RawMessage) json.RawMessage {
	if given == nil {
		return json.RawMessage("{}")
	}
	return bytes.Clone(given)
}

// insertPast writes an attempt of the history that a run begins with.
func (x *work) insertPast(runID string, a *domain.StepAttempt) error {
	return x.q.InsertAttempt(x.ctx, dbsqlc.InsertAttemptParams{
		NamespaceID:                 x.ns,
		ID:                          a.ID,
		WorkflowRunID:               runID,
		StepName:                    a.StepName,
		Kind:                        string(a.Kind),
		Status:                      string(a.Status),
		Config:                      string(configOf(a.Config)),
		Context:                     jsonOrNull(a.Context),
		Output:                      jsonOrNull(a.Output),
		Error:                       failureOrNull(a.Error),
		Final:                       a.Final,
		RetryAt:                     wakeOrNull(a.RetryAt),
		ChildWorkflowRunNamespaceID: textOrNull(a.ChildNamespaceID),
		ChildWorkflowRunID:          textOrNull(a.ChildRunID),
		StartedAt:                   factOrNull(a.StartedAt),
		FinishedAt:                  factOrNull(a.FinishedAt),
		CreatedAt:                   fact(a.CreatedAt),
		UpdatedAt:                   x.nowText(),
	})
}
