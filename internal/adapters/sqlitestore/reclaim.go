package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var _ ports.BatchReclaimer = (*Store)(nil)

// ReclaimRun is ports.Backend's.
func (s *Store) ReclaimRun(ctx context.Context, req ports.ReclaimRequest) (ports.ReclaimResult, error) {
	return write(ctx, &s.verbs, func(x *work) (ports.ReclaimResult, error) {
		run, taken, err := x.reclaim(&req)
		repeated := run.Owned(domain.Lease{RunID: req.RunID, WorkerID: req.WorkerID, Epoch: req.Epoch + 1}) // after a lost answer
		if err == nil && !taken && !repeated {
			err = domain.ErrLeaseLost
		}
		return ports.ReclaimResult{Run: run, Now: x.clock}, err
	})
}

// ReclaimRuns is ports.BatchReclaimer's.
func (s *Store) ReclaimRuns(ctx context.Context, reqs []ports.ReclaimRequest) (ports.ClaimResult, error) {
	return write(ctx, &s.verbs, func(x *work) (ports.ClaimResult, error) {
		res := ports.ClaimResult{Now: x.clock}
		for i := range reqs {
			run, taken, err := x.reclaim(&reqs[i])
			if err != nil {
				return ports.ClaimResult{}, err
			}
			if taken {
				res.Runs = append(res.Runs, run)
			}
		}
		return res, nil
	})
}

// reclaim takes a parked run back; taken is false if somebody claimed or ended it since.
func (x *work) reclaim(req *ports.ReclaimRequest) (run domain.Run, taken bool, err error) {
	row, err := x.q.GetRun(x.ctx, dbsqlc.GetRunParams{NamespaceID: x.ns, ID: req.RunID})
	if errors.Is(err, sql.ErrNoRows) {
		return domain.Run{}, false, nil
	}
	if err != nil {
		return domain.Run{}, false, err
	}
	if run = toRun(&row); !run.Parked() || run.Attempts != req.Epoch {
		return run, false, nil
	}
	run, err = x.claimOne(&row, req.WorkerID, req.LeaseDuration)
	return run, err == nil, err
}
