package engine

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// A worker sweeps every few seconds while it claims runs, and less and less often while it does not: what
// only a sweep finds then is a deadline of a run that nobody executes, whose time the last claim has told, or what a
// TypeScript worker left, of whom the backend knows (ports.Paced). A claim that took all it could tells of no
// deadline: until another one does, the worker sweeps every few seconds.
const (
	sweepInterval = 5 * time.Second
	sweepIdle     = time.Minute
	sweepTimeout  = 30 * time.Second
	sweepLimit    = 1000
	// deadlineSpread keeps the workers that know of a deadline from sweeping all at once.
	deadlineSpread = time.Second
)

// sweeping repairs and expires every few seconds, less often while nothing is claimed; the backend lets
// one worker at a time.
func (w *Worker) sweeping(ctx context.Context) {
	keys := w.turns()
	interval, seen := sweepInterval, w.claimCount.Load()
	for w.untilSweep(ctx, jitter(2*interval)) {
		swept := w.sweepAll(ctx, keys)
		w.recheck(ctx)
		if now := w.claimCount.Load(); now != seen || !swept || !w.told.Load() {
			interval, seen = sweepInterval, now
		} else {
			interval = min(2*interval, max(sweepInterval, min(sweepIdle, w.idleInterval())))
		}
	}
}

// untilSweep waits until it is time: by the interval, a deadline that is known, or one of a run that was parked here.
func (w *Worker) untilSweep(ctx context.Context, interval time.Duration) bool {
	latest := time.Now().Add(interval)
	timer := time.NewTimer(w.deadlines.until(interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			w.deadlines.passed() // the next claim tells the next
			return true
		case <-w.expiring:
			return true
		case <-w.deadlines.changed:
			timer.Reset(w.deadlines.until(time.Until(latest)))
		}
	}
}

// untold notes that the latest claim told of no deadline; what an earlier one told may still hold.
func (w *Worker) untold() {
	w.told.Store(false)
	w.deadlines.expect(sweepInterval + rand.N(sweepInterval))
}

// toldDeadline notes which deadline is the next.
func (w *Worker) toldDeadline(res ports.ClaimResult) {
	w.told.Store(true)
	w.deadlines.clear()
	if !res.NextDeadline.IsZero() {
		w.deadlines.expect(res.NextDeadline.Sub(res.Now) + rand.N(deadlineSpread))
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
