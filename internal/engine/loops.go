package engine

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const (
	watchInterval = time.Second
	resubscribe   = 5 * time.Second
	idleNotified  = 30 * time.Second
	idleAlone     = time.Second
)

// heartbeats extends the leases of the runs that execute here, and ends those whose lease runs out. It
// rests while there are none.
func (w *Worker) heartbeats(ctx context.Context) {
	period := max(w.cfg.LeaseDuration/12, time.Millisecond)
	timer := time.NewTimer(period)
	defer timer.Stop()
	extended := make(chan bool, 1)
	ticking, underway := true, false
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			if underway {
				<-extended
			}
			return
		case ok := <-extended:
			underway = false
			if !ok {
				last = time.Time{} // again at the next tick
			}
		case <-w.holding:
			if !ticking {
				ticking = true
				timer.Reset(period)
			}
		case <-timer.C:
			if ticking = w.endExpired() > 0 || underway; ticking {
				timer.Reset(period)
			}
			if !underway && elapsed(last) >= w.cfg.LeaseDuration/3 {
				underway, last = true, time.Now()
				go func() { extended <- w.extend() }()
			}
		}
	}
}

// holders are the executions that hold a lease, and their leases.
func (w *Worker) holders() ([]*execution, []domain.Lease) {
	var xs []*execution
	var leases []domain.Lease
	for _, x := range w.all() {
		x.mu.Lock()
		if x.phase == owned {
			xs, leases = append(xs, x), append(leases, x.lease())
		}
		x.mu.Unlock()
	}
	return xs, leases
}

// endExpired ends the executions whose lease has run out, and counts those that hold one.
func (w *Worker) endExpired() int {
	xs, _ := w.holders()
	for _, x := range xs {
		if !x.alive() {
			x.log().Warn("lease ran out")
			x.end(domain.ErrLeaseLost)
		}
	}
	return len(xs)
}

// extend extends all leases in one call.
func (w *Worker) extend() bool {
	xs, leases := w.holders()
	if len(leases) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(w.ctx, w.cfg.LeaseDuration/3)
	defer cancel()
	sent := time.Now()
	res, err := w.cfg.Backend.ExtendLeases(ctx, ports.LeaseRequest{WorkerID: w.id, Leases: leases, Duration: w.cfg.LeaseDuration})
	w.extended(sent, len(leases), len(res.Lost), err)
	if err != nil {
		w.log.Warn("heartbeat failed", zap.Error(err))
		return false
	}
	w.clock.observe(sent, res.Now)
	lost := make(map[string]bool, len(res.Lost))
	for _, id := range res.Lost {
		lost[id] = true
	}
	for i, x := range xs {
		x.mu.Lock()
		same := x.phase == owned && x.run.Attempts == leases[i].Epoch
		if same && !lost[leases[i].RunID] {
			x.leaseEnd = lease{sent, w.cfg.LeaseDuration}
		}
		x.mu.Unlock()
		if same && lost[leases[i].RunID] {
			x.log().Warn("lease lost: the run was canceled, ended by its deadline, or claimed by another worker")
			x.end(domain.ErrLeaseLost)
		}
	}
	return true
}

// recheck evicts the residents whose run somebody else has claimed or ended.
func (w *Worker) recheck(ctx context.Context) {
	xs := w.residents.all()
	if len(xs) == 0 {
		return
	}
	ids := make([]string, len(xs))
	for i, x := range xs {
		ids[i] = x.run.ID
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.LeaseDuration/3)
	defer cancel()
	states, err := w.cfg.Backend.RunStates(ctx, ids)
	if err != nil {
		w.log.Warn("re-check of parked runs failed", zap.Error(err))
		return
	}
	current := make(map[string]domain.RunState, len(states))
	for _, s := range states {
		current[s.ID] = s
	}
	for _, x := range xs {
		x.mu.Lock()
		epoch, resident := x.run.Attempts, x.phase == parked
		x.mu.Unlock()
		s, found := current[x.run.ID]
		taken := s.Epoch > epoch && s.WorkerID != w.id
		if resident && (!found || s.Status.Terminal() || taken) {
			x.evict(domain.ErrLeaseLost)
		}
	}
}

// subscribe returns the backend's news, nil if it has none to offer.
func (w *Worker) subscribe(ctx context.Context) <-chan ports.Event {
	n, ok := w.cfg.Backend.(ports.Notifier)
	if !ok {
		return nil
	}
	events, err := n.Subscribe(ctx)
	if err != nil {
		w.log.Warn("no notifications; polling instead", zap.Error(err))
		return nil
	}
	return events
}

// listening acts on news, and subscribes again when they end.
func (w *Worker) listening(ctx context.Context, events <-chan ports.Event) {
	if _, ok := w.cfg.Backend.(ports.Notifier); !ok {
		return
	}
	for ctx.Err() == nil {
		if events != nil { // nil would never end
			for e := range events {
				w.hear(e)
			}
		}
		pause(ctx, jitter(resubscribe))
		if ctx.Err() == nil {
			events = w.subscribe(ctx)
			w.hear(ports.Event{Missed: true})
		}
	}
}

func (w *Worker) hear(e ports.Event) {
	due := e.Missed
	for _, name := range e.Due {
		due = due || w.knows(name)
	}
	if due {
		notify(w.due)
	}
	if e.Missed || w.touches(e.Touched) {
		notify(w.watching)
	}
	for _, id := range e.Finished {
		if x := w.of(id); x != nil && !x.concluding() {
			w.loops.Go(func() { w.confirm(x) })
		}
	}
}

func (w *Worker) knows(workflow string) bool {
	for key := range w.defs {
		if key.Name == workflow {
			return true
		}
	}
	return false
}

func (w *Worker) touches(ids []string) bool {
	for _, id := range ids {
		if w.of(id) != nil {
			return true
		}
	}
	return false
}

// confirm ends an execution whose run was ended by somebody else.
func (w *Worker) confirm(x *execution) {
	ctx, cancel := context.WithTimeout(w.ctx, claimTimeout)
	defer cancel()
	states, err := w.cfg.Backend.RunStates(ctx, []string{x.run.ID})
	if err != nil || len(states) != 1 || !states[0].Status.Terminal() {
		return
	}
	if !x.concluding() {
		x.log().Info("run ended from outside", zap.String("status", string(states[0].Status)))
		x.end(endedFromOutside(states[0].Status))
	}
}

// concluding reports whether the run is being ended by its own outcome.
func (x *execution) concluding() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.returned && x.phase == owned
}

func endedFromOutside(s domain.RunStatus) error {
	if s == domain.RunCanceled {
		return domain.ErrRunCanceled
	}
	return domain.ErrRunFinished
}

// watchingOthers looks for what has arrived for the open waits of runs that are not parked: on news, and,
// while there are such runs, now and then.
func (w *Worker) watchingOthers(ctx context.Context) {
	timer := time.NewTimer(watchInterval)
	defer timer.Stop()
	ticking := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.watchSoon:
			if !ticking {
				ticking = true
				timer.Reset(watchInterval)
			}
		case <-w.watching:
			w.lookAll(ctx)
		case <-timer.C:
			if ticking = w.lookAll(ctx); ticking {
				timer.Reset(watchInterval)
			}
		}
	}
}

// lookAll reports whether there is anything to look for.
func (w *Worker) lookAll(ctx context.Context) bool {
	waiting := make(map[string]*execution)
	var ids []string
	for _, x := range w.all() {
		x.mu.Lock()
		if x.phase == owned && x.waitsForOthers() {
			waiting[x.run.ID] = x
			ids = append(ids, x.run.ID)
		}
		x.mu.Unlock()
	}
	if len(ids) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	sent := time.Now()
	res, err := w.cfg.Backend.LoadHistories(ctx, ports.HistoryRequest{RunIDs: ids, OpenOnly: true})
	if err != nil {
		w.log.Warn("looking at open waits failed", zap.Error(err))
		return true
	}
	w.clock.observe(sent, res.Now)
	for _, h := range res.Histories {
		waiting[h.RunID].deliver(h)
	}
	return true
}

// idleInterval is how long a worker with nothing to do goes without looking.
func (w *Worker) idleInterval() time.Duration {
	if p, ok := w.cfg.Backend.(ports.Paced); ok {
		return p.IdleInterval(w.cfg.LeaseDuration)
	}
	if _, ok := w.cfg.Backend.(ports.Notifier); ok {
		return idleNotified
	}
	return idleAlone
}
