package engine

import (
	"context"
	"errors"
	"runtime"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// A run is quiet while a durable wait is open and no call needs the run: no step function, no commit. A
// quiet run gives its slot back at once and is parked, at once where calls of its workflow never overlap,
// else after parkDelay, so that a branch that is about to call need not take the run back first.
const parkDelay = 100 * time.Millisecond

// ignoredEnds is how many calls code may make after its execution has ended before its goroutine is ended.
const ignoredEnds = 100

// enter begins a call that needs the run: it takes the run back if it is parked, and a slot. Each
// successful enter is paired with a leave. It refuses when the worker stops (new work is for others) and
// when the workflow function has returned (its outcome does not wait for new work).
func (x *execution) enter() error {
	x.mu.Lock()
	over := x.returned
	x.mu.Unlock()
	if over || x.w.stopping.Load() {
		return x.suspended()
	}
	if err := x.own(); err != nil {
		return err
	}
	return x.takeSlot()
}

// interrupt notes that a call was refused or cut short: what the function returns is not its outcome.
func (x *execution) interrupt() {
	x.mu.Lock()
	x.interrupted = true
	x.mu.Unlock()
}

// own is enter without a slot, for what must be written in any case.
func (x *execution) own() error {
	x.mu.Lock()
	for {
		switch x.phase {
		case ended:
			x.mu.Unlock()
			return x.suspended()
		case owned:
			x.busy++
			x.quiet++
			x.mu.Unlock()
			return nil
		case parked:
			x.setPhase(reclaiming)
			x.mu.Unlock()
			x.reclaim()
			x.mu.Lock()
		case parking, reclaiming:
			changed := x.change()
			x.mu.Unlock()
			<-changed
			x.mu.Lock()
		}
	}
}

func (x *execution) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.unbusy()
	x.settle()
}

// unbusy is called with x.mu held.
func (x *execution) unbusy() {
	x.busy--
	if x.returned {
		x.setPhase(x.phase) // the outcome may wait for it
	}
}

// alone waits until no call but the caller's needs the run: none whose result would be lost, or repeated
// beside itself, if the run were released. It is false if the execution has ended.
func (x *execution) alone() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.busy > 1 && x.phase != ended {
		changed := x.change()
		x.mu.Unlock()
		<-changed
		x.mu.Lock()
	}
	return x.phase != ended
}

// settle looks whether the run has become quiet; with x.mu held.
func (x *execution) settle() {
	if x.phase != owned || x.busy > 0 || x.returned || len(x.waits) == 0 {
		return
	}
	x.releaseSlot()
	if x.hasEarly() && !x.w.stopping.Load() {
		return
	}
	x.quiet++
	spell := x.quiet
	if x.def.parallel.Load() && !x.w.stopping.Load() {
		time.AfterFunc(parkDelay, func() { x.park(spell) })
		return
	}
	x.pins++
	go func() {
		defer x.unpin()
		x.park(spell)
	}()
}

// park releases the run until the first of its waits is due.
func (x *execution) park(spell int) {
	x.mu.Lock()
	if x.phase != owned || x.quiet != spell || x.returned || len(x.waits) == 0 {
		x.mu.Unlock()
		return
	}
	var t domain.Transition
	x.beginPark(&t, time.Time{})
	x.pins++
	x.mu.Unlock()
	defer x.unpin()
	if verdicts, err := x.commit(t); err == nil {
		x.endPark(verdicts[0], t.WakeAt)
	}
}

// beginPark makes t the park of the run and of one more wait that is about to open; with x.mu held.
func (x *execution) beginPark(t *domain.Transition, wakeAt time.Time) {
	x.setPhase(parking)
	for _, w := range x.waits {
		wakeAt = sooner(wakeAt, w.wakeAt)
	}
	t.Kind, t.Lease, t.WakeAt = domain.ParkRun, x.lease(), domain.CeilMillis(wakeAt)
}

// endPark makes the execution resident: its goroutines stay until the run is claimed again.
func (x *execution) endPark(v domain.Verdict, wakeAt time.Time) {
	if v.Err != nil {
		x.log().Error("park refused", zap.Error(v.Err))
		x.end(v.Err)
		return
	}
	x.mu.Lock()
	if x.phase != parking {
		x.mu.Unlock()
		return
	}
	x.setPhase(parked)
	x.releaseSlot()
	x.armDeadline()
	if !x.waitsForOthers() {
		x.w.alarms.set(wakeAt, x.run.ID, x.run.Attempts)
	}
	slice := x.slice.Load()
	x.mu.Unlock()
	slice.end(SliceEnd{Outcome: SliceParked, WakeAt: wakeAt})
	if log := x.check(zap.InfoLevel, "run parked"); log != nil {
		log.Write(zap.Time("until", wakeAt))
	}
	x.w.residents.add(x)
	if x.over() { // before it was a resident
		x.w.residents.remove(x)
	}
	x.w.agenda.expect(wakeAt.Sub(x.w.clock.earliest()))
	if x.w.stopping.Load() {
		x.evict(errStopping)
	}
}

// evict ends a resident execution; the run goes on wherever it is claimed next, by replay.
func (x *execution) evict(cause error) {
	x.mu.Lock()
	if x.phase != parked {
		x.mu.Unlock()
		return
	}
	x.endLocked(cause)
}

// unpark takes back a run that was parked for a wait that the database then refused to open.
func (x *execution) unpark() {
	x.mu.Lock()
	if x.phase != parking {
		x.mu.Unlock()
		return
	}
	x.setPhase(reclaiming)
	x.releaseSlot()
	x.mu.Unlock()
	x.reclaim()
}

// reclaim takes a parked run back for a branch that goes on; the phase is reclaiming.
func (x *execution) reclaim() {
	x.w.residents.remove(x)
	if x.w.slots.acquire(x.ctx) != nil {
		x.end(errStopping)
		return
	}
	x.mu.Lock()
	if x.phase != reclaiming { // the claim loop was faster
		x.mu.Unlock()
		x.w.slots.release(1)
		return
	}
	req := ports.ReclaimRequest{
		RunID: x.run.ID, WorkerID: x.w.id, Epoch: x.run.Attempts, LeaseDuration: x.w.cfg.LeaseDuration,
	}
	x.mu.Unlock()
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		sent := time.Now()
		res, err := x.tryReclaim(req)
		switch {
		case err == nil:
			x.w.clock.observe(sent, res.Now)
			slotUsed, ok := x.takeBack(res.Run, granted(sent, req.LeaseDuration, res))
			if !slotUsed {
				x.w.slots.release(1)
			}
			if !ok {
				x.end(domain.ErrLeaseLost)
			}
			notify(x.w.holding)
			x.lookSoon()
			return
		case errors.Is(err, domain.ErrLeaseLost), x.ctx.Err() != nil:
			x.mu.Lock()
			taken := x.run.Attempts != req.Epoch // the claim loop was faster
			x.mu.Unlock()
			x.w.slots.release(1)
			if !taken {
				x.end(err)
			}
			return
		}
		x.log().Warn("taking the run back failed; trying again", zap.Error(err))
		pause(x.ctx, jitter(delay))
	}
}

// granted is the lease of a run that was taken back, perhaps by an earlier call whose answer was lost: it
// ends when the database says, counted from the call that was answered.
func granted(sent time.Time, full time.Duration, res ports.ReclaimResult) lease {
	left := min(full, res.Run.AvailableAt.Sub(res.Now))
	return lease{sent.Add(left - full), full}
}

// lookSoon has the database asked what arrived for the open waits of a run that was parked.
func (x *execution) lookSoon() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.waitsForOthers() {
		notify(x.w.watching)
	}
}

func (x *execution) tryReclaim(req ports.ReclaimRequest) (ports.ReclaimResult, error) {
	ctx, cancel := context.WithTimeout(x.ctx, callTimeout)
	defer cancel()
	return x.w.cfg.Backend.ReclaimRun(ctx, req)
}

// takeBack makes the execution the run's owner again, with a slot that the caller took. ok is false if it
// no longer can: it has ended, or somebody else ran the run in between.
func (x *execution) takeBack(run domain.Run, l lease) (slotUsed, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if run.Attempts <= x.run.Attempts { // taken back already by the other way, and perhaps gone on since
		return false, true
	}
	if (x.phase != parked && x.phase != reclaiming) || run.Attempts != x.run.Attempts+1 {
		return false, false
	}
	x.run.Attempts, x.run.Recoveries, x.leaseEnd = run.Attempts, run.Recoveries, l
	x.setPhase(owned)
	x.openSlice(true)
	x.slot = hasSlot
	x.armLocked()
	if x.waitsForOthers() {
		notify(x.w.watchSoon)
	}
	return true, true
}

// takeSlot makes sure that the run has a slot; a call that fails has left.
func (x *execution) takeSlot() error {
	x.mu.Lock()
	for {
		if x.phase == ended {
			x.unbusy()
			x.mu.Unlock()
			return x.suspended()
		}
		switch x.slot {
		case hasSlot:
			x.mu.Unlock()
			return nil
		case noSlot:
			x.slot, x.slotChanged = takingSlot, make(chan struct{})
			x.mu.Unlock()
			err := x.w.slots.acquire(x.ctx)
			x.mu.Lock()
			close(x.slotChanged)
			x.slot = noSlot
			if err != nil {
				x.unbusy()
				x.mu.Unlock()
				return x.suspended()
			}
			if x.phase == ended {
				x.w.slots.release(1)
				continue
			}
			x.slot = hasSlot
		case takingSlot:
			changed := x.slotChanged
			x.mu.Unlock()
			<-changed
			x.mu.Lock()
		}
	}
}

// releaseSlot is called with x.mu held.
func (x *execution) releaseSlot() {
	if x.slot == hasSlot {
		x.slot = noSlot
		x.w.slots.release(1)
	}
}

// suspended is what calls of an execution that has ended, or is to end, return.
func (x *execution) suspended() error {
	x.interrupt()
	x.discourage()
	return domain.ErrSuspended
}

// discourage slows code down that goes on calling in vain, and in the end ends its goroutine: there is
// nothing left that it could do.
func (x *execution) discourage() {
	x.mu.Lock()
	patience := int64(ignoredEnds + x.peak)
	x.mu.Unlock()
	n := x.calls.Add(1)
	if n >= patience {
		runtime.Goexit()
	}
	if n > patience/2 {
		time.Sleep(min(time.Second, time.Millisecond<<min(n-patience/2, 10)))
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
