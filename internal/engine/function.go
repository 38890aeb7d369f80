package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Run executes a function step, or returns its recorded outcome.
func (s *Scope) Run(ctx context.Context, c StepCall) (json.RawMessage, error) {
	var call call
	if err := s.begin(&call, c.Name, domain.KindFunction, false); err != nil {
		return nil, err
	}
	defer call.end()
	return s.x.function(ctx, &call, c)
}

// Pending is a function step on its way.
type Pending struct {
	done chan struct{}
	out  json.RawMessage
	err  error
}

// Wait returns the step's outcome.
func (p *Pending) Wait() (json.RawMessage, error) {
	<-p.done
	return p.out, p.err
}

// Go starts a function step beside the caller. Its name is resolved now.
func (s *Scope) Go(ctx context.Context, c StepCall) *Pending {
	p := &Pending{done: make(chan struct{}), err: domain.ErrSuspended}
	var call call
	if err := s.begin(&call, c.Name, domain.KindFunction, true); err != nil {
		p.err = err
		close(p.done)
		return p
	}
	s.x.pin()
	go func() {
		defer s.x.unpin()
		defer close(p.done)
		defer call.end()
		p.out, p.err = s.x.function(ctx, &call, c)
	}()
	return p
}

// function tries the step until it has an outcome that is final.
func (x *execution) function(ctx context.Context, call *call, c StepCall) (json.RawMessage, error) {
	policy := c.Retry.WithDefaults(domain.DefaultStepAttempts)
	for rec := call.rec; ; rec = x.record(call.name) {
		if rec.completed != nil {
			return rec.completed.Output, nil
		}
		if f := rec.failed; f != nil {
			if f.Final || (f.RetryAt.IsZero() && policy.Exhausted(rec.failures)) {
				return nil, x.stepError(call.name, rec)
			}
		}
		if err := x.unrecorded(ctx, call.name); err != nil {
			return nil, err
		}
		if f := rec.failed; f != nil {
			if err := x.untilRetry(ctx, call.name, f.RetryAt); err != nil {
				return nil, err
			}
		}
		if ctx.Err() != nil && x.ctx.Err() == nil {
			return nil, context.Cause(ctx)
		}
		if err := x.attempt(ctx, call, c, policy, rec); err != nil {
			return nil, err
		}
	}
}

func (x *execution) record(name string) record {
	x.mu.Lock()
	defer x.mu.Unlock()
	return *x.ledger.steps[name]
}

func (x *execution) stepError(name string, rec record) error {
	f := domain.Failure{Message: "the step failed; its row holds no error"}
	if rec.failed.Error != nil {
		f = *rec.failed.Error
	}
	return x.w.cfg.Errors.StepError(name, rec.failures, f)
}

// untilRetry is the wait for the step's next try; a context that ends makes the try, and so the wait, void.
func (x *execution) untilRetry(ctx context.Context, step string, at time.Time) error {
	if !at.After(x.w.clock.earliest()) {
		return nil
	}
	w := &wait{key: "retry:" + step, kind: domain.KindFunction, wakeAt: at, ready: make(chan struct{})}
	_, err := x.await(w, nil, ctx.Done())
	switch {
	case err == nil:
		x.leave()
		return nil
	case errors.Is(err, errCanceled) && x.ctx.Err() == nil:
		return context.Cause(ctx)
	}
	x.interrupt()
	return domain.ErrSuspended
}

// attempt runs the function once and records how it ended. An error means that nothing was recorded.
func (x *execution) attempt(ctx context.Context, call *call, c StepCall, policy domain.RetryPolicy, rec record) error {
	x.pin() // the goroutine may be the user's own
	defer x.unpin()
	if err := x.enter(); err != nil {
		return err
	}
	defer x.leave()
	ts := []domain.Transition{{Kind: domain.FinishStep, Plain: true, Attempt: domain.StepAttempt{
		ID: domain.NewID(), StepName: call.name, Kind: domain.KindFunction, StartedAt: x.stamp(),
	}}}
	a := &ts[0].Attempt
	if err := x.beginFunction(a); err != nil {
		return err
	}
	try := x.try(ctx, a, rec.failures+1)
	defer try.abandon()
	exited := true
	defer func() {
		if exited { // by runtime.Goexit: this goroutine does not come back
			x.endFunction()
			if x.finishAttempt(ts, nil, errGoexit, policy, rec, try) == nil {
				x.startOver()
			}
		}
	}()
	out, err := x.invoke(try.context(ctx), &ts[0], c)
	exited = false
	try.returned()
	x.endFunction()
	if err != nil {
		if x.ctx.Err() != nil { // cancelled from here: the outcome says nothing about the step
			return x.suspended()
		}
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return context.Cause(ctx)
		}
	}
	return x.finishAttempt(ts, out, err, policy, rec, try)
}

// finishAttempt records what the function returned; ts holds the finish of its attempt.
func (x *execution) finishAttempt(ts []domain.Transition, out json.RawMessage, err error, policy domain.RetryPolicy, rec record, try *tried) error {
	a := &ts[0].Attempt
	a.FinishedAt = x.stamp()
	if err == nil {
		a.Status, a.Output = domain.StepCompleted, out
	} else {
		x.fillFailure(a, x.w.encode(err), policy, rec.failures+1)
	}
	if log := x.check(zap.DebugLevel, "step attempt"); log != nil {
		log.Write(zap.String("step", a.StepName), zap.String("status", string(a.Status)), zap.Duration("took", a.FinishedAt.Sub(a.StartedAt)))
	}
	return try.end(a, x.recordFinish(ts, rec.cut))
}

func (x *execution) fillFailure(a *domain.StepAttempt, f domain.Failure, policy domain.RetryPolicy, failures int) {
	d := policy.Decide(f, failures, x.w.clock.latest(), x.run.DeadlineAt)
	a.Status, a.Error, a.Final, a.RetryAt = domain.StepFailed, &f, d.Final, d.RetryAt
}

// recordFinish commits how the attempt of ts[0], a finish, has ended, and closes those that dead workers left open. A
// result that the database refuses is a failure that is never retried: the effect has happened. The ledger
// keeps the attempt.
func (x *execution) recordFinish(ts []domain.Transition, cut []*domain.StepAttempt) error {
	t, a := &ts[0], &ts[0].Attempt
	x.mu.Lock()
	t.Lease, t.Progress = x.lease(), x.run.Recoveries > 0
	x.run.Recoveries = 0
	x.mu.Unlock()
	if len(cut) > 0 {
		ts = append(ts, x.closeCut(t, cut)...)
	}
	verdicts, err := x.commit(ts...)
	if err != nil {
		return err
	}
	if refused := verdicts[0].Err; refused != nil {
		f := domain.FailureOf(rejected{refused})
		a.Status, a.Output, a.Error, a.Final, a.RetryAt = domain.StepFailed, nil, &f, true, time.Time{}
		if verdicts, err = x.commit(*t); err != nil {
			return err
		}
		if verdicts[0].Err != nil {
			return verdicts[0].Err
		}
	}
	x.mu.Lock()
	x.ledger.finished(a)
	x.mu.Unlock()
	return nil
}

// closeCut makes the ends of the attempts that dead workers left open beside t.
func (x *execution) closeCut(t *domain.Transition, cut []*domain.StepAttempt) []domain.Transition {
	ts := make([]domain.Transition, len(cut))
	for i, c := range cut {
		f := domain.InterruptedFailure()
		closed := *c
		closed.Status, closed.Error, closed.FinishedAt = domain.StepFailed, &f, t.Attempt.FinishedAt
		ts[i] = domain.Transition{Kind: domain.FinishStep, Lease: t.Lease, Attempt: closed}
	}
	return ts
}

func (x *execution) beginFunction(a *domain.StepAttempt) error {
	x.mu.Lock()
	if err := x.countAttempt(a.StepName); err != nil {
		x.mu.Unlock()
		return err
	}
	if x.leaseEnd.left() <= 0 {
		x.mu.Unlock()
		x.end(domain.ErrLeaseLost)
		return x.suspended()
	}
	x.ledger.started(a, false)
	x.functions++
	x.mu.Unlock()
	return nil
}

func (x *execution) endFunction() {
	x.mu.Lock()
	x.functions--
	x.mu.Unlock()
}

// invoke calls the function with a context that ends with the run's, the caller's, or the step's time.
func (x *execution) invoke(caller context.Context, t *domain.Transition, c StepCall) (json.RawMessage, error) {
	ctx := &stepContext{Context: caller, x: x, attempt: &t.Attempt}
	if c.Timeout > 0 {
		timed, stop := context.WithTimeoutCause(caller, c.Timeout, domain.ErrStepTimeout)
		defer stop()
		ctx.Context = timed
	}
	defer ctx.end(nil)
	if caller.Done() != x.ctx.Done() { // it need not descend from the run's own
		stop := context.AfterFunc(x.ctx, func() { ctx.end(context.Cause(x.ctx)) })
		defer stop()
	}
	x.w.marks.set(&ctx.mark, x, t)
	defer x.w.marks.drop(&ctx.mark)

	out, err := stepBody(ctx, c.Fn)
	if err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), domain.ErrStepTimeout) {
		return nil, fmt.Errorf("%w after %v: %s", domain.ErrStepTimeout, c.Timeout, err.Error())
	}
	return out, err
}

// stepBody calls a step function, on the goroutine of the step's caller: one of its own would have to be made,
// and its stack to grow, for every step. A panic ends no more than the attempt.
func stepBody(ctx context.Context, fn func(context.Context) (json.RawMessage, error)) (out json.RawMessage, err error) {
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, panicError(v)
		}
	}()
	out, err = fn(ctx)
	if err != nil {
		_, _ = err.Error(), errors.Is(err, errGoexit) // if its methods panic, then here
	}
	return out, err
}
