package memstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Ping is ports.Inspector's.
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, func(*tx) error { return nil })
}

// TallyRuns is ports.Inspector's. It looks at everything.
func (s *Store) TallyRuns(ctx context.Context, f ports.RunFilter, limit int64) (out domain.Tally, err error) {
	f.Status, f.Live = "", false
	all := domain.Scan{Complete: true}
	err = s.do(ctx, func(x *tx) error {
		for _, r := range x.sp.list {
			if f.Selects(&r.Run, x.now) {
				all.Add(string(r.Status), 1)
			}
		}
		return nil
	})
	return domain.TallyOf(limit, all), err
}

// WorkflowStats is ports.Inspector's. It looks at everything.
func (s *Store) WorkflowStats(ctx context.Context, req ports.StatsRequest) (out ports.StatsResult, err error) {
	err = s.do(ctx, func(x *tx) error {
		window := domain.WindowUntil(x.now, req.Window, req.Buckets)
		stats := domain.NewStats(window, req.Limit)
		stats.Look(true)
		for _, r := range x.sp.list {
			if req.WorkflowName == "" || r.WorkflowName == req.WorkflowName {
				addRun(stats, window, r, x.now)
			}
		}
		out = ports.StatsResult{Workflows: stats.Workflows(), Now: x.now}
		return nil
	})
	return out, err
}

func addRun(stats *domain.Stats, window domain.StatsWindow, r *run, now time.Time) {
	key := domain.WorkflowKey{Name: r.WorkflowName, Version: r.Version}
	cell := domain.StatsCell{
		WorkflowKey: key, Status: r.Status, Runs: 1,
		Created: window.Bucket(r.CreatedAt), Finished: window.Bucket(r.FinishedAt),
	}
	if r.Status == domain.RunCompleted {
		cell.Durations = []time.Duration{max(0, r.FinishedAt.Sub(r.CreatedAt))}
	}
	stats.Add(cell)
	if !r.Status.Terminal() {
		stats.Live(key, r.AvailableAt, now)
	}
}

// ListWorkers is ports.Inspector's.
func (s *Store) ListWorkers(ctx context.Context, seenWithin time.Duration) (out []domain.WorkerRecord, err error) {
	err = s.do(ctx, func(x *tx) error {
		holding := make(map[string]int64)
		for _, r := range x.sp.list {
			if r.Status == domain.RunRunning && r.WorkerID != "" && r.AvailableAt.After(x.now) {
				holding[r.WorkerID]++
			}
		}
		for id, w := range x.sp.workers {
			if holding[id] > 0 || !w.SeenAt.Before(x.now.Add(-seenWithin)) {
				out = append(out, cloneWorker(w, holding[id]))
			}
			delete(holding, id)
		}
		for id, n := range holding {
			out = append(out, domain.WorkerRecord{ID: id, Holding: n})
		}
		slices.SortFunc(out, func(a, b domain.WorkerRecord) int { return strings.Compare(a.ID, b.ID) })
		return nil
	})
	return out, err
}

func cloneWorker(w *domain.WorkerRecord, holding int64) domain.WorkerRecord {
	out := *w
	out.Workflows, out.Holding = slices.Clone(w.Workflows), holding
	return out
}

// GetStepAttempts is ports.Inspector's.
func (s *Store) GetStepAttempts(ctx context.Context, ids []string) (out []domain.StepAttempt, err error) {
	err = s.do(ctx, func(x *tx) error {
		seen := make(map[string]struct{}, len(ids))
		for _, id := range ids {
			a, ok := x.sp.attempts[id]
			if _, twice := seen[id]; ok && !twice {
				seen[id] = struct{}{}
				out = append(out, cloneAttempt(&a.StepAttempt))
			}
		}
		return nil
	})
	return out, err
}

// RegisterWorker is ports.Registry's.
func (s *Store) RegisterWorker(ctx context.Context, w domain.WorkerRecord) error {
	return s.do(ctx, func(x *tx) error {
		row := cloneWorker(&w, 0)
		row.StartedAt, row.SeenAt = x.now, x.now
		if old := x.sp.workers[w.ID]; old != nil {
			row.StartedAt = old.StartedAt
		}
		x.sp.workers[w.ID] = &row
		for id, other := range x.sp.workers {
			if other.SeenAt.Before(x.now.Add(-domain.RegistrationKept)) {
				delete(x.sp.workers, id)
			}
		}
		return nil
	})
}

// UnregisterWorker is ports.Registry's.
func (s *Store) UnregisterWorker(ctx context.Context, id string) error {
	return s.do(ctx, func(x *tx) error {
		delete(x.sp.workers, id)
		return nil
	})
}
