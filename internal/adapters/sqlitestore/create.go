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
func (v *verbs) CreateRuns(ctx context.Context, runs []domain.NewRun) ([]domain.Run, error) {
	for i := range runs {
		if err := runs[i].CheckStorable(); err != nil {
			return nil, err
		}
	}
	return write(ctx, v, func(x *work) ([]domain.Run, error) {
		out := make([]domain.Run, len(runs))
		for i := range runs {
			run, _, err := x.createRun(&runs[i])
			if err != nil {
				return nil, err
			}
			out[i] = run
		}
		return out, nil
	})
}

// createRun finds the run that was asked for before, or makes it.
func (x *work) createRun(n *domain.NewRun) (run domain.Run, created bool, err error) {
	if n.IdempotencyKey != "" {
		existing, err := x.existingRun(n)
		if err != nil {
			return run, false, err
		}
		if existing != nil {
			return toRun(existing), false, nil
		}
	}
	run = x.newRow(n)
	inserted, err := x.q.CreateRun(x.ctx, dbsqlc.CreateRunParams{
		NamespaceID:                  run.NamespaceID,
		ID:                           run.ID,
		WorkflowName:                 run.WorkflowName,
		Version:                      textOrNull(run.Version),
		IdempotencyKey:               textOrNull(run.IdempotencyKey),
		Config:                       string(run.Config),
		Context:                      jsonOrNull(run.Context),
		Input:                        jsonOrNull(run.Input),
		ParentStepAttemptNamespaceID: textOrNull(run.ParentNamespaceID),
		ParentStepAttemptID:          textOrNull(run.ParentAttemptID),
		AvailableAt:                  wakeOrNull(run.AvailableAt),
		DeadlineAt:                   factOrNull(run.DeadlineAt),
		CreatedAt:                    fact(run.CreatedAt),
		UpdatedAt:                    fact(run.UpdatedAt),
	})
	if err != nil {
		return run, false, err
	}
	if inserted == 0 {
		row, err := x.q.GetRun(x.ctx, dbsqlc.GetRunParams{NamespaceID: x.ns, ID: n.ID})
		return toRun(&row), false, err
	}
	for i := range n.History {
		if err := x.insertPast(run.ID, &n.History[i]); err != nil {
			return run, false, err
		}
	}
	x.event(x.ns).due(run.WorkflowName) // also of one that starts later: the next claim tells when
	return run, true, nil
}

// existingRun is the run with the id, or else the oldest one that the idempotency key still binds to.
func (x *work) existingRun(n *domain.NewRun) (*dbsqlc.WorkflowRun, error) {
	row, err := x.q.GetRun(x.ctx, dbsqlc.GetRunParams{NamespaceID: x.ns, ID: n.ID})
	if errors.Is(err, sql.ErrNoRows) {
		row, err = x.q.GetRunByIdempotencyKey(x.ctx, dbsqlc.GetRunByIdempotencyKeyParams{
			NamespaceID: x.ns, WorkflowName: n.WorkflowName, IdempotencyKey: text(n.IdempotencyKey),
			Since: fact(x.now.Add(-n.Window())),
		})
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &row, err
}

// newRow is the new run as it will be read back.
func (x *work) newRow(n *domain.NewRun) domain.Run {
	now := x.now
	if n.StartAfter > 0 {
		now = x.clock // a delay counts from the very present
	}
	return domain.Run{
		NamespaceID:       x.ns,
		ID:                n.ID,
		WorkflowName:      n.WorkflowName,
		Version:           n.Version,
		Status:            domain.RunPending,
		IdempotencyKey:    n.IdempotencyKey,
		Config:            configOf(n.Config),
		Context:           bytes.Clone(readJSON(jsonOrNull(n.Context))),
		Input:             bytes.Clone(readValue(jsonOrNull(n.Input))),
		ParentNamespaceID: n.ParentNamespaceID,
		ParentAttemptID:   n.ParentAttemptID,
		AvailableAt:       storedWake(n.AvailableAt(now)),
		DeadlineAt:        n.DeadlineAt.Round(0).UTC().Truncate(time.Millisecond), // never later than asked for
		CreatedAt:         x.now,
		UpdatedAt:         x.now,
	}
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
