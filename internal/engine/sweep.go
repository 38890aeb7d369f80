package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// A worker sweeps every few seconds while it claims runs, and less and less often while it does not: what
// only a sweep finds then is a deadline of a run that nobody executes, or what a TypeScript worker left.
const (
	sweepInterval = 5 * time.Second
	sweepIdle     = time.Minute
	sweepTimeout  = 30 * time.Second
	sweepLimit    = 1000
)

// sweeping repairs and expires every few seconds, less often while nothing is claimed; the backend lets
// one worker at a time.
func (w *Worker) sweeping(ctx context.Context) {
	keys := w.turns()
	interval, seen := sweepInterval, w.claimCount.Load()
	for {
		timer := time.NewTimer(jitter(2 * interval))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-w.expiring:
			timer.Stop()
		}
		swept := w.sweepAll(ctx, keys)
		w.recheck(ctx)
		if now := w.claimCount.Load(); now != seen || !swept {
			interval, seen = sweepInterval, now
		} else {
			interval = min(2*interval, max(sweepInterval, min(sweepIdle, w.idleInterval())))
		}
	}
}

// sweepAll sweeps until nothing is left. It is false if it could not: it failed, or somebody else sweeps.
func (w *Worker) sweepAll(ctx context.Context, keys []domain.WorkflowKey) bool {
	for ctx.Err() == nil {
		res, err := w.sweep(ctx, keys)
		if err != nil || res.Skipped {
			return false
		}
		if !res.More {
			return true
		}
	}
	return false
}

func (w *Worker) sweep(ctx context.Context, keys []domain.WorkflowKey) (ports.SweepResult, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	sent := time.Now()
	res, err := w.cfg.Backend.Sweep(ctx, ports.SweepRequest{Workflows: keys, Limit: sweepLimit})
	if err != nil {
		if ctx.Err() == nil {
			w.log.Warn("sweep failed", zap.Error(err))
		}
		return res, err
	}
	if res.Skipped {
		return res, nil
	}
	w.clock.observe(sent, res.Now)
	if res.Expired+res.Woken+res.Requeued+res.Delivered > 0 {
		w.log.Info("swept", zap.Int("expired", res.Expired), zap.Int("woken", res.Woken),
			zap.Int("requeued", res.Requeued), zap.Int("delivered", res.Delivered))
		notify(w.due)
	}
	return res, nil
}
