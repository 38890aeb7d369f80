package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

var (
	errGoexit   = errors.New("the function called runtime.Goexit")
	errReturned = errors.New("the workflow function has returned")
	errStopping = errors.New("the worker stops")
)

// panicked is a panic of user code as an error with its stack.
type panicked struct {
	value any
	stack string
}

func panicError(value any) error { return &panicked{value: value, stack: string(debug.Stack())} }

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// encode makes the storable form of an error of user code, whose methods may panic (a nil pointer's do).
func (w *Worker) encode(err error) (f domain.Failure) {
	defer func() {
		if v := recover(); v != nil {
			f = w.encode(&panicked{value: fmt.Sprintf("in a method of the error %T: %v", err, v), stack: string(debug.Stack())})
		}
	}()
	var p *panicked
	if errors.As(err, &p) {
		return domain.Failure{Name: "panic", Message: p.Error(), Stack: p.stack}.Storable()
	}
	f = w.cfg.Errors.Encode(err).Storable()
	f.NonRetryable = f.NonRetryable || domain.NeverRetried(f.Code)
	return f
}

// finish records what the workflow function returned, or lets the run go on elsewhere.
func (x *execution) finish(out json.RawMessage, err error) {
	x.mu.Lock()
	if x.returned { // startOver ends it
		x.mu.Unlock()
		return
	}
	x.returned = true
	interrupted := x.interrupted
	waiting := x.phase == parked || x.phase == parking
	x.mu.Unlock()
	switch {
	case (interrupted && waiting) || x.own() != nil:
		x.endReturned()
	case interrupted:
		x.release()
		x.endReturned()
	default:
		x.conclude(out, err)
	}
}

// startOver gives the run back, to be replayed, because a step function has ended a goroutine of the run that may
// be the only one. The caller has entered.
func (x *execution) startOver() {
	x.mu.Lock()
	if x.returned { // finish sees to the rest
		x.mu.Unlock()
		return
	}
	x.returned, x.interrupted = true, true
	x.mu.Unlock()
	x.release()
	x.end(errGoexit)
}

// release gives the run back, due at once, when no step function of it is left running here. One that
// ignores its context keeps the lease until it expires: it must not start a second time meanwhile.
func (x *execution) release() {
	if !x.alone() {
		return
	}
	x.mu.Lock()
	t := domain.Transition{Kind: domain.ParkRun, Lease: x.lease()}
	x.mu.Unlock()
	if _, err := x.commit(t); err == nil {
		x.concluded(&t)
		x.log().Info("run released")
	}
}

// outcome makes t the transition that follows from what the workflow function returned.
func (x *execution) outcome(t *domain.Transition, out json.RawMessage, err error) {
	var f *domain.Failure
	if err != nil {
		encoded := x.w.encode(err)
		f = &encoded
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	t.Lease = x.lease()
	switch {
	case x.fatal != nil:
		failed(t, domain.FailureOf(x.fatal))
		return
	case f == nil:
		if lost := x.unasked(); lost != nil {
			failed(t, domain.FailureOf(lost))
			return
		}
		t.Kind, t.Output = domain.CompleteRun, out
		return
	}
	now := x.w.clock.latest()
	if at := x.run.DeadlineAt; !at.IsZero() && !at.After(now) {
		failed(t, domain.DeadlineFailure())
		return
	}
	policy := x.def.RetryPolicy.WithDefaults(domain.DefaultWorkflowAttempts)
	d := policy.Decide(*f, x.run.Failures+1, now, x.run.DeadlineAt)
	if d.Final {
		failed(t, *f)
		return
	}
	t.Kind, t.WakeAt, t.Error = domain.RetryRun, d.RetryAt, f
}

// endsPlainly reports whether ending the run concerns nothing else. The function has returned, and from then on
// neither open nor mark opens an attempt.
func (x *execution) endsPlainly() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.ledger.opened && x.run.ParentAttemptID == ""
}

func failed(t *domain.Transition, f domain.Failure) { t.Kind, t.Error = domain.FailRun, &f }

// unasked is an error if the function returned without asking for steps that it once completed. Where the
// history shows branches side by side it is only logged: which branches run can depend on what ends first.
func (x *execution) unasked() error {
	if x.ledger.unasked == 0 {
		return nil
	}
	names := strings.Join(x.ledger.unaskedSteps(), ", ")
	if x.ledger.overlapping() {
		x.log().Warn("recorded steps were not asked for", zap.String("steps", names))
		return nil
	}
	return fmt.Errorf("%w: the history has completed steps that the function no longer asks for: %s; "+
		"give changed workflows a new version", domain.ErrNondeterminism, names)
}

// conclude has the outcome committed, which ends the execution. Its goroutine, if it is not the one that commits, is gone by
// then: it would only wait. A run that is retried may start again anywhere: the steps that the function left behind have to
// end first.
func (x *execution) conclude(out json.RawMessage, err error) {
	var t domain.Transition
	x.outcome(&t, out, err)
	if t.Kind.Terminal() {
		t.Plain = x.endsPlainly()
	} else {
		x.stop(endCause{errReturned})
		if !x.alone() {
			return
		}
	}
	x.pin()
	x.w.journal.submit(x, &t, x.answered)
}

// answered is told how the outcome's commit ended. An output or error that the database refuses fails the run instead.
func (x *execution) answered(t *domain.Transition, verdicts []domain.Verdict, err error) {
	if err != nil || verdicts[0].Err == nil || errors.Is(verdicts[0].Err, domain.ErrLeaseLost) {
		x.conclusive(t, verdicts, err)
		return
	}
	instead := domain.Transition{Lease: t.Lease}
	failed(&instead, domain.FailureOf(fmt.Errorf("%w: the output cannot be stored: %w", domain.ErrInvalidPayload, verdicts[0].Err)))
	go x.w.journal.submit(x, &instead, x.conclusive) // others wait to be told
}

// conclusive ends the execution with the outcome t, unless the run was lost before.
func (x *execution) conclusive(t *domain.Transition, verdicts []domain.Verdict, err error) {
	defer x.unpin()
	defer x.endReturned()
	if x.lost(verdicts, err) {
		return
	}
	x.concluded(t)
	switch t.Kind {
	case domain.CompleteRun:
		x.check(zap.InfoLevel, "run completed").Write()
	case domain.FailRun:
		x.log().Info("run failed", zap.String("error", t.Error.Name), zap.String("code", t.Error.Code))
	case domain.RetryRun:
		x.w.agenda.expect(t.WakeAt.Sub(x.w.clock.earliest()))
		x.log().Info("run will be retried", zap.String("error", t.Error.Name), zap.Time("at", t.WakeAt))
	}
}
