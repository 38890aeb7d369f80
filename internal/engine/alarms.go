package engine

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Claims go by the time at which runs became due, so a run that wakes stands behind every run that was started
// before, were there a hundred thousand of them. While a worker is behind with its claims, it takes back the
// sleepers that it parked itself as they wake; half of the slots that become free are for them.

const (
	maxAlarms = 100_000 // sleepers that are remembered; the others wake in their turn
	maxRoused = 500     // sleepers in one call
)

// alarm is when a parked run that waits for nothing but time becomes due, by the database's clock.
type alarm struct {
	at    time.Time
	runID string
	epoch int
}

// alarms are the sleepers that this worker parked, resident or not.
type alarms struct {
	mu   sync.Mutex
	heap alarmHeap
}

func (a *alarms) set(at time.Time, runID string, epoch int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.heap) < maxAlarms {
		heap.Push(&a.heap, alarm{at, runID, epoch})
	}
}

// next takes out the first alarm if its time has come.
func (a *alarms) next(now time.Time) (alarm, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.heap) == 0 || a.heap[0].at.After(now) {
		return alarm{}, false
	}
	return heap.Pop(&a.heap).(alarm), true
}

// rouse takes back sleepers that are due, for at most half of the free slots, and returns how many go on.
func (w *Worker) rouse(ctx context.Context, free int) int {
	backend, able := w.cfg.Backend.(ports.BatchReclaimer)
	if !able || !w.behind {
		return 0
	}
	share := free / 2
	if w.turn = !w.turn; w.turn { // of a single slot, every other time
		share = (free + 1) / 2
	}
	var reqs []ports.ReclaimRequest
	for len(reqs) < min(share, maxRoused) {
		next, ok := w.alarms.next(w.clock.earliest())
		if !ok {
			break
		}
		reqs = append(reqs, ports.ReclaimRequest{RunID: next.runID, WorkerID: w.id, Epoch: next.epoch, LeaseDuration: w.cfg.LeaseDuration})
	}
	if len(reqs) == 0 {
		return 0
	}
	sent := time.Now()
	res, err := backend.ReclaimRuns(ctx, reqs)
	if err != nil { // they are claimed in their turn
		w.log.Warn("sleepers not taken back", zap.Error(err))
		return 0
	}
	w.clock.observe(sent, res.Now)
	w.claimCount.Add(int64(len(res.Runs)))
	w.begin(res.Runs, lease{sent, w.cfg.LeaseDuration})
	return len(res.Runs)
}

// dismiss forgets the alarms until now: whoever was due then has been claimed.
func (a *alarms) dismiss(now time.Time) {
	for ok := true; ok; {
		_, ok = a.next(now)
	}
}

// alarmHeap is a heap.Interface, the earliest first.
type alarmHeap []alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *alarmHeap) Push(x any)        { *h = append(*h, x.(alarm)) }
func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = alarm{}
	*h = (*h)[:last]
	return a
}
