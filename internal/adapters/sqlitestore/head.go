package sqlitestore

import (
	"database/sql"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

type rowKey struct{ namespace, id string }

// head is the part of a run that transitions look at and change; its payloads are not loaded.
type head struct {
	domain.Run
	storedError sql.NullString
}

// sameError stands in a head for the error that is stored.
var sameError = &domain.Failure{Message: "unchanged"}

func toHead(r *dbsqlc.GetRunHeadsRow) *head {
	return &head{
		Run: domain.Run{
			NamespaceID:       r.NamespaceID,
			ID:                r.ID,
			WorkflowName:      r.WorkflowName,
			Status:            domain.ParseRunStatus(r.Status),
			Error:             sameError,
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
		},
		storedError: r.Error,
	}
}

// headOfRun makes the head of a run that was loaded with all its columns, to store what changed.
func headOfRun(run domain.Run, stored *dbsqlc.WorkflowRun) *head {
	h := &head{Run: run, storedError: stored.Error}
	h.Output, h.Error = nil, sameError
	return h
}

// loadHeads loads the runs with these ids that are not loaded yet. Unknown ones stay unknown.
func (x *work) loadHeads(namespace string, ids []string) error {
	missing := make([]string, 0, len(ids))
	for _, id := range ids {
		if _, known := x.heads[rowKey{namespace, id}]; !known {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := x.q.GetRunHeads(x.ctx, dbsqlc.GetRunHeadsParams{NamespaceID: namespace, Ids: idList(missing)})
	if err != nil {
		return err
	}
	for i := range rows {
		x.heads[rowKey{namespace, rows[i].ID}] = toHead(&rows[i])
	}
	return nil
}

// head is the run with this id; nil if there is none.
func (x *work) head(namespace, id string) (*head, error) {
	if err := x.loadHeads(namespace, []string{id}); err != nil {
		return nil, err
	}
	return x.heads[rowKey{namespace, id}], nil
}

// saveHead writes what a transition changed.
func (x *work) saveHead(h *head) error {
	if h.Error != sameError {
		h.storedError, h.Error = failureOrNull(h.Error), sameError
	}
	err := x.q.UpdateRun(x.ctx, dbsqlc.UpdateRunParams{
		Status:      string(h.Status),
		Output:      jsonOrNull(h.Output),
		Error:       h.storedError,
		Attempts:    int64(h.Attempts),
		Failures:    int64(h.Failures),
		Recoveries:  int64(h.Recoveries),
		WorkerID:    textOrNull(h.WorkerID),
		AvailableAt: wakeOrNull(h.AvailableAt),
		StartedAt:   factOrNull(h.StartedAt),
		FinishedAt:  factOrNull(h.FinishedAt),
		UpdatedAt:   fact(h.UpdatedAt),
		NamespaceID: h.NamespaceID,
		ID:          h.ID,
	})
	if err != nil {
		return err
	}
	x.heads[rowKey{h.NamespaceID, h.ID}] = h
	return nil
}
