package engine

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// phase is how an execution stands to its run's row.
type phase int

const (
	owned      phase = iota // this worker holds the lease
	parking                 // a park is on its way
	parked                  // resident: the row waits in the database, the goroutines wait here
	reclaiming              // the row is being taken back
	ended                   // nothing more is written from here
)

// definition is a Definition with what was learned about it.
type definition struct {
	Definition
	parallel atomic.Bool // overlapping calls were seen: parks are delayed a little
}

// execution is one run as this worker executes it, from its claim to its end here. It may be parked and
// taken back many times in between.
type execution struct {
	w     *Worker
	def   *definition
	ctx   context.Context // of the workflow function; ends when the execution does
	stop  context.CancelCauseFunc
	wake  atomic.Pointer[time.Timer]
	calls atomic.Int64 // engine calls made in vain: after the end, or after a fatal error
	root  Scope
	place *list.Element // among the residents; guarded by their mutex

	mu          sync.Mutex
	run         domain.Run // the row as last claimed
	phase       phase
	changed     chan struct{} // closed at the next change of phase; nil while nobody waits for it
	leaseEnd    lease
	ledger      *ledger
	arrived     domain.History // what had arrived for open waits when the history was read
	waits       map[string]*wait
	busy        int  // calls that need the run owned
	active      int  // engine calls in progress
	peak        int  // most of them at once
	functions   int  // step functions in progress
	pins        int  // goroutines of the engine that work for the run
	forgotten   bool // the last of them has gone
	slot        slot
	slotChanged chan struct{}
	quiet       int  // counts the quiet spells, so that a late timer finds its own gone
	returned    bool // the workflow function has returned
	interrupted bool // a call was refused because the worker stops
	replayed    bool // something new has happened: no longer replaying
	fatal       error
	lastStamp   time.Time

	slice atomic.Pointer[slice] // nil where nobody observes
}

type slot int

const (
	noSlot slot = iota
	takingSlot
	hasSlot
)

// lease is how long the claim is safely ours, by our own clock.
type lease struct {
	from     time.Time // when the claim or heartbeat was sent
	duration time.Duration
}

// left is what is left of the lease, less a margin that a write needs to arrive.
func (l lease) left() time.Duration { return l.duration - l.duration/6 - elapsed(l.from) }

func newExecution(w *Worker, def *definition, run *domain.Run, l lease, h domain.History) *execution {
	ctx, stop := context.WithCancelCause(w.ctx)
	x := &execution{
		w: w, def: def, ctx: ctx, run: *run, leaseEnd: l, arrived: h,
		stop: stop, ledger: newLedger(h.Attempts), slot: hasSlot, pins: 1,
	}
	x.run.Input = nil // main has it, for as long as the function does
	x.replayed = x.ledger.unasked == 0
	x.root.x = x
	x.watch()
	return x
}

// main executes the workflow function and records its outcome, also when the function panics or ends its
// goroutine.
func (x *execution) main(input json.RawMessage) {
	defer x.unpin()
	x.arm()
	out, err := json.RawMessage(nil), errGoexit
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, panicError(v)
		}
		x.finish(out, err)
	}()
	out, err = x.def.Run(&x.root, input)
}

// lease of the run as this execution holds it; with x.mu held.
func (x *execution) lease() domain.Lease {
	return domain.Lease{RunID: x.run.ID, WorkerID: x.w.id, Epoch: x.run.Attempts}
}

// setPhase is called with x.mu held.
func (x *execution) setPhase(p phase) {
	x.phase = p
	if x.changed != nil {
		close(x.changed)
		x.changed = nil
	}
}

// change is closed at the next change of phase; with x.mu held.
func (x *execution) change() <-chan struct{} {
	if x.changed == nil {
		x.changed = make(chan struct{})
	}
	return x.changed
}

// log is the worker's logger with the run's name on it.
func (x *execution) log() *zap.Logger {
	return x.w.log.With(zap.String("run", x.run.ID), zap.String("workflow", x.run.WorkflowName))
}

// check is zap's Check, for what happens to every run: it costs nothing where the level is not logged.
func (x *execution) check(level zapcore.Level, message string) *zapcore.CheckedEntry {
	if !x.w.log.Core().Enabled(level) {
		return nil
	}
	return x.log().Check(level, message)
}

// alive reports whether this execution may still write.
func (x *execution) alive() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.phase != ended && x.leaseEnd.left() > 0
}

// stamp is the database's present time as rows record it; it never runs backwards within an execution.
func (x *execution) stamp() time.Time {
	now := x.w.clock.latest()
	x.mu.Lock()
	defer x.mu.Unlock()
	if now.Before(x.lastStamp) {
		return x.lastStamp
	}
	x.lastStamp = now
	return now
}

// commit hands transitions to the journal. When it returns an error nothing may be concluded but that
// the execution has ended.
func (x *execution) commit(ts ...domain.Transition) ([]domain.Verdict, error) {
	verdicts, err := x.w.journal.commit(x, ts...)
	if x.lost(verdicts, err) {
		return nil, x.suspended()
	}
	return verdicts, nil
}

// lost ends the execution, and reports so, where the journal's answer says that the run is not ours any more.
func (x *execution) lost(verdicts []domain.Verdict, err error) bool {
	if err != nil {
		x.end(errors.New("the lease ran out before the database answered"))
		return true
	}
	for i := range verdicts {
		if errors.Is(verdicts[i].Err, domain.ErrLeaseLost) {
			x.end(domain.ErrLeaseLost)
			return true
		}
	}
	return false
}

// end ends the execution here: its contexts end, its engine calls return ErrSuspended, its function
// unwinds and what it returns is discarded. The row is not touched.
func (x *execution) end(cause error) {
	x.mu.Lock()
	if x.phase == ended {
		x.mu.Unlock()
		return
	}
	x.endLocked(cause)
}

// endLocked ends the execution; it is called with x.mu held and releases it.
func (x *execution) endLocked(cause error) {
	x.setPhase(ended)
	x.releaseSlot()
	x.pins++ // so that it is not forgotten before it is known to have ended
	x.mu.Unlock()
	defer x.unpin()
	x.disarm()
	x.endSlice(cause)
	x.stop(endCause{cause})
	x.w.ended(x)
}

// endReturned ends the execution of a function that has returned. Where the caller's is the only pin, unpin does so.
func (x *execution) endReturned() {
	x.mu.Lock()
	if x.phase == ended || x.pins == 1 {
		x.mu.Unlock()
		return
	}
	x.endLocked(errReturned)
}

// over reports whether the execution has ended.
func (x *execution) over() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.phase == ended
}

// endCause is what the contexts of an ended execution say: ErrSuspended, and why.
type endCause struct{ why error }

func (e endCause) Error() string { return domain.ErrSuspended.Error() + " (" + e.why.Error() + ")" }

func (e endCause) Unwrap() []error { return []error{domain.ErrSuspended, e.why} }

func (x *execution) pin() {
	x.mu.Lock()
	x.pins++
	x.mu.Unlock()
}

// unpin ends and forgets the execution when its last goroutine has gone.
func (x *execution) unpin() {
	x.mu.Lock()
	x.pins--
	last := x.pins == 0 && !x.forgotten
	if !last {
		x.mu.Unlock()
		return
	}
	x.forgotten = true
	over := x.phase == ended
	if !over {
		x.setPhase(ended)
		x.releaseSlot()
	}
	x.mu.Unlock()
	if !over {
		x.disarm()
		x.endSlice(errReturned)
		x.stop(endCause{errReturned})
	}
	x.w.forget(x)
}

// arm sets the timer for the next thing that time alone brings: the end of a wait, or the deadline.
func (x *execution) arm() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.armLocked()
}

func (x *execution) armLocked() {
	if x.phase != owned {
		return
	}
	next := x.run.DeadlineAt
	for _, w := range x.waits {
		next = sooner(next, w.wakeAt)
	}
	if next.IsZero() {
		return
	}
	x.setTimer(next, x.onTime)
}

// armDeadline has a sweep made when the deadline of a parked run passes; with x.mu held.
func (x *execution) armDeadline() {
	x.disarm()
	if at := x.run.DeadlineAt; !at.IsZero() {
		x.setTimer(at, func() { notify(x.w.expiring) })
	}
}

func (x *execution) setTimer(at time.Time, f func()) {
	timer := time.AfterFunc(max(0, at.Sub(x.w.clock.earliest())), f)
	if old := x.wake.Swap(timer); old != nil {
		old.Stop()
	}
}

func (x *execution) disarm() {
	if timer := x.wake.Swap(nil); timer != nil {
		timer.Stop()
	}
}

// onTime fires the waits whose time has come, and ends a run whose deadline has passed.
func (x *execution) onTime() {
	x.mu.Lock()
	if x.phase != owned {
		x.mu.Unlock()
		return
	}
	now := x.w.clock.earliest()
	if at := x.run.DeadlineAt; !at.IsZero() && !at.After(now) {
		x.pins++
		x.busy++ // the run is not parked meanwhile
		x.quiet++
		x.mu.Unlock()
		defer x.unpin()
		x.expire()
		return
	}
	x.fireDue(now)
	x.armLocked()
	x.mu.Unlock()
}

// expire fails the run because its deadline has passed.
func (x *execution) expire() {
	f := domain.DeadlineFailure()
	x.mu.Lock()
	t := domain.Transition{Kind: domain.FailRun, Lease: x.lease(), Error: &f}
	x.mu.Unlock()
	if x.lost(x.w.journal.commit(x, t)) {
		notify(x.w.expiring) // nobody else may watch it
	} else {
		x.concluded(&t)
		x.log().Info("run failed", zap.String("error", f.Message))
	}
	x.end(domain.ErrDeadlineExceeded)
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
