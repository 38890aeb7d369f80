package engine

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const (
	callTimeout  = 15 * time.Second // of a call that is repeated until it is answered
	claimTimeout = callTimeout
	claimBackoff = 5 * time.Second // longest pause after errors
)

// claimed says how a claim went.
type claimed struct {
	runs int
	full bool // there may be more
}

// agenda is the next time at which, as far as is known here, there is something to do.
type agenda struct {
	changed chan struct{} // capacity 1

	mu sync.Mutex
	at time.Time // of our own clock; zero is never
}

// expect notes that there is something to do after d.
func (a *agenda) expect(d time.Duration) {
	at := time.Now().Add(max(d, time.Millisecond))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at.IsZero() || at.Before(a.at) {
		a.at = at
		notify(a.changed)
	}
}

// clear forgets what was expected; the claim that follows finds what is due, and what comes next.
func (a *agenda) clear() {
	a.mu.Lock()
	a.at = time.Time{}
	a.mu.Unlock()
}

// passed forgets what was expected by now.
func (a *agenda) passed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.After(time.Now()) {
		a.at = time.Time{}
	}
}

func (a *agenda) until(otherwise time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at.IsZero() {
		return otherwise
	}
	return min(otherwise, time.Until(a.at))
}

// claiming claims whenever a slot is free and something may be due.
func (w *Worker) claiming(ctx context.Context, last claimed) {
	backoff := 50 * time.Millisecond
	for ctx.Err() == nil && !w.stopping.Load() {
		if !last.full && !w.idle(ctx) {
			return
		}
		var err error
		last, err = w.claim(w.patience) // a claim whose answer is lost costs a lease
		if err == nil {
			backoff = 50 * time.Millisecond
			if last.runs == 0 && last.full { // no free slot
				select {
				case <-w.slots.freed:
				case <-ctx.Done():
				}
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		w.log.Warn("claim failed; trying again", zap.Error(err), zap.Duration("in", backoff))
		pause(ctx, jitter(backoff))
		backoff = min(2*backoff, claimBackoff)
		last = claimed{full: true}
	}
}

// idle waits until something may be due: by news, by time, or by the fallback poll.
func (w *Worker) idle(ctx context.Context) bool {
	poll := w.idleInterval()
	timer := time.NewTimer(w.agenda.until(jitter(poll)))
	defer timer.Stop()
	for {
		select {
		case <-w.due:
			return true
		case <-timer.C:
			return true
		case <-w.agenda.changed:
			timer.Reset(w.agenda.until(poll))
		case <-ctx.Done():
			return false
		}
	}
}

// claim fills the free slots with due runs and starts them.
func (w *Worker) claim(ctx context.Context) (claimed, error) {
	free := w.slots.take(w.cfg.Concurrency)
	if free == 0 {
		w.untold()
		return claimed{full: true}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	roused := w.rouse(ctx, free)
	if free -= roused; free == 0 {
		w.untold()
		return claimed{runs: roused, full: true}, nil
	}
	w.agenda.clear()
	sent := time.Now()
	res, err := w.cfg.Backend.ClaimRuns(ctx, ports.ClaimRequest{
		WorkerID: w.id, Workflows: w.turns(), Limit: free, LeaseDuration: w.cfg.LeaseDuration, Exclude: w.excluded(),
	})
	w.answered(sent, free, len(res.Runs), err)
	if err != nil {
		w.slots.release(free)
		return claimed{}, err
	}
	w.clock.observe(sent, res.Now)
	w.slots.release(free - len(res.Runs))
	w.claimCount.Add(int64(len(res.Runs)))
	w.begin(res.Runs, lease{sent, w.cfg.LeaseDuration})
	if !res.NextDue.IsZero() {
		w.agenda.expect(res.NextDue.Sub(res.Now))
	}
	if w.behind = len(res.Runs) == free; w.behind {
		w.untold()
	} else {
		w.alarms.dismiss(res.Now)
		w.toldDeadline(res)
	}
	return claimed{runs: roused + len(res.Runs), full: w.behind}, nil
}

// turns lists the workflows, another first each time.
func (w *Worker) turns() []domain.WorkflowKey {
	n := len(w.cfg.Definitions)
	keys := make([]domain.WorkflowKey, 0, n)
	w.mu.Lock()
	first := w.rotation
	w.rotation++
	w.mu.Unlock()
	for i := range n {
		d := &w.cfg.Definitions[(first+i)%n]
		keys = append(keys, domain.WorkflowKey{Name: d.Name, Version: d.Version})
	}
	return keys
}

// excluded are the runs whose earlier execution still unwinds here, for at most a lease. The claim says
// nothing of when they are due, so they are looked for again when it has unwound or that time is over.
func (w *Worker) excluded() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for x, l := range w.unwinding {
		if left := w.cfg.LeaseDuration - elapsed(l.since); left > 0 {
			ids = append(ids, x.run.ID)
			l.passedOver = true
			w.agenda.expect(left)
		}
	}
	return ids
}

// begin goes on with the claimed runs that are resident and starts the others; each has a slot.
func (w *Worker) begin(runs []domain.Run, l lease) {
	var replay []domain.Run
	for i := range runs {
		run := &runs[i]
		switch x := w.of(run.ID); {
		case x != nil:
			w.resume(x, *run, l)
		case w.leftover(run.ID) != nil: // the claim was sent before its earlier execution ended
			late := *run
			w.claims.Go(func() { w.replayUnwound(late, l) })
		case run.Attempts == 1 && !run.BeganWithHistory():
			w.execute(run, l, domain.History{})
		default:
			replay = append(replay, *run)
		}
	}
	if len(replay) > 0 {
		w.claims.Go(func() { w.replay(replay, l) })
	}
}

// execute starts an execution.
func (w *Worker) execute(run *domain.Run, l lease, h domain.History) {
	def := w.defs[domain.WorkflowKey{Name: run.WorkflowName, Version: run.Version}]
	if def == nil {
		w.log.Error("claimed a run of a workflow that is not registered", zap.String("run", run.ID), zap.String("workflow", run.WorkflowName))
		w.slots.release(1)
		return
	}
	x := newExecution(w, def, run, l, h)
	w.mu.Lock()
	w.executions[run.ID] = x
	w.mu.Unlock()
	notify(w.holding)
	if log := x.check(zap.InfoLevel, "run claimed"); log != nil {
		log.Write(zap.Int("epoch", run.Attempts), zap.Int("recorded", len(h.Attempts)))
	}
	go x.main(run.Input)
}

// resume goes on with a resident run that was claimed, without replay. If its execution has ended in the
// meantime the run starts anew.
func (w *Worker) resume(x *execution, run domain.Run, l lease) {
	x.mu.Lock()
	ready := x.phase != parking
	x.mu.Unlock()
	if ready {
		w.goOn(x, run, l)
		return
	}
	w.claims.Go(func() { // the claim was faster than the answer to the park
		x.mu.Lock()
		for x.phase == parking {
			changed := x.change()
			x.mu.Unlock()
			<-changed
			x.mu.Lock()
		}
		x.mu.Unlock()
		w.goOn(x, run, l)
	})
}

func (w *Worker) goOn(x *execution, run domain.Run, l lease) {
	w.residents.remove(x)
	slotUsed, ok := x.takeBack(run, l)
	if !ok {
		x.end(domain.ErrLeaseLost)
		w.claims.Go(func() { w.replayUnwound(run, l) })
		return
	}
	if !slotUsed {
		w.slots.release(1)
	}
	notify(w.holding)
	if log := x.check(zap.InfoLevel, "run resumed"); log != nil {
		log.Write(zap.Int("epoch", run.Attempts))
	}
	x.wakeUp()
}

// wakeUp fires the waits of a resumed run that have ended. Those that others end are looked for in the
// database first.
func (x *execution) wakeUp() {
	x.mu.Lock()
	if x.phase != owned { // gone on, and ended or parked again, since the claim was answered
		x.mu.Unlock()
		return
	}
	if !x.waitsForOthers() && !x.expectsEarly() {
		x.fireDue(x.w.clock.earliest())
		x.armLocked()
		x.settle()
		x.mu.Unlock()
		return
	}
	x.busy++
	x.quiet++
	x.pins++
	x.mu.Unlock()
	go func() {
		defer x.unpin()
		defer x.leave()
		h, err := x.look()
		if err != nil {
			return
		}
		x.deliver(h)
		x.mu.Lock()
		x.fireDue(x.w.clock.earliest())
		x.armLocked()
		x.mu.Unlock()
	}()
}

// Tick does one round: it claims what is due into the free slots and executes it until each run has ended
// or is parked. It returns how many runs it claimed. It is for tests, and for workers that are not started.
func (w *Worker) Tick(ctx context.Context) (int, error) {
	w.life.Lock()
	defer w.life.Unlock()
	if w.started || w.stopped {
		return 0, ErrWorkerStarted
	}
	loops, quit := context.WithCancel(ctx)
	w.loops.Go(func() { w.watchingOthers(loops) })
	w.loops.Go(func() { w.heartbeats(loops) })
	w.loops.Go(func() { w.listening(loops, w.subscribe(loops)) })
	defer w.loops.Wait()
	defer quit()
	c, err := w.claim(ctx)
	if err != nil {
		return 0, err
	}
	w.claims.Wait()
	for _, x := range w.all() {
		if err := x.settled(ctx); err != nil {
			return c.runs, err
		}
	}
	return c.runs, nil
}

// settled waits until the execution has ended or is parked.
func (x *execution) settled(ctx context.Context) error {
	x.mu.Lock()
	for x.phase != ended && x.phase != parked {
		changed := x.change()
		x.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		x.mu.Lock()
	}
	x.mu.Unlock()
	return nil
}
