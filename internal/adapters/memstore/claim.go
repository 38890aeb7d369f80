package memstore

import (
	"container/heap"
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// ClaimRuns is ports.Backend's.
func (s *Store) ClaimRuns(ctx context.Context, req ports.ClaimRequest) (res ports.ClaimResult, err error) {
	err = s.do(ctx, func(x *tx) error {
		c := claimer{tx: x, req: &req, exclude: make(map[string]struct{}, len(req.Exclude))}
		for _, id := range req.Exclude {
			c.exclude[id] = struct{}{}
		}
		res = c.claim()
		return nil
	})
	return res, err
}

// claimer is one claim at work.
type claimer struct {
	*tx
	req     *ports.ClaimRequest
	exclude map[string]struct{}
	aside   []*run // excluded runs, out of their queues until the claim is over
}

func (c *claimer) claim() ports.ClaimResult {
	defer c.putBack()
	res := ports.ClaimResult{Now: c.now}
	for idle := 0; idle < len(c.req.Workflows) && len(res.Runs) < c.req.Limit; {
		for _, key := range c.req.Workflows {
			if len(res.Runs) == c.req.Limit {
				break
			}
			r := c.head(key)
			if r == nil || r.due.After(c.now) {
				idle++
				continue
			}
			idle = 0
			domain.ApplyClaim(&r.Run, c.req.WorkerID, c.req.LeaseDuration, c.now)
			c.sp.requeue(r)
			c.tell(r) // the others now have a lease's end to watch
			res.Runs = append(res.Runs, cloneRun(&r.Run))
		}
	}
	if len(res.Runs) < c.req.Limit {
		res.NextDue = c.nextDue()
	}
	return res
}

// head is the first of a workflow's runs that this claim may have, due or not.
func (c *claimer) head(key domain.WorkflowKey) *run {
	q := c.sp.queues[key]
	for r := q.head(); r != nil; r = q.head() {
		if !r.DeadlineAt.IsZero() && !r.DeadlineAt.After(c.now) {
			heap.Pop(q) // never claimed again: the sweep ends it
			continue
		}
		if _, excluded := c.exclude[r.ID]; !excluded {
			return r
		}
		c.aside = append(c.aside, heap.Pop(q).(*run))
	}
	return nil
}

func (c *claimer) nextDue() time.Time {
	var next time.Time
	for _, key := range c.req.Workflows {
		if r := c.head(key); r != nil && (next.IsZero() || r.due.Before(next)) {
			next = r.due
		}
	}
	return next
}

func (c *claimer) putBack() {
	for _, r := range c.aside {
		c.sp.requeue(r)
	}
}

var _ ports.BatchReclaimer = (*Store)(nil)

// ReclaimRun is ports.Backend's.
func (s *Store) ReclaimRun(ctx context.Context, req ports.ReclaimRequest) (res ports.ReclaimResult, err error) {
	err = s.do(ctx, func(x *tx) error {
		r := x.reclaim(&req)
		if r == nil {
			r = x.sp.runs[req.RunID]
			if r == nil || !r.Owned(domain.Lease{RunID: req.RunID, WorkerID: req.WorkerID, Epoch: req.Epoch + 1}) {
				return domain.ErrLeaseLost
			}
		}
		res = ports.ReclaimResult{Run: cloneRun(&r.Run), Now: x.now}
		return nil
	})
	return res, err
}

// ReclaimRuns is ports.BatchReclaimer's.
func (s *Store) ReclaimRuns(ctx context.Context, reqs []ports.ReclaimRequest) (res ports.ClaimResult, err error) {
	err = s.do(ctx, func(x *tx) error {
		res.Now = x.now
		for i := range reqs {
			if r := x.reclaim(&reqs[i]); r != nil {
				res.Runs = append(res.Runs, cloneRun(&r.Run))
			}
		}
		return nil
	})
	return res, err
}

// reclaim takes a parked run back; nil if somebody claimed or ended it since.
func (x *tx) reclaim(req *ports.ReclaimRequest) *run {
	r := x.sp.runs[req.RunID]
	if r == nil || !r.Parked() || r.Attempts != req.Epoch {
		return nil
	}
	domain.ApplyClaim(&r.Run, req.WorkerID, req.LeaseDuration, x.now)
	x.sp.requeue(r)
	x.tell(r)
	return r
}

// ExtendLeases is ports.Backend's.
func (s *Store) ExtendLeases(ctx context.Context, req ports.LeaseRequest) (res ports.LeaseResult, err error) {
	err = s.do(ctx, func(x *tx) error {
		res.Now = x.now
		for _, l := range req.Leases {
			l.WorkerID = req.WorkerID
			r, ok := x.sp.runs[l.RunID]
			if !ok || !r.Owned(l) {
				res.Lost = append(res.Lost, l.RunID)
				continue
			}
			r.AvailableAt, r.UpdatedAt = x.now.Add(req.Duration), x.now
			x.sp.requeue(r)
		}
		return nil
	})
	return res, err
}
