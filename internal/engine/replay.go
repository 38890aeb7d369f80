package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// replay reads the histories of claimed runs and starts them. Runs whose history cannot be read before
// their lease ends are left to whoever claims them next.
func (w *Worker) replay(runs []domain.Run, l lease) {
	byID := make(map[string]*domain.Run, len(runs))
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
		byID[ids[i]] = &runs[i]
	}
	for delay := 20 * time.Millisecond; l.left() > 0; delay = min(2*delay, time.Second) {
		ctx, cancel := context.WithTimeout(w.patience, min(callTimeout, l.left()))
		sent := time.Now()
		res, err := w.cfg.Backend.LoadHistories(ctx, ports.HistoryRequest{RunIDs: ids})
		cancel()
		if err == nil {
			w.clock.observe(sent, res.Now)
			for _, h := range res.Histories {
				if run := byID[h.RunID]; run != nil {
					w.execute(run, l, h)
					delete(byID, h.RunID)
				}
			}
			break
		}
		if w.stopping.Load() {
			break
		}
		w.log.Warn("reading histories failed; trying again", zap.Error(err))
		pause(w.accepting, jitter(delay))
	}
	w.slots.release(len(byID))
	w.giveBack(byID, l)
}

// giveBack releases claimed runs that were not started because the worker stops.
func (w *Worker) giveBack(runs map[string]*domain.Run, l lease) {
	if len(runs) == 0 || !w.stopping.Load() {
		return
	}
	ts := make([]domain.Transition, 0, len(runs))
	for id, run := range runs {
		ts = append(ts, domain.Transition{Kind: domain.ParkRun, Lease: domain.Lease{RunID: id, WorkerID: w.id, Epoch: run.Attempts}})
	}
	if _, err := w.journal.commit(unstarted{w, l}, ts...); err != nil {
		w.log.Warn("claimed runs were not given back; their leases expire by themselves", zap.Int("runs", len(ts)))
	}
}

// unstarted holds claimed runs that were not started.
type unstarted struct {
	w *Worker
	l lease
}

func (u unstarted) alive() bool { return u.l.left() > 0 && u.w.patience.Err() == nil }

// leftover is the latest earlier execution of the run that still unwinds here, for at most a lease; nil if
// there is none.
func (w *Worker) leftover(runID string) (latest *leftover) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for x, l := range w.unwinding {
		young := elapsed(l.since) < w.cfg.LeaseDuration
		if x.run.ID == runID && young && (latest == nil || l.since.After(latest.since)) {
			latest = l
		}
	}
	return latest
}

// replayUnwound replays a claimed run when its earlier execution has unwound here. If that takes longer
// than the lease, or the worker stops, the run is left to whoever claims it next.
func (w *Worker) replayUnwound(run domain.Run, l lease) {
	ctx, cancel := context.WithTimeout(w.accepting, l.left())
	defer cancel()
	if earlier := w.leftover(run.ID); earlier != nil {
		select {
		case <-earlier.gone:
		case <-ctx.Done():
			w.slots.release(1)
			return
		}
	}
	w.replay([]domain.Run{run}, l)
}
