package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// scanAttempts is how many open attempts one sweep looks at: what it looks for exists only where TypeScript
// writes, and a million parked runs must not make each sweep slow. The next one goes on from there.
const scanAttempts = 20000

// longestPutOff is more than TypeScript waits before it looks again at a workflow that it does not know (5 min).
const longestPutOff = 6 * time.Minute

// sweeps remembers, per namespace, who sweeps and how far the look at open attempts has come.
type sweeps struct {
	mu      sync.Mutex
	running map[string]bool
	place   map[string]string
}

func (s *sweeps) begin(namespace string) (place string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running, s.place = make(map[string]bool), make(map[string]string)
	}
	if s.running[namespace] {
		return "", false
	}
	s.running[namespace] = true
	return s.place[namespace], true
}

func (s *sweeps) end(namespace, place string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, namespace)
	s.place[namespace] = place
}

// Sweep is ports.Backend's. Within a process a second sweep is skipped; processes take turns, as writers do.
// What is to be done is looked up beside the writer, and looked at again under its lock.
func (s *Store) Sweep(ctx context.Context, req ports.SweepRequest) (ports.SweepResult, error) {
	place, ok := s.db.sweeps.begin(s.ns)
	if !ok {
		return ports.SweepResult{Skipped: true}, nil
	}
	found, err := read(ctx, &s.verbs, func(x *work) (findings, error) { return x.find(&req, place) })
	if err != nil {
		s.db.sweeps.end(s.ns, place)
		return ports.SweepResult{}, err
	}
	defer s.db.sweeps.end(s.ns, found.place)
	res := ports.SweepResult{Now: found.now}
	if !found.nothing() {
		res, err = write(ctx, &s.verbs, func(x *work) (ports.SweepResult, error) { return x.sweep(&found, req.Limit) })
	}
	res.More = res.Expired == req.Limit || res.Woken == req.Limit || res.Requeued == req.Limit ||
		res.Delivered == req.Limit || res.Deleted == req.Limit
	return res, err
}

// sweep does what was found, as far as it is still to be done.
func (x *work) sweep(found *findings, limit int) (res ports.SweepResult, err error) {
	res.Now = x.clock
	failure := domain.DeadlineFailure()
	for _, id := range found.expired {
		h, err := x.head(x.ns, id)
		if err != nil {
			return res, err
		}
		if h == nil || h.Status.Terminal() || h.DeadlineAt.IsZero() || h.DeadlineAt.After(x.now) {
			continue
		}
		if err := x.endRun(h, domain.RunFailed, &failure); err != nil {
			return res, err
		}
		res.Expired++
	}
	if res.Woken, err = x.wakeSatisfied(found.satisfied); err != nil {
		return res, err
	}
	if res.Requeued, err = x.requeue(found.unregistered); err != nil {
		return res, err
	}
	if res.Delivered, err = x.deliverBuffered(limit); err != nil {
		return res, err
	}
	deleted, err := x.q.DeleteExpiredSignals(x.ctx, dbsqlc.DeleteExpiredSignalsParams{
		NamespaceID: x.ns, Now: text(x.nowText()), MaxRows: int64(limit),
	})
	res.Deleted = int(deleted)
	return res, err
}

func (x *work) wakeSatisfied(ids []string) (woken int, err error) {
	for _, id := range ids {
		h, err := x.head(x.ns, id)
		if err != nil {
			return woken, err
		}
		if h == nil || !h.Parked() || x.isDue(h.AvailableAt) {
			continue
		}
		satisfied, err := x.isSatisfied(id)
		if err != nil {
			return woken, err
		}
		if !satisfied {
			continue
		}
		if _, err := x.wake(x.ns, id); err != nil {
			return woken, err
		}
		woken++
	}
	return woken, nil
}

func (x *work) requeue(ids []string) (requeued int, err error) {
	for _, id := range ids {
		h, err := x.head(x.ns, id)
		if err != nil {
			return requeued, err
		}
		if h == nil || h.Status != domain.RunPending || x.isDue(h.AvailableAt) {
			continue
		}
		err = x.q.MakeRunDue(x.ctx, dbsqlc.MakeRunDueParams{Now: text(x.nowText()), NamespaceID: x.ns, ID: id})
		if err != nil {
			return requeued, err
		}
		x.event(x.ns).due(h.WorkflowName)
		requeued++
	}
	return requeued, nil
}

// deliverBuffered gives buffered signals to the waits that TypeScript opened past them.
func (x *work) deliverBuffered(limit int) (delivered int, err error) {
	rows, err := x.q.GetDeliverableSignals(x.ctx, dbsqlc.GetDeliverableSignalsParams{
		NamespaceID: x.ns, Now: text(x.nowText()), MaxRows: int64(limit),
	})
	if err != nil {
		return 0, err
	}
	for i := range rows {
		ok, err := x.deliverOne(&rows[i])
		if err != nil {
			return delivered, err
		}
		if ok {
			delivered++
		}
	}
	return delivered, nil
}

func (x *work) deliverOne(b *dbsqlc.GetDeliverableSignalsRow) (bool, error) {
	waits, err := x.q.GetOpenWaits(x.ctx, dbsqlc.GetOpenWaitsParams{NamespaceID: x.ns, Signal: text(b.Signal)})
	if err != nil {
		return false, err
	}
	for _, w := range waits {
		if b.WorkflowRunID.Valid && b.WorkflowRunID.String != w.WorkflowRunID {
			continue
		}
		if err := x.q.DeleteBufferedSignal(x.ctx, b.Seq); err != nil {
			return false, err
		}
		if err := x.deliver(b.Signal, b.SenderIdempotencyKey, b.Data, w.WorkflowRunID, w.ID); err != nil {
			return false, err
		}
		_, err := x.wake(x.ns, w.WorkflowRunID)
		return err == nil, err
	}
	return false, nil
}

// findings are what a sweep has to do.
type findings struct {
	expired, satisfied, unregistered []string
	buffered                         bool // signals to deliver or to delete
	place                            string
	now                              time.Time
}

func (f *findings) nothing() bool {
	return len(f.expired)+len(f.satisfied)+len(f.unregistered) == 0 && !f.buffered
}

func (x *work) find(req *ports.SweepRequest, place string) (f findings, err error) {
	f.now = x.clock
	now, limit := text(x.nowText()), int64(req.Limit)
	f.expired, err = x.q.GetExpiredRuns(x.ctx, dbsqlc.GetExpiredRunsParams{NamespaceID: x.ns, Now: now, MaxRows: limit})
	if err != nil {
		return f, err
	}
	if err := x.findSatisfied(&f, place, limit); err != nil {
		return f, err
	}
	for _, key := range req.Workflows {
		ids, err := x.q.GetUnregisteredRuns(x.ctx, dbsqlc.GetUnregisteredRunsParams{
			NamespaceID: x.ns, WorkflowName: key.Name, Version: text(key.Version), Now: now,
			Until: text(fact(x.now.Add(longestPutOff))), MaxRows: limit - int64(len(f.unregistered)),
		})
		if err != nil {
			return f, err
		}
		f.unregistered = append(f.unregistered, ids...)
	}
	f.buffered, err = x.q.HasBufferedWork(x.ctx, dbsqlc.HasBufferedWorkParams{NamespaceID: x.ns, Now: now})
	return f, err
}

// findSatisfied looks at the next open attempts for parked runs that should be due.
func (x *work) findSatisfied(f *findings, place string, limit int64) error {
	last, err := x.q.GetScanEnd(x.ctx, dbsqlc.GetScanEndParams{NamespaceID: x.ns, AfterRunID: place, Attempts: scanAttempts})
	atEnd := errors.Is(err, sql.ErrNoRows)
	if err != nil && !atEnd {
		return err
	}
	f.place = last
	if atEnd {
		last, f.place = lastID, ""
	}
	f.satisfied, err = x.q.GetSatisfiedRuns(x.ctx, dbsqlc.GetSatisfiedRunsParams{
		NamespaceID: x.ns, AfterRunID: place, LastRunID: last, Now: text(x.nowText()), MaxRows: limit,
	})
	if int64(len(f.satisfied)) == limit {
		f.place = place // there may be more behind the limit
	}
	return err
}
