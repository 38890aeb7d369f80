package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// ClaimRuns is ports.Backend's. A look without the write lock comes first, so that idle workers of many
// processes do not take it from those who write.
func (s *Store) ClaimRuns(ctx context.Context, req ports.ClaimRequest) (ports.ClaimResult, error) {
	var res ports.ClaimResult
	c := claimer{req: &req, exclude: idList(req.Exclude)}
	due := false
	if s.db.readers != nil {
		var err error
		res, err = read(ctx, &s.verbs, func(x *work) (ports.ClaimResult, error) {
			c.work = x
			var err error
			if due, err = c.anyDue(); err != nil || due {
				return ports.ClaimResult{}, err
			}
			return c.nothing()
		})
		if err != nil || !due {
			return res, err
		}
	}
	return write(ctx, &s.verbs, func(x *work) (ports.ClaimResult, error) {
		c.work = x
		return c.claim()
	})
}

// claimer is one claim at work.
type claimer struct {
	*work
	req     *ports.ClaimRequest
	exclude string
}

func (c *claimer) due(key domain.WorkflowKey, limit int) ([]string, error) {
	return c.q.GetDueRuns(c.ctx, dbsqlc.GetDueRunsParams{
		NamespaceID: c.ns, WorkflowName: key.Name, Version: text(key.Version),
		Now: text(c.nowText()), Exclude: c.exclude, MaxRows: int64(limit),
	})
}

func (c *claimer) anyDue() (bool, error) {
	if c.req.Limit <= 0 {
		return false, nil
	}
	for _, key := range c.req.Workflows {
		if ids, err := c.due(key, 1); err != nil || len(ids) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

func (c *claimer) nothing() (ports.ClaimResult, error) {
	res := ports.ClaimResult{Now: c.clock}
	if c.req.Limit <= 0 {
		return res, nil
	}
	next, err := c.nextDue()
	res.NextDue = next
	return res, err
}

func (c *claimer) claim() (ports.ClaimResult, error) {
	ids, err := c.pick()
	if err != nil {
		return ports.ClaimResult{}, err
	}
	res := ports.ClaimResult{Now: c.clock}
	if res.Runs, err = c.claimAll(ids); err != nil {
		return ports.ClaimResult{}, err
	}
	if len(res.Runs) < c.req.Limit {
		res.NextDue, err = c.nextDue()
	}
	return res, err
}

// pick chooses the runs: the workflows take turns in the order given.
func (c *claimer) pick() ([]string, error) {
	queues := make(map[domain.WorkflowKey][]string, len(c.req.Workflows))
	for _, key := range c.req.Workflows {
		if _, known := queues[key]; known || c.req.Limit <= 0 {
			continue
		}
		ids, err := c.due(key, c.req.Limit)
		if err != nil {
			return nil, err
		}
		queues[key] = ids
	}
	var picked []string
	for more := true; more; {
		more = false
		for _, key := range c.req.Workflows {
			if ids := queues[key]; len(ids) > 0 && len(picked) < c.req.Limit {
				picked, queues[key] = append(picked, ids[0]), ids[1:]
				more = true
			}
		}
	}
	return picked, nil
}

func (c *claimer) claimAll(ids []string) ([]domain.Run, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := c.q.GetRuns(c.ctx, dbsqlc.GetRunsParams{NamespaceID: c.ns, Ids: idList(ids)})
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*dbsqlc.WorkflowRun, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	runs := make([]domain.Run, 0, len(ids))
	for _, id := range ids {
		run, err := c.claimOne(byID[id], c.req.WorkerID, c.req.LeaseDuration)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

func (x *work) claimOne(row *dbsqlc.WorkflowRun, workerID string, lease time.Duration) (domain.Run, error) {
	run := toRun(row)
	domain.ApplyClaim(&run, workerID, lease, x.now)
	run.AvailableAt = storedWake(run.AvailableAt)
	return run, x.saveHead(headOfRun(run, row))
}

// nextDue is when the first of the runs that may not be claimed yet may be.
func (c *claimer) nextDue() (time.Time, error) {
	var next time.Time
	for _, key := range c.req.Workflows {
		at, err := c.nextDueOf(key)
		if err != nil {
			return time.Time{}, err
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

func (c *claimer) nextDueOf(key domain.WorkflowKey) (time.Time, error) {
	now := text(c.nowText())
	plain, err := c.q.GetNextDue(c.ctx, dbsqlc.GetNextDueParams{
		NamespaceID: c.ns, WorkflowName: key.Name, Version: text(key.Version), Now: now, Exclude: c.exclude,
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, err
	}
	before := lastTime
	if plain.Valid {
		before = plain.String
	}
	delayed, err := c.q.GetNextRecovery(c.ctx, dbsqlc.GetNextRecoveryParams{
		NamespaceID: c.ns, WorkflowName: key.Name, Version: text(key.Version), Before: text(before), Now: now, Exclude: c.exclude,
	})
	if err != nil {
		return time.Time{}, err
	}
	if delayed != "" && delayed < before {
		return readTime(delayed), nil
	}
	return readNullTime(plain), nil
}

// ExtendLeases is ports.Backend's.
func (s *Store) ExtendLeases(ctx context.Context, req ports.LeaseRequest) (ports.LeaseResult, error) {
	return write(ctx, &s.verbs, func(x *work) (ports.LeaseResult, error) {
		res := ports.LeaseResult{Now: x.clock}
		ids := make([]string, len(req.Leases))
		for i, l := range req.Leases {
			ids[i] = l.RunID
		}
		if err := x.loadHeads(x.ns, ids); err != nil {
			return res, err
		}
		until := wakeOrNull(x.now.Add(req.Duration))
		for _, l := range req.Leases {
			l.WorkerID = req.WorkerID
			h := x.heads[rowKey{x.ns, l.RunID}]
			if h == nil || !h.Owned(l) {
				res.Lost = append(res.Lost, l.RunID)
				continue
			}
			err := x.q.ExtendLease(x.ctx, dbsqlc.ExtendLeaseParams{
				AvailableAt: until, UpdatedAt: x.nowText(), NamespaceID: x.ns, ID: l.RunID,
			})
			if err != nil {
				return res, err
			}
		}
		return res, nil
	})
}
