package pgstore

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

func newRunSize(n *domain.NewRun) int {
	size := len(n.Input) + len(n.Context) + 256
	for i := range n.History {
		size += len(n.History[i].Output) + len(n.History[i].Context) + 256
	}
	return size
}

// historiesOf are the attempts that runs begin with, each with its run.
func historiesOf(runs []domain.NewRun) (out []domain.StepAttempt) {
	for i := range runs {
		for _, a := range runs[i].History {
			a.RunID = runs[i].ID
			if a.Status == domain.StepCompleted && a.Output == nil {
				a.Output = []byte("null")
			}
			out = append(out, a)
		}
	}
	return out
}

func (c *client) historyParams(past []domain.StepAttempt) dbsqlc.InsertHistoriesParams {
	return dbsqlc.InsertHistoriesParams{
		NamespaceID:       c.namespace,
		Ids:               column(past, func(a *domain.StepAttempt) string { return a.ID }),
		RunIds:            column(past, func(a *domain.StepAttempt) string { return a.RunID }),
		StepNames:         column(past, func(a *domain.StepAttempt) string { return a.StepName }),
		Kinds:             column(past, func(a *domain.StepAttempt) string { return string(a.Kind) }),
		Statuses:          column(past, func(a *domain.StepAttempt) string { return string(a.Status) }),
		Configs:           column(past, func(a *domain.StepAttempt) string { return orEmpty(a.Config) }),
		Contexts:          column(past, func(a *domain.StepAttempt) string { return string(a.Context) }),
		Outputs:           column(past, func(a *domain.StepAttempt) string { return string(a.Output) }),
		Errors:            column(past, func(a *domain.StepAttempt) string { return failureText(a.Error) }),
		Finals:            column(past, func(a *domain.StepAttempt) bool { return a.Final }),
		RetryAts:          column(past, func(a *domain.StepAttempt) time.Time { return a.RetryAt }),
		ChildNamespaceIds: column(past, func(a *domain.StepAttempt) string { return a.ChildNamespaceID }),
		ChildRunIds:       column(past, func(a *domain.StepAttempt) string { return a.ChildRunID }),
		StartedAts:        column(past, func(a *domain.StepAttempt) time.Time { return a.StartedAt }),
		FinishedAts:       column(past, func(a *domain.StepAttempt) time.Time { return a.FinishedAt }),
		CreatedAts:        column(past, func(a *domain.StepAttempt) time.Time { return a.CreatedAt }),
	}
}
