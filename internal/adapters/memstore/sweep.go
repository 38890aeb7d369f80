package memstore

import (
	"context"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Sweep is ports.Backend's. Sweeps never meet here, TypeScript writes nothing here, and a wait that opens
// finds what the buffer holds for it: Skipped, Requeued and Delivered stay zero.
func (s *Store) Sweep(ctx context.Context, req ports.SweepRequest) (res ports.SweepResult, err error) {
	err = s.do(ctx, func(x *tx) error {
		res.Now = x.now
		res.Expired = x.failExpired(req.Limit)
		res.Woken = x.wakeSatisfied(req.Limit)
		res.Deleted = x.sp.signals.expire(x.now, req.Limit)
		res.More = res.Expired == req.Limit || res.Woken == req.Limit || res.Deleted == req.Limit
		return nil
	})
	return res, err
}

func (x *tx) failExpired(limit int) (expired int) {
	for expired < limit {
		r := x.sp.deadlines.head()
		if r == nil || r.DeadlineAt.After(x.now) {
			break
		}
		f := domain.DeadlineFailure()
		x.end(r, domain.RunFailed, &f)
		expired++
	}
	return expired
}

// wakeSatisfied finds the parents of a child that was another parent's first: its end wakes that one only.
func (x *tx) wakeSatisfied(limit int) (woken int) {
	for _, a := range x.sp.linked {
		if woken == limit {
			break
		}
		if !a.run.Parked() || !a.run.AvailableAt.After(x.now) {
			continue
		}
		if child := x.childOf(a); child != nil && child.Status.Terminal() && x.wake(x.sp, a.run) {
			woken++
		}
	}
	return woken
}
