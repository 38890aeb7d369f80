package memstore

import (
	"context"
	"fmt"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// ended does all that ending brings: it closes the run's open attempts, drops its buffered signals and
// wakes the parent. It reports whether a parked parent became due.
func (x *tx) ended(r *run) (woke bool) {
	x.sp.requeue(r)
	for _, a := range r.open {
		domain.ApplyClose(&a.StepAttempt, r.Status, x.now)
		x.sp.indexAttempt(a)
	}
	for _, b := range r.inbox {
		x.sp.signals.forget(b)
	}
	r.inbox = nil
	x.event(r.NamespaceID).finished(r.ID)
	return x.wakeParent(r)
}

func (x *tx) wakeParent(child *run) bool {
	if child.ParentNamespaceID == "" || child.ParentAttemptID == "" {
		return false
	}
	sp := x.data.space(child.ParentNamespaceID)
	a := sp.linked[child.ParentAttemptID]
	if a == nil || a.ChildRunID != child.ID || a.ChildNamespaceID != child.NamespaceID {
		return false
	}
	return x.wake(sp, a.run)
}

// wake makes the run due if it is parked; it reports whether it is. Somebody who may own it is told.
func (x *tx) wake(sp *space, r *run) bool {
	if !domain.ApplyWake(&r.Run, x.now) {
		x.event(sp.namespace).touched(r.ID)
		return false
	}
	sp.requeue(r)
	x.event(sp.namespace).due(r.WorkflowName)
	return true
}

// tell spreads the news that a run can be claimed, now or at a time that workers do not know yet: they may
// sleep until the last time that they know. It reports whether the run is due now.
func (x *tx) tell(r *run) bool {
	x.event(r.NamespaceID).due(r.WorkflowName)
	return !r.AvailableAt.IsZero() && !r.AvailableAt.After(x.now)
}

// end ends a run without its owner.
func (x *tx) end(r *run, status domain.RunStatus, failure *domain.Failure) {
	if r.WorkerID != "" {
		x.event(r.NamespaceID).touched(r.ID)
	}
	domain.ApplyEnd(&r.Run, status, failure, x.now)
	x.ended(r)
}

// CancelRun is ports.ClientBackend's.
func (s *Store) CancelRun(ctx context.Context, id string) (out domain.Run, err error) {
	err = s.do(ctx, func(x *tx) error {
		r, ok := x.sp.runs[id]
		switch {
		case !ok:
			return fmt.Errorf("%w: %s", domain.ErrRunNotFound, id)
		case r.Status == domain.RunCompleted || r.Status == domain.RunFailed:
			return fmt.Errorf("%w: %s is %s", domain.ErrRunFinished, id, r.Status)
		case r.Status != domain.RunCanceled:
			x.end(r, domain.RunCanceled, nil)
		}
		out = cloneRun(&r.Run)
		return nil
	})
	return out, err
}
