package pgstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var _ ports.BatchReclaimer = (*Store)(nil)

// ReclaimRun is ports.Backend's.
func (s *Store) ReclaimRun(ctx context.Context, req ports.ReclaimRequest) (ports.ReclaimResult, error) {
	var taken, standing []domain.Run
	var now time.Time
	err := s.runner.run(ctx, planOnce, func(p *pipeline) {
		rowsAs(p, (*dbsqlc.Queries).ReclaimRun, s.reclaimParams(&req), toRun, &taken)
		rowsAs(p, (*dbsqlc.Queries).GetRuns, dbsqlc.GetRunsParams{NamespaceID: s.namespace, Ids: []string{req.RunID}}, toRun, &standing)
		p.now(&now)
	})
	if err != nil {
		return ports.ReclaimResult{}, err
	}
	if len(taken) == 0 {
		taken = standing // ours already, if the answer to an earlier call was lost
	}
	for _, r := range taken {
		if r.Owned(domain.Lease{RunID: req.RunID, WorkerID: req.WorkerID, Epoch: req.Epoch + 1}) {
			return ports.ReclaimResult{Run: r, Now: now.UTC()}, nil
		}
	}
	return ports.ReclaimResult{}, domain.ErrLeaseLost
}

// ReclaimRuns is ports.BatchReclaimer's. The rows are locked in the order in which everybody locks.
func (s *Store) ReclaimRuns(ctx context.Context, reqs []ports.ReclaimRequest) (ports.ClaimResult, error) {
	reqs = slices.Clone(reqs)
	slices.SortFunc(reqs, func(a, b ports.ReclaimRequest) int { return strings.Compare(a.RunID, b.RunID) })
	taken := make([][]domain.Run, len(reqs))
	var now time.Time
	err := s.runner.run(ctx, planOnce, func(p *pipeline) {
		for i := range reqs {
			rowsAs(p, (*dbsqlc.Queries).ReclaimRun, s.reclaimParams(&reqs[i]), toRun, &taken[i])
		}
		p.now(&now)
	})
	if err != nil {
		return ports.ClaimResult{}, err
	}
	return ports.ClaimResult{Runs: slices.Concat(taken...), Now: now.UTC()}, nil
}

func (s *Store) reclaimParams(req *ports.ReclaimRequest) dbsqlc.ReclaimRunParams {
	return dbsqlc.ReclaimRunParams{
		NamespaceID: s.namespace, ID: req.RunID, WorkerID: req.WorkerID, Epoch: int32(req.Epoch), Lease: micros(req.LeaseDuration),
	}
}
