package pgstore

import (
	"context"
	"math"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// stretch is how many open waits, and how many buffered signals, one sweep looks at. The next one goes on
// behind them.
const stretch = 5000

// sweepPlace is where the next sweep of a namespace goes on.
type sweepPlace struct {
	runID string
	seq   int64
}

// Sweep is ports.Backend's. Waits and buffered signals beyond the first few thousand are looked at by turns. What
// finds nothing to do, as most do, is one round trip.
func (s *Store) Sweep(ctx context.Context, req ports.SweepRequest) (ports.SweepResult, error) {
	w := s.newSweeping(&req)
	if err := s.runner.run(repeated(ctx), planOnce, w.look); err != nil {
		return ports.SweepResult{}, err
	}
	w.choose()
	if w.elected.Locked && w.anything() {
		var err error
		if w, err = s.repair(ctx, &req); err != nil {
			return ports.SweepResult{}, err
		}
	}
	res := ports.SweepResult{Skipped: !w.elected.Locked, Now: w.elected.Now.UTC()}
	if !res.Skipped {
		s.core.setSweepPlace(s.namespace, w.next)
	}
	if w.ending != nil {
		w.report(&res)
		s.publish(ctx, w.news())
	}
	return res, nil
}

func (s *Store) newSweeping(req *ports.SweepRequest) *sweeping {
	return &sweeping{client: &s.client, req: req, place: s.core.sweepPlace(s.namespace)}
}

// repair looks again, elected for as long as it works, and does what there is to do.
func (s *Store) repair(ctx context.Context, req *ports.SweepRequest) (w *sweeping, err error) {
	err = s.tx.transact(ctx, planOnce, func(ctx context.Context, tx *transaction) error {
		w = s.newSweeping(req)
		if err := tx.send(ctx, w.look); err != nil || !w.elected.Locked {
			return err
		}
		w.choose()
		return tx.commit(ctx, w.act)
	})
	return w, err
}

func (c *core) sweepPlace(namespace string) sweepPlace {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sweeps[namespace]
}

func (c *core) setSweepPlace(namespace string, place sweepPlace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweeps[namespace] = place
}

// sweeping is one sweep at work: it reads what there may be to do, locks all of it in the order in which
// everybody locks, and does what is still to be done.
type sweeping struct {
	*client
	req         *ports.SweepRequest
	place, next sweepPlace

	elected      dbsqlc.TryLockKeyRow
	expired      []string
	waits        []dbsqlc.GetSatisfiedRunsRow
	unregistered []string
	deliverable  []dbsqlc.GetDeliverableSignalsRow
	stale        []int64

	satisfied []string
	openings  []opening
	receivers []string

	locked   []dbsqlc.LockRunsRow
	ending   *ending // nil: nothing was done
	woken    []dbsqlc.WakeRunsRow
	requeued []dbsqlc.RequeueRunsRow
	taken    [][]dbsqlc.TakeBufferedSignalsRow
	reached  []dbsqlc.WakeRunsRow
	deleted  int64
}

func (w *sweeping) limit() int32 { return int32(min(max(1, w.req.Limit), math.MaxInt32-1)) }

func (w *sweeping) look(p *pipeline) {
	one(p, (*dbsqlc.Queries).TryLockKey, w.key("sweep", ""), &w.elected)
	rows(p, (*dbsqlc.Queries).GetExpiredRuns, dbsqlc.GetExpiredRunsParams{NamespaceID: w.namespace, RowLimit: w.limit()}, &w.expired)
	rows(p, (*dbsqlc.Queries).GetSatisfiedRuns, dbsqlc.GetSatisfiedRunsParams{
		NamespaceID: w.namespace, AfterRunID: w.place.runID, RowLimit: stretch,
	}, &w.waits)
	if len(w.req.Workflows) > 0 {
		names, versions := keyColumns(distinct(w.req.Workflows))
		rows(p, (*dbsqlc.Queries).GetUnregisteredRuns, dbsqlc.GetUnregisteredRunsParams{
			NamespaceID: w.namespace, WorkflowNames: names, Versions: versions, RowLimit: w.limit(),
		}, &w.unregistered)
	}
	rows(p, (*dbsqlc.Queries).GetDeliverableSignals, dbsqlc.GetDeliverableSignalsParams{
		NamespaceID: w.namespace, AfterSeq: w.place.seq, RowLimit: stretch,
	}, &w.deliverable)
	rows(p, (*dbsqlc.Queries).GetExpiredSignals, w.namespace, &w.stale)
}

// anything reports whether there is something to do.
func (w *sweeping) anything() bool {
	return len(w.expired)+len(w.satisfied)+len(w.unregistered)+len(w.openings)+len(w.stale) > 0
}

// choose decides what to do, within the limit, and where the next sweep goes on.
func (w *sweeping) choose() {
	if n := len(w.waits); n == stretch {
		w.next.runID = w.waits[n-1].WorkflowRunID
	}
	for _, a := range w.waits {
		if !a.Satisfied || slices.Contains(w.satisfied, a.WorkflowRunID) {
			continue
		}
		if len(w.satisfied) == int(w.limit()) {
			w.next.runID = w.place.runID
			break
		}
		w.satisfied = append(w.satisfied, a.WorkflowRunID)
	}
	if n := len(w.deliverable); n == stretch {
		w.next.seq = w.deliverable[n-1].Seq
	}
	seen := make(map[string]struct{})
	for _, d := range w.deliverable {
		if _, twice := seen[d.AttemptID]; twice || d.AttemptID == "" {
			continue
		}
		if len(w.openings) == int(w.limit()) {
			w.next.seq = w.place.seq
			break
		}
		seen[d.AttemptID] = struct{}{}
		w.openings = append(w.openings, opening{d.AttemptID, d.Signal})
		w.receivers = append(w.receivers, d.RunID)
	}
}

func (w *sweeping) act(p *pipeline) {
	if len(w.openings) > 0 {
		keys := column(w.openings, func(o *opening) string { return w.client.key("signal", o.signal) })
		exec(p, (*dbsqlc.Queries).LockKeys, sortedUnique(keys))
	}
	ids := slices.Concat(w.expired, w.satisfied, w.unregistered, w.receivers)
	rows(p, (*dbsqlc.Queries).LockRuns, dbsqlc.LockRunsParams{
		NamespaceID: w.namespace, Ids: sortedUnique(given(ids)), Ending: given(w.expired),
	}, &w.locked)
	failure := domain.DeadlineFailure()
	w.ending = &ending{client: w.client, status: domain.RunFailed, failure: &failure, byDeadline: true}
	if len(w.expired) > 0 {
		w.ending.build(p, w.expired)
	}
	if len(w.satisfied) > 0 {
		rows(p, (*dbsqlc.Queries).WakeRuns, dbsqlc.WakeRunsParams{NamespaceID: w.namespace, Ids: w.satisfied}, &w.woken)
	}
	if len(w.unregistered) > 0 {
		rows(p, (*dbsqlc.Queries).RequeueRuns, dbsqlc.RequeueRunsParams{NamespaceID: w.namespace, Ids: w.unregistered}, &w.requeued)
	}
	w.deliver(p)
	affected(p, (*dbsqlc.Queries).DeleteExpiredSignals, dbsqlc.DeleteExpiredSignalsParams{NamespaceID: w.namespace, RowLimit: w.limit()}, &w.deleted)
}

func (w *sweeping) deliver(p *pipeline) {
	rounds := spread(w.openings, signalOf)
	w.taken = make([][]dbsqlc.TakeBufferedSignalsRow, len(rounds))
	for i, round := range rounds {
		rows(p, (*dbsqlc.Queries).TakeBufferedSignals, w.takeParams(round), &w.taken[i])
	}
	if len(w.openings) > 0 {
		// Also those whose wait got nothing now: they were not asleep for long, and look.
		rows(p, (*dbsqlc.Queries).WakeRuns, dbsqlc.WakeRunsParams{NamespaceID: w.namespace, Ids: w.receivers}, &w.reached)
	}
}

func (w *sweeping) report(res *ports.SweepResult) {
	res.Expired, res.Woken, res.Requeued, res.Deleted = len(w.ending.ended), len(w.woken), len(w.requeued), int(w.deleted)
	for _, round := range w.taken {
		res.Delivered += len(round)
	}
	limit := int(w.limit())
	res.More = slices.Contains([]int{len(w.expired), len(w.satisfied), len(w.unregistered), len(w.openings), res.Deleted}, limit)
}

func (w *sweeping) news() ports.Event {
	n := bulletin{w.ending.news(w.locked)}
	for _, r := range slices.Concat(w.woken, w.reached) {
		n.due(r.WorkflowName)
	}
	for _, r := range w.requeued {
		n.due(r.WorkflowName)
	}
	reached := make(map[string]struct{}, len(w.reached))
	for _, r := range w.reached {
		reached[r.ID] = struct{}{}
	}
	for _, round := range w.taken {
		for _, t := range round {
			if _, ok := reached[t.WorkflowRunID]; !ok {
				n.touched(t.WorkflowRunID)
			}
		}
	}
	return n.Event
}
