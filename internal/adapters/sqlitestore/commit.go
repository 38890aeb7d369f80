package sqlitestore

import (
	"context"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Commit is ports.Backend's.
func (s *Store) Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	if err := domain.CheckBatch(ts); err != nil {
		return nil, err
	}
	if len(ts) == 0 {
		return []domain.Verdict{}, nil
	}
	return write(ctx, &s.verbs, func(x *work) ([]domain.Verdict, error) {
		b := batch{work: x, ts: ts, verdicts: make([]domain.Verdict, len(ts))}
		return b.verdicts, b.commit()
	})
}

// batch is one Commit at work.
type batch struct {
	*work
	ts       []domain.Transition
	verdicts []domain.Verdict
	attempts map[string]*domain.StepAttempt // the stored ones, as far as transitions look at them

	endedPlainly []string
}

func (b *batch) commit() error {
	if err := b.load(); err != nil {
		return err
	}
	for _, steps := range []bool{true, false} {
		for i := range b.ts {
			if b.ts[i].Kind.AboutStep() != steps {
				continue
			}
			if err := b.commitOne(&b.ts[i], &b.verdicts[i]); err != nil {
				return err
			}
		}
	}
	if len(b.endedPlainly) == 0 {
		return nil
	}
	return b.dropSignalsOf(b.ns, b.endedPlainly...)
}

// load reads all runs and attempts that the batch has to look at, in two statements.
func (b *batch) load() error {
	var runIDs, attemptIDs []string
	seen := make(map[string]struct{})
	for i := range b.ts {
		t := &b.ts[i]
		if t.OneRow() {
			continue
		}
		if _, twice := seen[t.Lease.RunID]; !twice {
			seen[t.Lease.RunID] = struct{}{}
			runIDs = append(runIDs, t.Lease.RunID)
		}
		if t.Kind.AboutStep() {
			attemptIDs = append(attemptIDs, t.Attempt.ID)
		}
	}
	if err := b.loadHeads(b.ns, runIDs); err != nil {
		return err
	}
	return b.loadAttempts(attemptIDs)
}

func (b *batch) loadAttempts(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if b.attempts == nil {
		b.attempts = make(map[string]*domain.StepAttempt, len(ids))
	}
	rows, err := b.q.GetAttemptHeads(b.ctx, dbsqlc.GetAttemptHeadsParams{NamespaceID: b.ns, Ids: idList(ids)})
	for i := range rows {
		r := &rows[i]
		b.attempts[r.ID] = &domain.StepAttempt{
			NamespaceID:      b.ns,
			ID:               r.ID,
			RunID:            r.WorkflowRunID,
			Kind:             domain.StepKind(r.Kind),
			Status:           domain.ParseStepStatus(r.Status),
			Output:           readJSON(r.Output),
			Error:            readFailure(r.Error),
			ChildNamespaceID: r.ChildWorkflowRunNamespaceID.String,
			ChildRunID:       r.ChildWorkflowRunID.String,
		}
	}
	return err
}

// commitOne answers one transition. An error means that the transaction is lost.
func (b *batch) commitOne(t *domain.Transition, v *domain.Verdict) error {
	if v.Err = t.CheckStorable(); v.Err != nil {
		return nil //nolint:nilerr // the error is the item's answer
	}
	if t.OneRow() {
		done, err := b.commitPlain(t)
		if err == nil && !done && t.Kind.AboutStep() {
			err = b.loadAttempts([]string{t.Attempt.ID})
		}
		if done || err != nil {
			return b.answer(v, err)
		}
	}
	apply := func() error {
		if t.Kind.AboutStep() {
			return b.commitStep(t, v)
		}
		return b.commitRun(t, v)
	}
	if writesOnce(t) { // SQLite undoes a statement that fails
		return b.answer(v, apply())
	}
	refused, failed := b.item(apply)
	if refused != nil {
		*v = domain.Verdict{Err: interpretError("", refused)}
	}
	return failed
}

// answer makes an error of the item's only statement its verdict. Any other error means that the transaction is lost.
func (b *batch) answer(v *domain.Verdict, err error) error {
	if err == nil || !isAnswer(err) {
		return err
	}
	clear(b.heads)
	*v = domain.Verdict{Err: interpretError("", err)}
	return nil
}

// writesOnce reports whether the transition is one statement at most, which needs no savepoint.
func writesOnce(t *domain.Transition) bool {
	switch t.Kind {
	case domain.ParkRun, domain.RetryRun:
		return true
	case domain.StartStep:
		return t.Attempt.Kind != domain.KindSignalWait
	case domain.FinishStep:
		return !t.Progress
	}
	return false
}

func (b *batch) commitStep(t *domain.Transition, v *domain.Verdict) error {
	h, err := b.head(b.ns, t.Lease.RunID)
	if err != nil {
		return err
	}
	stored := b.attempts[t.Attempt.ID]
	delivered := false
	if t.Timeout && stored != nil {
		if delivered, err = b.isDelivered(stored.ID); err != nil {
			return err
		}
	}
	run := runOf(h)
	a, err := domain.ApplyStep(run, stored, t, delivered, b.now)
	if err != nil {
		return err
	}
	if a != nil {
		if err := b.saveAttempt(h, run, stored, a); err != nil {
			return err
		}
		if v.Satisfied, err = b.takeBuffered(a); err != nil {
			return err
		}
		stored = a
	}
	if t.Kind == domain.StartChild {
		v.Woke, err = b.linkChild(run, stored, t)
	}
	return err
}

// runOf is a copy that a domain function may change; nil for no run.
func runOf(h *head) *domain.Run {
	if h == nil {
		return nil
	}
	run := h.Run
	return &run
}

// saveAttempt writes the attempt, and the run if the attempt was progress.
func (b *batch) saveAttempt(h *head, run *domain.Run, stored, a *domain.StepAttempt) error {
	write := b.finishAttempt
	if stored == nil {
		write = b.insertAttempt
	}
	if err := write(a); err != nil {
		return err
	}
	if run.Recoveries != h.Recoveries {
		if err := b.q.ClearRecoveries(b.ctx, dbsqlc.ClearRecoveriesParams{NamespaceID: b.ns, ID: run.ID}); err != nil {
			return err
		}
		h.Recoveries = run.Recoveries
	}
	return nil
}

func (x *work) insertAttempt(a *domain.StepAttempt) error {
	return x.q.InsertAttempt(x.ctx, dbsqlc.InsertAttemptParams{
		NamespaceID:                 a.NamespaceID,
		ID:                          a.ID,
		WorkflowRunID:               a.RunID,
		StepName:                    a.StepName,
		Kind:                        string(a.Kind),
		Status:                      string(a.Status),
		Config:                      string(a.Config),
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
		UpdatedAt:                   fact(a.UpdatedAt),
	})
}

func (x *work) finishAttempt(a *domain.StepAttempt) error {
	return x.q.FinishAttempt(x.ctx, dbsqlc.FinishAttemptParams{
		Status:      string(a.Status),
		Output:      jsonOrNull(a.Output),
		Error:       failureOrNull(a.Error),
		Final:       a.Final,
		RetryAt:     wakeOrNull(a.RetryAt),
		FinishedAt:  factOrNull(a.FinishedAt),
		UpdatedAt:   fact(a.UpdatedAt),
		NamespaceID: a.NamespaceID,
		ID:          a.ID,
	})
}

func (b *batch) commitRun(t *domain.Transition, v *domain.Verdict) error {
	h, err := b.head(b.ns, t.Lease.RunID)
	if err != nil {
		return err
	}
	satisfied := false
	if t.Kind == domain.ParkRun && h != nil {
		if satisfied, err = b.isSatisfied(h.ID); err != nil {
			return err
		}
	}
	run := runOf(h)
	applied, err := domain.ApplyRun(run, t, satisfied, b.now)
	if err != nil || !applied {
		return err
	}
	next := &head{Run: *run, storedError: h.storedError}
	if err := b.saveHead(next); err != nil {
		return err
	}
	if t.Kind.Terminal() {
		v.Woke, err = b.ended(next)
		return err
	}
	if v.Woke = b.isDue(next.AvailableAt); v.Woke {
		b.event(b.ns).due(next.WorkflowName)
	}
	return nil
}

func (x *work) isSatisfied(runID string) (bool, error) {
	return x.q.IsRunSatisfied(x.ctx, dbsqlc.IsRunSatisfiedParams{NamespaceID: x.ns, WorkflowRunID: runID})
}
