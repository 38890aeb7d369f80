package pgstore

import (
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

func toRun(r *dbsqlc.Run) domain.Run {
	return domain.Run{
		NamespaceID:       r.NamespaceID,
		ID:                r.ID,
		WorkflowName:      r.WorkflowName,
		Version:           text(r.Version),
		Status:            domain.ParseRunStatus(r.Status),
		IdempotencyKey:    text(r.IdempotencyKey),
		Config:            r.Config,
		Context:           r.Context,
		Input:             r.Input,
		Output:            r.Output,
		Error:             domain.ParseFailure(r.Error),
		Attempts:          int(r.Attempts),
		Failures:          int(r.Failures),
		Recoveries:        int(r.Recoveries),
		ParentNamespaceID: text(r.ParentStepAttemptNamespaceID),
		ParentAttemptID:   text(r.ParentStepAttemptID),
		WorkerID:          text(r.WorkerID),
		AvailableAt:       moment(r.AvailableAt),
		DeadlineAt:        moment(r.DeadlineAt),
		StartedAt:         moment(r.StartedAt),
		FinishedAt:        moment(r.FinishedAt),
		CreatedAt:         r.CreatedAt.UTC(),
		UpdatedAt:         r.UpdatedAt.UTC(),
	}
}

func toAttempt(a *dbsqlc.StepAttempt) domain.StepAttempt {
	return domain.StepAttempt{
		NamespaceID:      a.NamespaceID,
		ID:               a.ID,
		RunID:            a.WorkflowRunID,
		StepName:         a.StepName,
		Kind:             domain.StepKind(a.Kind),
		Status:           domain.ParseStepStatus(a.Status),
		Config:           a.Config,
		Context:          a.Context,
		Output:           a.Output,
		Error:            domain.ParseFailure(a.Error),
		Final:            a.Final,
		RetryAt:          moment(a.RetryAt),
		ChildNamespaceID: text(a.ChildWorkflowRunNamespaceID),
		ChildRunID:       text(a.ChildWorkflowRunID),
		StartedAt:        moment(a.StartedAt),
		FinishedAt:       moment(a.FinishedAt),
		CreatedAt:        a.CreatedAt.UTC(),
		UpdatedAt:        a.UpdatedAt.UTC(),
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// optional is a parameter that is NULL for "": a column without a value, or a filter that selects all.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// known is a parameter that is NULL for no time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// orNull is a payload that is JSON null when there is none.
func orNull(raw json.RawMessage) string {
	if raw == nil {
		return "null"
	}
	return string(raw)
}

// orEmpty is a config that is an empty object when there is none.
func orEmpty(raw json.RawMessage) string {
	if raw == nil {
		return "{}"
	}
	return string(raw)
}

// failureText is the stored form of an error; "" stands for SQL NULL.
func failureText(f *domain.Failure) string { return string(f.JSON()) }

// micros is a duration as the queries take it. It is rounded up: no wait ends early.
func micros(d time.Duration) int64 {
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}
