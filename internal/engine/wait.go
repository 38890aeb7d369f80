package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// wait is a durable wait that a branch of the run blocks in.
type wait struct {
	key    string // the attempt's id; of a retry, the step's name
	kind   domain.StepKind
	signal string
	wakeAt time.Time
	ready  chan struct{} // closed when there is news
	fired  bool
	news   news
}

// news is what ends a wait.
type news struct {
	due       bool // its time has come
	delivered bool // a signal: data
	data      []byte
	child     *domain.ChildOutcome
	orphaned  bool // the child does not exist
}

func newWait(a *domain.StepAttempt, c domain.WaitContext) *wait {
	return &wait{key: a.ID, kind: a.Kind, signal: c.Signal, wakeAt: c.WakeAt(), ready: make(chan struct{})}
}

// await opens the wait, if it is not open yet, and blocks until there is news, or until the caller cancels
// it; durable waits are never cancelled. When it returns without an error the call has entered, and must
// leave.
func (x *execution) await(w *wait, open *domain.Transition, cancel <-chan struct{}) (news, error) {
	if err := x.enterWait(w); err != nil {
		return news{}, err
	}
	if open != nil {
		if err := x.open(w, open); err != nil {
			return news{}, err
		}
	} else {
		x.mu.Lock()
		x.register(w)
		x.unbusy()
		x.settle()
		x.mu.Unlock()
	}
	select {
	case <-w.ready:
	case <-x.ctx.Done():
		x.interrupt()
		x.abandon(w)
		return news{}, domain.ErrSuspended
	case <-cancel:
		x.abandon(w)
		return news{}, errCanceled
	}
	if err := x.takeSlot(); err != nil {
		return news{}, err
	}
	return w.news, nil
}

// enterWait is enter, but lets the wait for a retry begin while the worker stops: the run is then parked until
// the retry is due. Released at once, it would be retried at once by a TypeScript worker, which knows no retry_at.
func (x *execution) enterWait(w *wait) error {
	x.mu.Lock()
	over := x.returned
	x.mu.Unlock()
	if over || w.kind != domain.KindFunction {
		return x.enter()
	}
	return x.own()
}

// errCanceled: the caller's context ended during a wait that it may cancel.
var errCanceled = errors.New("the wait was canceled")

// abandon forgets a wait that nobody waits in any more.
func (x *execution) abandon(w *wait) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.waits, w.key)
	if w.fired {
		x.unbusy()
	}
	x.settle()
}

// register makes the wait known, and fires it if there is news already; with x.mu held. Nothing fires
// while the run is being parked: whatever there is makes the row due, and is found when it is claimed.
func (x *execution) register(w *wait) {
	if x.waits == nil {
		x.waits = make(map[string]*wait, 1)
	}
	x.waits[w.key] = w
	if x.phase != owned {
		return
	}
	if data, ok := x.arrived.Signals[w.key]; ok {
		x.fire(w, news{delivered: true, data: data})
		return
	}
	if child, ok := x.arrived.Children[w.key]; ok {
		x.fire(w, news{child: &child})
		return
	}
	if x.arrived.Missing[w.key] {
		x.fire(w, news{orphaned: true})
		return
	}
	if !w.wakeAt.After(x.w.clock.earliest()) {
		x.fire(w, news{due: true})
		return
	}
	x.armLocked()
	if w.kind != domain.KindSleep {
		notify(x.w.watchSoon)
	}
}

// open records the wait and registers it; the caller has entered. Where nothing else goes on in the run,
// the run is parked in the same batch. Without an error the call has left; with one too.
func (x *execution) open(w *wait, t *domain.Transition) error {
	x.mu.Lock()
	if err := x.countAttempt(t.Attempt.StepName); err != nil {
		x.unbusy()
		x.settle()
		x.mu.Unlock()
		return err
	}
	if x.returned { // since the call entered: a plain end may be on its way
		x.unbusy()
		x.mu.Unlock()
		return x.suspended()
	}
	batch := x.opening(w, t)
	fused := len(batch) > 1
	x.mu.Unlock()

	verdicts, err := x.commit(batch...)
	if err != nil {
		x.leave()
		return err
	}
	refused := verdicts[0].Err
	x.mu.Lock()
	x.unbusy()
	if refused == nil {
		x.ledger.started(&t.Attempt, true)
		x.register(w)
	}
	if !fused {
		x.settle()
	}
	x.mu.Unlock()
	switch {
	case fused && refused == nil:
		x.endPark(verdicts[1], batch[1].WakeAt)
	case fused:
		x.unpark()
	}
	if refused != nil {
		return rejected{refused}
	}
	if verdicts[0].Satisfied && !fused {
		notify(x.w.watching)
	}
	return nil
}

// opening makes the batch that records the wait and, where nothing else goes on, parks the run; with x.mu held. It is on the
// heap: a run's stack stays as large as it was when the wait was opened for as long as that lasts.
func (x *execution) opening(w *wait, t *domain.Transition) []domain.Transition {
	x.ledger.opened = true
	t.Lease = x.lease()
	batch := make([]domain.Transition, 1, 2)
	batch[0] = *t
	if x.busy == 1 && x.phase == owned && !x.def.parallel.Load() && w.wakeAt.After(x.w.clock.latest()) && !x.hasEarly() {
		batch = batch[:2]
		x.beginPark(&batch[1], w.wakeAt)
	}
	return batch
}

// rejected is a step that the database refused to record.
type rejected struct{ why error }

func (r rejected) Error() string { return r.why.Error() }

func (r rejected) Unwrap() []error { return []error{domain.ErrInvalidPayload, r.why} }

// countAttempt refuses one attempt too many; with x.mu held.
func (x *execution) countAttempt(step string) error {
	if x.ledger.attempts < x.w.cfg.StepLimit {
		return nil
	}
	return x.fail(fmt.Errorf("%w: the run has %d step attempts and the limit is %d (WorkerOptions.StepLimit); step %q was not started",
		domain.ErrStepLimitExceeded, x.ledger.attempts, x.w.cfg.StepLimit, step))
}

// fire ends a wait. It enters on behalf of the branch that wakes; with x.mu held.
func (x *execution) fire(w *wait, n news) {
	if w.fired {
		return
	}
	delete(x.waits, w.key)
	w.fired, w.news = true, n
	x.busy++
	x.quiet++
	close(w.ready)
}

// fireDue fires the waits whose time has come; with x.mu held.
func (x *execution) fireDue(now time.Time) {
	for _, w := range x.waits {
		if !w.wakeAt.After(now) {
			x.fire(w, news{due: true})
		}
	}
}

// deliver fires the waits for which something has arrived.
func (x *execution) deliver(h domain.History) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.phase != owned {
		return
	}
	for key, data := range h.Signals {
		if w := x.waits[key]; w != nil {
			x.fire(w, news{delivered: true, data: data})
		}
	}
	for key, child := range h.Children {
		if w := x.waits[key]; w != nil {
			x.fire(w, news{child: &child})
		}
	}
	x.keepEarly(h)
	for key := range h.Missing {
		if w := x.waits[key]; w != nil {
			x.fire(w, news{orphaned: true})
		}
	}
}

// waitsForOthers reports whether an open wait can be ended by something else than time; with x.mu held.
func (x *execution) waitsForOthers() bool {
	for _, w := range x.waits {
		if w.kind == domain.KindSignalWait || w.kind == domain.KindWorkflow {
			return true
		}
	}
	return false
}

// look reads what has arrived for the run's open waits; the caller has entered. It tries until it is
// answered or the execution has ended.
func (x *execution) look() (domain.History, error) {
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		sent := time.Now()
		ctx, cancel := context.WithTimeout(x.ctx, callTimeout)
		res, err := x.w.cfg.Backend.LoadHistories(ctx, ports.HistoryRequest{RunIDs: []string{x.run.ID}, OpenOnly: true})
		cancel()
		if err == nil {
			x.w.clock.observe(sent, res.Now)
			if len(res.Histories) == 1 {
				return res.Histories[0], nil
			}
			return domain.History{}, nil
		}
		if x.ctx.Err() != nil {
			return domain.History{}, x.suspended()
		}
		pause(x.ctx, jitter(delay))
	}
}
