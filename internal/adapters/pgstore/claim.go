package pgstore

import (
	"context"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// ClaimRuns is ports.Backend's. What was claimed is the worker's, whatever fails afterwards.
func (s *Store) ClaimRuns(ctx context.Context, req ports.ClaimRequest) (ports.ClaimResult, error) {
	c := claiming{store: s, req: &req, exclude: slices.Clone(given(req.Exclude))}
	err := c.run(repeated(ctx))
	switch {
	case err == nil:
	case len(c.res.Runs) == 0:
		return ports.ClaimResult{}, err
	default: // what is left, and when it is due, is not known
		c.res.NextDue = c.res.Now
	}
	return c.res, nil
}

// claiming is one call of ClaimRuns at work.
type claiming struct {
	store   *Store
	req     *ports.ClaimRequest
	exclude []string
	res     ports.ClaimResult
}

// run claims in rounds: each workflow gets its share, and what some left over is for those that took all of
// theirs. Each round tells what comes next, as most get all there is, unless the last claim got all it asked for.
func (c *claiming) run(ctx context.Context) error {
	ahead := !c.store.pace.busy.Load()
	for keys := distinct(c.req.Workflows); ; {
		shares := share(c.req.Limit-len(c.res.Runs), len(keys))
		runs, err := c.round(ctx, keys, shares, ahead)
		if err != nil {
			return err
		}
		c.take(runs)
		if len(c.res.Runs) >= c.req.Limit {
			c.store.pace.busy.Store(true)
			c.res.NextDue, c.res.NextDeadline = time.Time{}, time.Time{} // soon enough next time
			return nil
		}
		if keys = unsatisfied(keys, shares, runs); len(keys) == 0 {
			break
		}
	}
	c.store.pace.busy.Store(false)
	if ahead {
		return nil
	}
	var next upcoming
	if err := c.store.runner.run(ctx, planOnce, func(p *pipeline) { next.ask(p, c.store, c.req) }); err != nil {
		return err
	}
	c.expect(&next)
	return nil
}

// round claims once.
func (c *claiming) round(ctx context.Context, keys []domain.WorkflowKey, shares []int32, ahead bool) ([]domain.Run, error) {
	names, versions := keyColumns(keys)
	var runs []domain.Run
	var next upcoming
	var now time.Time
	err := c.store.runner.run(ctx, planOnce, func(p *pipeline) {
		rowsAs(p, (*dbsqlc.Queries).ClaimRuns, dbsqlc.ClaimRunsParams{
			NamespaceID: c.store.namespace, WorkerID: c.req.WorkerID, Lease: micros(c.req.LeaseDuration),
			WorkflowNames: names, Versions: versions, Shares: shares, Exclude: c.exclude,
			ClaimLimit: int32(c.req.Limit - len(c.res.Runs)),
		}, toRun, &runs)
		if ahead {
			next.ask(p, c.store, c.req)
		} else {
			p.now(&now)
		}
	})
	if err != nil {
		return nil, err
	}
	if ahead {
		now = next.deadline.Now
	}
	if len(c.res.Runs) == 0 {
		c.res.Now = now.UTC() // the first leases begin with it
	}
	if ahead {
		c.expect(&next)
	}
	return inTurn(keys, runs), nil
}

// upcoming is what the database knows of the time after a claim.
type upcoming struct {
	due      []time.Time
	deadline dbsqlc.GetNextDeadlineRow
	look     bool
	foreign  bool
}

func (u *upcoming) ask(p *pipeline, s *Store, req *ports.ClaimRequest) {
	names, versions := keyColumns(distinct(req.Workflows))
	rows(p, (*dbsqlc.Queries).GetNextDue, dbsqlc.GetNextDueParams{
		NamespaceID: s.namespace, Exclude: given(req.Exclude), WorkflowNames: names, Versions: versions,
	}, &u.due)
	one(p, (*dbsqlc.Queries).GetNextDeadline, s.namespace, &u.deadline)
	if u.look = s.pace.wantsLook(); u.look {
		one(p, (*dbsqlc.Queries).GetForeignWriters, s.namespace, &u.foreign)
	}
}

func (c *claiming) expect(u *upcoming) {
	c.res.NextDue, c.res.NextDeadline = time.Time{}, time.Time{}
	for _, t := range u.due {
		if !t.IsZero() && (c.res.NextDue.IsZero() || t.Before(c.res.NextDue)) {
			c.res.NextDue = t.UTC()
		}
	}
	if !u.deadline.DeadlineAt.IsZero() {
		c.res.NextDeadline = u.deadline.DeadlineAt.UTC()
	}
	if u.look {
		c.store.pace.saw(u.foreign)
	}
}

// share deals n out in turn, and at least one to each: the statement stops at n.
func share(n, among int) []int32 {
	shares := make([]int32, among)
	for i := range shares {
		shares[i] = int32(max(1, (n+among-1-i)/among))
	}
	return shares
}

// unsatisfied are the workflows that may have more runs due than their share.
func unsatisfied(keys []domain.WorkflowKey, shares []int32, runs []domain.Run) []domain.WorkflowKey {
	got := make(map[domain.WorkflowKey]int32, len(keys))
	for i := range runs {
		got[workflowOf(&runs[i])]++
	}
	var more []domain.WorkflowKey
	for i, k := range keys {
		if got[k] >= shares[i] {
			more = append(more, k)
		}
	}
	return more
}

func workflowOf(r *domain.Run) domain.WorkflowKey {
	return domain.WorkflowKey{Name: r.WorkflowName, Version: r.Version}
}

func (c *claiming) take(runs []domain.Run) {
	c.store.pace.met(runs)
	if len(c.res.Runs) == 0 {
		c.res.Runs = runs
	} else {
		c.res.Runs = append(c.res.Runs, runs...)
	}
	if len(c.res.Runs) >= c.req.Limit {
		return
	}
	for i := range runs { // no run comes twice in one answer, however short its lease
		c.exclude = append(c.exclude, runs[i].ID)
	}
}

// inTurn deals the claimed runs, which come workflow by workflow, in turn.
func inTurn(keys []domain.WorkflowKey, runs []domain.Run) []domain.Run {
	if len(keys) < 2 {
		return runs
	}
	of := make(map[domain.WorkflowKey][]domain.Run, len(keys))
	for i := range runs {
		of[workflowOf(&runs[i])] = append(of[workflowOf(&runs[i])], runs[i])
	}
	out := runs[:0]
	for turn := 0; len(out) < len(runs); turn++ {
		for _, k := range keys {
			if turn < len(of[k]) {
				out = append(out, of[k][turn])
			}
		}
	}
	return out
}

// distinct lists each key once: no statement may meet a run twice.
func distinct(keys []domain.WorkflowKey) []domain.WorkflowKey {
	out := make([]domain.WorkflowKey, 0, len(keys))
	seen := make(map[domain.WorkflowKey]struct{}, len(keys))
	for _, k := range keys {
		if _, twice := seen[k]; !twice {
			seen[k] = struct{}{}
			out = append(out, k)
		}
	}
	return out
}

func keyColumns(keys []domain.WorkflowKey) (names, versions []string) {
	names, versions = make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		names[i], versions[i] = k.Name, k.Version
	}
	return names, versions
}

// ExtendLeases is ports.Backend's. It has connections of its own.
func (s *Store) ExtendLeases(ctx context.Context, req ports.LeaseRequest) (ports.LeaseResult, error) {
	leases := sortedLeases(req.Leases)
	var kept []string
	var now time.Time
	err := s.beats.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).ExtendLeases, dbsqlc.ExtendLeasesParams{
			NamespaceID: s.namespace, WorkerID: req.WorkerID, Lease: micros(req.Duration),
			Ids:    column(leases, func(l *domain.Lease) string { return l.RunID }),
			Epochs: column(leases, func(l *domain.Lease) int32 { return int32(l.Epoch) }),
		}, &kept)
		p.now(&now)
	})
	if err != nil {
		return ports.LeaseResult{}, err
	}
	res := ports.LeaseResult{Now: now.UTC()}
	held := setOf(kept)
	for _, l := range req.Leases {
		if _, ok := held[l.RunID]; !ok {
			res.Lost = append(res.Lost, l.RunID)
		}
	}
	return res, nil
}
