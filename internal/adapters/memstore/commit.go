package memstore

import (
	"context"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Commit is ports.Backend's.
func (s *Store) Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	if err := domain.CheckBatch(ts); err != nil {
		return nil, err
	}
	verdicts := make([]domain.Verdict, len(ts))
	err := s.do(ctx, func(x *tx) error {
		for _, steps := range []bool{true, false} {
			for i := range ts {
				if ts[i].Kind.AboutStep() == steps {
					verdicts[i] = x.commitOne(&ts[i])
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return verdicts, nil
}

func (x *tx) commitOne(t *domain.Transition) domain.Verdict {
	if err := t.CheckStorable(); err != nil {
		return domain.Verdict{Err: err}
	}
	if t.Kind.AboutStep() {
		return x.commitStep(t)
	}
	return x.commitRun(t)
}

func (x *tx) commitStep(t *domain.Transition) domain.Verdict {
	r, stored := x.sp.runs[t.Lease.RunID], x.sp.attempts[t.Attempt.ID]
	var row *domain.StepAttempt
	delivered := false
	if stored != nil {
		row, delivered = &stored.StepAttempt, stored.delivered
	}
	write, err := domain.ApplyStep(rowOf(r), row, t, delivered, x.now)
	if err != nil {
		return domain.Verdict{Err: err}
	}
	var v domain.Verdict
	if write != nil {
		*write = cloneAttempt(write)
		stored = x.sp.storeAttempt(r, write)
		x.sp.requeue(r) // progress shortens the way back from a lost lease
		if stored.open() && stored.waitsFor != "" {
			v.Satisfied = x.takeBuffered(stored)
		}
	}
	if t.Kind == domain.StartChild {
		v.Woke = x.linkChild(stored, t)
	}
	return v
}

func rowOf(r *run) *domain.Run {
	if r == nil {
		return nil
	}
	return &r.Run
}

func (x *tx) commitRun(t *domain.Transition) domain.Verdict {
	r := x.sp.runs[t.Lease.RunID]
	applied, err := domain.ApplyRun(rowOf(r), t, r != nil && x.satisfied(r), x.now)
	if err != nil || !applied {
		return domain.Verdict{Err: err}
	}
	r.Output, r.Error = clone(r.Output), cloneFailure(r.Error)
	r.AvailableAt = plain(r.AvailableAt)
	x.sp.requeue(r)
	if t.Kind.Terminal() {
		return domain.Verdict{Woke: x.ended(r)}
	}
	return domain.Verdict{Woke: x.tell(r)}
}

// satisfied reports whether an open wait of the run has what it waits for.
func (x *tx) satisfied(r *run) bool {
	for _, a := range r.open {
		if a.delivered {
			return true
		}
		if child := x.childOf(a); child != nil && child.Status.Terminal() {
			return true
		}
	}
	return false
}

// childOf is the run that a workflow step is linked to; nil if there is none.
func (x *tx) childOf(a *attempt) *run {
	if a.Kind != domain.KindWorkflow || a.ChildRunID == "" {
		return nil
	}
	return x.data.space(a.ChildNamespaceID).runs[a.ChildRunID]
}

// linkChild makes sure that the workflow step has its one child. A step that is linked or has ended stays
// as it is.
func (x *tx) linkChild(a *attempt, t *domain.Transition) (woke bool) {
	if a.ChildRunID != "" || !a.open() {
		return false
	}
	child, created := x.childFor(a, t.Child)
	a.ChildNamespaceID, a.ChildRunID, a.UpdatedAt = child.NamespaceID, child.ID, x.now
	x.sp.indexAttempt(a)
	return created && !child.AvailableAt.After(x.now)
}

func (x *tx) childFor(a *attempt, n *domain.NewRun) (child *run, created bool) {
	if known := x.sp.children[parentKey(x.sp.namespace, a.ID)]; len(known) > 0 {
		return known[0], false
	}
	n2 := *n
	n2.ParentNamespaceID, n2.ParentAttemptID = x.sp.namespace, a.ID
	return x.createRun(&n2)
}
