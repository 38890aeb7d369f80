package sqlitestore

import (
	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// commitPlain writes a plain transition. It decides nothing: where the lease does not hold, or a step has a row, nothing is
// written, and done is false.
func (b *batch) commitPlain(t *domain.Transition) (done bool, err error) {
	run := &domain.Run{NamespaceID: b.ns, ID: t.Lease.RunID, Status: domain.RunRunning, WorkerID: t.Lease.WorkerID, Attempts: t.Lease.Epoch}
	if t.Kind.AboutStep() {
		return b.insertPlain(run, t)
	}
	return b.endPlain(run, t)
}

func (b *batch) insertPlain(run *domain.Run, t *domain.Transition) (done bool, err error) {
	a, err := domain.ApplyStep(run, nil, t, false, b.now)
	if err != nil {
		return false, nil //nolint:nilerr // such a lease is never held; the general way finds the answer
	}
	written, err := b.q.InsertPlainAttempt(b.ctx, dbsqlc.InsertPlainAttemptParams{
		ID:            a.ID,
		StepName:      a.StepName,
		Status:        string(a.Status),
		Output:        jsonOrNull(a.Output),
		Error:         failureOrNull(a.Error),
		Final:         a.Final,
		RetryAt:       wakeOrNull(a.RetryAt),
		StartedAt:     factOrNull(a.StartedAt),
		FinishedAt:    factOrNull(a.FinishedAt),
		CreatedAt:     fact(a.CreatedAt),
		UpdatedAt:     fact(a.UpdatedAt),
		NamespaceID:   b.ns,
		WorkflowRunID: run.ID,
		WorkerID:      text(t.Lease.WorkerID),
		Epoch:         int64(t.Lease.Epoch),
	})
	return written > 0, err
}

func (b *batch) endPlain(run *domain.Run, t *domain.Transition) (done bool, err error) {
	if _, err := domain.ApplyRun(run, t, false, b.now); err != nil {
		return false, nil //nolint:nilerr // likewise
	}
	written, err := b.q.EndPlainRun(b.ctx, dbsqlc.EndPlainRunParams{
		Status:        string(run.Status),
		Output:        jsonOrNull(run.Output),
		Error:         failureOrNull(run.Error),
		WorkerIDAfter: textOrNull(run.WorkerID),
		FinishedAt:    factOrNull(run.FinishedAt),
		UpdatedAt:     fact(run.UpdatedAt),
		NamespaceID:   b.ns,
		ID:            run.ID,
		WorkerID:      text(t.Lease.WorkerID),
		Epoch:         int64(t.Lease.Epoch),
	})
	if err != nil || written == 0 {
		return false, err
	}
	delete(b.heads, rowKey{b.ns, run.ID})
	b.endedPlainly = append(b.endedPlainly, run.ID)
	b.event(b.ns).finished(run.ID)
	return true, nil
}
