package pgstore

import (
	"context"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Claims look at more runs than they take, because others may be about to take the same; and again, at
// more of them, when they got too few though some are due.
const (
	fetchFactor = 2
	fetchMore   = 32
	claimTries  = 4
)

// ClaimRuns is ports.Backend's. What was claimed is the worker's, whatever fails afterwards.
func (s *Store) ClaimRuns(ctx context.Context, req ports.ClaimRequest) (ports.ClaimResult, error) {
	c := claiming{store: s, req: &req, exclude: slices.Clone(given(req.Exclude)), fetch: req.Limit*fetchFactor + fetchMore}
	err := c.run(ctx)
	if len(c.res.Runs) == 0 && err != nil {
		return ports.ClaimResult{}, err
	}
	return c.res, nil
}

// claiming is one call of ClaimRuns at work.
type claiming struct {
	store   *Store
	req     *ports.ClaimRequest
	exclude []string
	fetch   int
	res     ports.ClaimResult
}

func (c *claiming) run(ctx context.Context) error {
	for range claimTries {
		runs, now, err := c.store.claim(ctx, c.req, c.exclude, c.req.Limit-len(c.res.Runs), c.fetch)
		if err != nil {
			return err
		}
		c.take(runs, now)
		if len(c.res.Runs) >= c.req.Limit {
			return nil
		}
		next, now, err := c.store.nextDue(ctx, c.req)
		if err != nil {
			return err
		}
		if c.res.NextDue = next; next.IsZero() || next.After(now) {
			return nil
		}
		c.fetch *= 4
	}
	return nil
}

func (c *claiming) take(runs []domain.Run, now time.Time) {
	if len(c.res.Runs) == 0 {
		c.res.Now = now // the first leases begin with it
	}
	c.res.Runs = append(c.res.Runs, runs...)
	for i := range runs { // no run comes twice in one answer, however short its lease
		c.exclude = append(c.exclude, runs[i].ID)
	}
}

func (s *Store) claim(ctx context.Context, req *ports.ClaimRequest, exclude []string, limit, fetch int) (runs []domain.Run, now time.Time, err error) {
	names, versions, ords := workflowColumns(req.Workflows)
	var found []dbsqlc.Run
	err = s.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).ClaimRuns, dbsqlc.ClaimRunsParams{
			NamespaceID: s.namespace, WorkerID: req.WorkerID, Lease: micros(req.LeaseDuration),
			WorkflowNames: names, Versions: versions, Ords: ords, Exclude: exclude,
			FetchLimit: int32(fetch), ClaimLimit: int32(limit),
		}, &found)
		p.now(&now)
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return toRuns(found), now.UTC(), nil
}

// nextDue is when the first of the workflows' runs can be claimed, and what time it is.
func (s *Store) nextDue(ctx context.Context, req *ports.ClaimRequest) (next, now time.Time, err error) {
	names, versions, _ := workflowColumns(req.Workflows)
	var found []time.Time
	err = s.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).GetNextDue, dbsqlc.GetNextDueParams{
			NamespaceID: s.namespace, Exclude: given(req.Exclude), WorkflowNames: names, Versions: versions,
		}, &found)
		p.now(&now)
	})
	for _, t := range found {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t.UTC()
		}
	}
	return next, now, err
}

// workflowColumns lists each key once: no statement may meet a run twice.
func workflowColumns(keys []domain.WorkflowKey) (names, versions []string, ords []int32) {
	names, versions = []string{}, []string{}
	seen := make(map[domain.WorkflowKey]struct{}, len(keys))
	for _, k := range keys {
		if _, twice := seen[k]; twice {
			continue
		}
		seen[k] = struct{}{}
		names, versions, ords = append(names, k.Name), append(versions, k.Version), append(ords, int32(len(ords)))
	}
	return names, versions, ords
}

// ReclaimRun is ports.Backend's.
func (s *Store) ReclaimRun(ctx context.Context, req ports.ReclaimRequest) (ports.ReclaimResult, error) {
	var taken, standing []dbsqlc.Run
	var now time.Time
	err := s.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).ReclaimRun, dbsqlc.ReclaimRunParams{
			NamespaceID: s.namespace, ID: req.RunID, WorkerID: req.WorkerID, Epoch: int32(req.Epoch), Lease: micros(req.LeaseDuration),
		}, &taken)
		rows(p, (*dbsqlc.Queries).GetRuns, dbsqlc.GetRunsParams{NamespaceID: s.namespace, Ids: []string{req.RunID}}, &standing)
		p.now(&now)
	})
	if err != nil {
		return ports.ReclaimResult{}, err
	}
	if len(taken) == 0 {
		taken = standing // ours already, if the answer to an earlier call was lost
	}
	for i := range taken {
		r := toRun(&taken[i])
		if r.Owned(domain.Lease{RunID: req.RunID, WorkerID: req.WorkerID, Epoch: req.Epoch + 1}) {
			return ports.ReclaimResult{Run: r, Now: now.UTC()}, nil
		}
	}
	return ports.ReclaimResult{}, domain.ErrLeaseLost
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
