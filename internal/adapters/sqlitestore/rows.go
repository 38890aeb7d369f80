package sqlitestore

import (
	"bytes"
	"database/sql"
	"encoding/json"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

var jsonNull = json.RawMessage("null")

// jsonOrNull stores a payload; JSON's null becomes SQL's, as TypeScript does.
func jsonOrNull(raw json.RawMessage) sql.NullString {
	if len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), jsonNull) {
		return sql.NullString{}
	}
	return text(string(raw))
}

// readJSON reads a payload; SQL's NULL is none.
func readJSON(s sql.NullString) json.RawMessage {
	if !s.Valid {
		return nil
	}
	return json.RawMessage(s.String)
}

// readValue reads a payload that exists: SQL's NULL is JSON's.
func readValue(s sql.NullString) json.RawMessage {
	if !s.Valid {
		return bytes.Clone(jsonNull)
	}
	return json.RawMessage(s.String)
}

func failureOrNull(f *domain.Failure) sql.NullString {
	if f == nil {
		return sql.NullString{}
	}
	return text(string(f.JSON()))
}

func readFailure(s sql.NullString) *domain.Failure {
	if !s.Valid {
		return nil
	}
	return domain.ParseFailure([]byte(s.String))
}

// toRun maps a row of workflow_runs.
func toRun(r *dbsqlc.WorkflowRun) domain.Run {
	run := domain.Run{
		NamespaceID:       r.NamespaceID,
		ID:                r.ID,
		WorkflowName:      r.WorkflowName,
		Version:           r.Version.String,
		Status:            domain.ParseRunStatus(r.Status),
		IdempotencyKey:    r.IdempotencyKey.String,
		Config:            json.RawMessage(r.Config),
		Context:           readJSON(r.Context),
		Input:             readValue(r.Input),
		Output:            readJSON(r.Output),
		Error:             readFailure(r.Error),
		Attempts:          int(r.Attempts),
		Failures:          int(r.Failures),
		Recoveries:        int(r.Recoveries),
		ParentNamespaceID: r.ParentStepAttemptNamespaceID.String,
		ParentAttemptID:   r.ParentStepAttemptID.String,
		WorkerID:          r.WorkerID.String,
		AvailableAt:       readNullTime(r.AvailableAt),
		DeadlineAt:        readNullTime(r.DeadlineAt),
		StartedAt:         readNullTime(r.StartedAt),
		FinishedAt:        readNullTime(r.FinishedAt),
		CreatedAt:         readTime(r.CreatedAt),
		UpdatedAt:         readTime(r.UpdatedAt),
	}
	if run.Status == domain.RunCompleted {
		run.Output = readValue(r.Output)
	}
	return run
}

func toRuns(rows []dbsqlc.WorkflowRun) []domain.Run {
	runs := make([]domain.Run, len(rows))
	for i := range rows {
		runs[i] = toRun(&rows[i])
	}
	return runs
}

// toAttempt maps a row of step_attempts.
func toAttempt(r *dbsqlc.StepAttempt) domain.StepAttempt {
	a := domain.StepAttempt{
		NamespaceID:      r.NamespaceID,
		ID:               r.ID,
		RunID:            r.WorkflowRunID,
		StepName:         r.StepName,
		Kind:             domain.StepKind(r.Kind),
		Status:           domain.ParseStepStatus(r.Status),
		Config:           json.RawMessage(r.Config),
		Context:          readJSON(r.Context),
		Output:           readJSON(r.Output),
		Error:            readFailure(r.Error),
		Final:            r.Final,
		RetryAt:          readNullTime(r.RetryAt),
		ChildNamespaceID: r.ChildWorkflowRunNamespaceID.String,
		ChildRunID:       r.ChildWorkflowRunID.String,
		StartedAt:        readNullTime(r.StartedAt),
		FinishedAt:       readNullTime(r.FinishedAt),
		CreatedAt:        readTime(r.CreatedAt),
		UpdatedAt:        readTime(r.UpdatedAt),
	}
	if a.Status == domain.StepCompleted {
		a.Output = readValue(r.Output)
	}
	return a
}

func toAttempts(rows []dbsqlc.StepAttempt) []domain.StepAttempt {
	attempts := make([]domain.StepAttempt, len(rows))
	for i := range rows {
		attempts[i] = toAttempt(&rows[i])
	}
	return attempts
}

// idList is the argument of the queries that take a list of ids.
func idList(ids []string) string {
	raw, err := json.Marshal(ids)
	if err != nil || ids == nil { // strings always marshal
		return "[]"
	}
	return string(raw)
}
