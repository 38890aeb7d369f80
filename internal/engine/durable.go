package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Sleep waits for d, counted from now by the database's clock.
func (s *Scope) Sleep(_ context.Context, name string, d time.Duration) error {
	return s.sleep(name, func() time.Time { return s.x.w.clock.latest().Add(d) })
}

// SleepUntil waits until t, by the database's clock.
func (s *Scope) SleepUntil(_ context.Context, name string, t time.Time) error {
	return s.sleep(name, func() time.Time { return t })
}

func (s *Scope) sleep(name string, until func() time.Time) error {
	var call call
	if err := s.begin(&call, name, domain.KindSleep, false); err != nil {
		return err
	}
	defer call.end()
	if call.rec.completed != nil {
		return nil
	}
	x := s.x
	a, w, open, err := x.prepare(&call, domain.KindSleep, func() domain.WaitContext {
		return domain.WaitContext{Kind: domain.KindSleep, ResumeAt: domain.CeilMillis(until())}
	})
	if err != nil {
		return err
	}
	if _, err := x.await(w, open, nil); err != nil {
		return x.waitError(&call, a, err)
	}
	defer x.leave()
	_, err = x.conclusion(&call, a, nil, nil)
	return err
}

// WaitForSignal waits for a signal; ok is false when its time ran out.
func (s *Scope) WaitForSignal(_ context.Context, c WaitCall) (data json.RawMessage, ok bool, err error) {
	var call call
	if err := s.begin(&call, c.StepName, domain.KindSignalWait, false); err != nil {
		return nil, false, err
	}
	defer call.end()
	out, err := s.x.signalWait(&call, c)
	if err != nil || len(out) == 0 || string(out) == "null" {
		return nil, false, err
	}
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(out, &envelope); err != nil {
		return nil, false, s.x.damaged(call.name, err)
	}
	return envelope.Data, true, nil
}

func (x *execution) signalWait(call *call, c WaitCall) (json.RawMessage, error) {
	if done, out, err := x.recorded(call); done {
		return out, err
	}
	if err := x.conflict(call, c.Signal); err != nil {
		return nil, err
	}
	a, w, open, err := x.prepare(call, domain.KindSignalWait, func() domain.WaitContext {
		return domain.WaitContext{Kind: domain.KindSignalWait, Signal: c.Signal, TimeoutAt: x.timeoutAt(c.Timeout)}
	})
	if err != nil {
		return nil, err
	}
	for {
		n, err := x.await(w, open, nil)
		if err != nil {
			return nil, x.waitError(call, a, err)
		}
		out, again, err := x.endSignalWait(call, a, n)
		x.leave()
		if !again {
			return out, err
		}
		w, open = &wait{key: a.ID, kind: a.Kind, signal: c.Signal, wakeAt: w.wakeAt, ready: make(chan struct{})}, nil
	}
}

// endSignalWait records what ended the wait; the caller has entered. If a signal was faster than the
// timeout, again is true: there is, or soon will be, something to see.
func (x *execution) endSignalWait(call *call, a *domain.StepAttempt, n news) (out json.RawMessage, again bool, err error) {
	if n.due {
		h, err := x.look()
		if err != nil {
			return nil, false, err
		}
		n.data, n.delivered = h.Signals[a.ID]
	}
	if !n.delivered {
		out, err = x.conclusion(call, a, json.RawMessage("null"), func(t *domain.Transition) { t.Timeout = true })
		return out, errors.Is(err, domain.ErrWaitSatisfied), err
	}
	data := n.data
	if len(data) == 0 {
		data = []byte("null")
	}
	out = append(append([]byte(`{"data":`), data...), '}')
	out, err = x.conclusion(call, a, out, nil)
	return out, false, err
}

// conflict refuses a second wait for a signal that another step of the run waits for, as TypeScript does.
func (x *execution) conflict(call *call, signal string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for name, r := range x.ledger.steps {
		if name == call.name || r.running == nil || r.kind != domain.KindSignalWait || r.completed != nil {
			continue
		}
		if w, err := r.running.Wait(); err == nil && w.Signal == signal {
			return x.fail(fmt.Errorf("openworkflow: signal %q is already being waited for by step %q; wait for it once, or use two signals", signal, name))
		}
	}
	return nil
}

// RunWorkflow starts a child workflow and waits for its result.
func (s *Scope) RunWorkflow(ctx context.Context, c ChildCall) (json.RawMessage, error) {
	var call call
	if err := s.begin(&call, c.StepName, domain.KindWorkflow, false); err != nil {
		return nil, err
	}
	defer call.end()
	x := s.x
	if done, out, err := x.recorded(&call); done {
		return out, err
	}
	a, w, open, err := x.prepare(&call, domain.KindWorkflow, func() domain.WaitContext {
		return domain.WaitContext{Kind: domain.KindWorkflow, TimeoutAt: x.timeoutAt(c.Timeout)}
	})
	if err != nil {
		return nil, err
	}
	if open == nil && a.ChildRunID == "" { // its starter died between attempt and child
		open = &domain.Transition{Attempt: *a}
	}
	if open != nil {
		open.Kind, open.Child = domain.StartChild, x.child(ctx, a, c)
	}
	n, err := x.await(w, open, nil)
	if err != nil {
		return nil, x.waitError(&call, a, err)
	}
	defer x.leave()
	if n.due {
		h, err := x.look()
		if err != nil {
			return nil, err
		}
		if child, ok := h.Children[a.ID]; ok && !child.FinishedAt.After(w.wakeAt) {
			n.child = &child
		}
	}
	return x.endChildWait(&call, a, n)
}

func (x *execution) child(ctx context.Context, a *domain.StepAttempt, c ChildCall) *domain.NewRun {
	namespace := x.w.cfg.Backend.Namespace()
	run := &domain.NewRun{
		ID: domain.NewID(), WorkflowName: c.Workflow, Version: c.Version, Input: c.Input,
		IdempotencyKey: domain.ChildKey(namespace, a.ID), ParentNamespaceID: namespace, ParentAttemptID: a.ID,
	}
	run.Context = x.childContext(ctx, run)
	return run
}

func (x *execution) endChildWait(call *call, a *domain.StepAttempt, n news) (json.RawMessage, error) {
	var f domain.Failure
	x.slice.Load().waitedFor(a, n.child)
	switch {
	case n.orphaned:
		f = domain.Failure{Name: "Error", Message: fmt.Sprintf("workflow step %q could not find its child workflow run", call.name)}
	case n.child == nil:
		f = domain.FailureOf(fmt.Errorf("%w: the child workflow did not complete in time", domain.ErrStepTimeout))
	case n.child.Status == domain.RunCompleted:
		return x.conclusion(call, a, n.child.Output, nil)
	case n.child.Status == domain.RunCanceled:
		f = domain.FailureOf(fmt.Errorf("%w: child workflow run %s", domain.ErrRunCanceled, n.child.RunID))
	case n.child.Error != nil:
		f = *n.child.Error
	default:
		f = domain.Failure{Name: "Error", Message: fmt.Sprintf("child workflow run %s failed", n.child.RunID)}
	}
	return nil, x.failStep(call, a, f)
}

// SendSignal sends a signal once, whatever crashes: it carries a key made of the run and the step.
func (s *Scope) SendSignal(_ context.Context, c SendCall) ([]string, error) {
	var call call
	if err := s.begin(&call, c.StepName, domain.KindSignalSend, false); err != nil {
		return nil, err
	}
	defer call.end()
	x := s.x
	done, out, err := x.recorded(&call)
	if err != nil {
		return nil, err
	}
	if !done {
		if out, err = x.send(&call, c); err != nil {
			return nil, err
		}
	}
	var answer struct {
		IDs []string `json:"workflowRunIds"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, x.damaged(call.name, err)
	}
	return answer.IDs, nil
}

func (x *execution) send(call *call, c SendCall) (json.RawMessage, error) {
	if err := x.unrecorded(x.ctx, call.name); err != nil {
		return nil, err
	}
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.leave()
	a := call.rec.running
	if a == nil {
		a = &domain.StepAttempt{ID: domain.NewID(), StepName: call.name, Kind: domain.KindSignalSend, StartedAt: x.stamp()}
		x.mu.Lock()
		err := x.countAttempt(a.StepName)
		if err == nil {
			x.ledger.started(a, false)
		}
		x.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	res, err := x.deliverSignal(domain.Signal{
		ID: domain.NewID(), Name: c.Signal, Data: c.Data, Buffer: c.Buffer,
		Key: domain.SignalStepKey(x.run.ID, call.name),
	})
	if err != nil {
		return nil, err
	}
	if res.Err != nil {
		return nil, x.failStep(call, a, domain.FailureOf(rejected{res.Err}))
	}
	out, err := json.Marshal(map[string][]string{"workflowRunIds": append([]string{}, res.RunIDs...)})
	if err != nil {
		return nil, err
	}
	return x.conclusion(call, a, out, nil)
}

// deliverSignal sends until the database answers, or the execution ends: losing the database is nobody's failure.
func (x *execution) deliverSignal(s domain.Signal) (ports.SignalResult, error) {
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		ctx, cancel := context.WithTimeout(x.ctx, callTimeout)
		res, err := x.w.cfg.Backend.SendSignals(ctx, []domain.Signal{s})
		cancel()
		if err == nil {
			return res[0], nil
		}
		if !x.alive() || x.ctx.Err() != nil {
			return ports.SignalResult{}, x.suspended()
		}
		pause(x.ctx, jitter(delay))
	}
}

// recorded returns the outcome of a step that the history has ended.
func (x *execution) recorded(call *call) (done bool, out json.RawMessage, err error) {
	if call.rec.completed != nil {
		return true, call.rec.completed.Output, nil
	}
	if call.rec.failed != nil {
		return true, nil, x.stepError(call.name, call.rec)
	}
	return false, nil, nil
}

// prepare makes the attempt of a waiting step and its wait: the recorded ones, or new ones that open records.
func (x *execution) prepare(call *call, kind domain.StepKind, fresh func() domain.WaitContext) (a *domain.StepAttempt, w *wait, open *domain.Transition, err error) {
	if err := x.unrecorded(x.ctx, call.name); err != nil {
		return nil, nil, nil, err
	}
	if a = call.rec.running; a != nil {
		c, err := a.Wait()
		if err != nil {
			x.mu.Lock()
			defer x.mu.Unlock()
			return nil, nil, nil, x.fail(err)
		}
		return a, newWait(a, c), nil, nil
	}
	c := fresh()
	raw, err := c.MarshalJSON()
	if err != nil {
		return nil, nil, nil, err
	}
	now := x.stamp()
	open = &domain.Transition{Kind: domain.StartStep, Attempt: domain.StepAttempt{
		ID: domain.NewID(), StepName: call.name, Kind: kind, Status: domain.StepRunning, Context: raw, StartedAt: now, CreatedAt: now,
	}}
	return &open.Attempt, newWait(&open.Attempt, c), open, nil
}

func (x *execution) timeoutAt(d time.Duration) time.Time {
	now := x.w.clock.latest()
	if d == 0 {
		return domain.CeilMillis(domain.DefaultWait(now))
	}
	return domain.CeilMillis(now.Add(d))
}

// conclusion records the end of a wait; the caller has entered.
func (x *execution) conclusion(call *call, a *domain.StepAttempt, out json.RawMessage, adjust func(*domain.Transition)) (json.RawMessage, error) {
	ts := []domain.Transition{{Kind: domain.FinishStep, Attempt: *a}}
	t, done := &ts[0], &ts[0].Attempt
	done.Status, done.FinishedAt, done.Output = domain.StepCompleted, x.stamp(), out
	if done.Output == nil {
		done.Output = json.RawMessage("null")
	}
	x.mu.Lock()
	t.Lease, t.Progress = x.lease(), x.run.Recoveries > 0
	x.run.Recoveries = 0
	x.mu.Unlock()
	if adjust != nil {
		adjust(t)
	}
	verdicts, err := x.commit(ts...)
	switch {
	case err != nil:
		return nil, err
	case errors.Is(verdicts[0].Err, domain.ErrWaitSatisfied):
		return nil, verdicts[0].Err
	case verdicts[0].Err != nil:
		return nil, x.failStep(call, a, domain.FailureOf(rejected{verdicts[0].Err}))
	}
	x.mu.Lock()
	x.ledger.finished(done)
	x.mu.Unlock()
	x.waited(done)
	return done.Output, nil
}

// failStep records a failure that is final and returns the step's error; the caller has entered.
func (x *execution) failStep(call *call, a *domain.StepAttempt, f domain.Failure) error {
	ts := []domain.Transition{{Kind: domain.FinishStep, Attempt: *a}}
	done := &ts[0].Attempt
	done.Status, done.Error, done.Final, done.FinishedAt = domain.StepFailed, &f, true, x.stamp()
	if err := x.recordFinish(ts, nil); err != nil {
		return err
	}
	x.waited(done)
	return x.stepError(call.name, x.record(call.name))
}

// waitError turns the error of opening a wait into the step's: one that the database refused to record
// fails for good.
func (x *execution) waitError(call *call, a *domain.StepAttempt, err error) error {
	var r rejected
	if !errors.As(err, &r) {
		return err
	}
	if err := x.enter(); err != nil {
		return err
	}
	defer x.leave()
	x.mu.Lock()
	x.ledger.started(a, false)
	x.mu.Unlock()
	done := *a
	done.Context, done.ChildRunID, done.ChildNamespaceID = nil, "", ""
	return x.failStep(call, &done, domain.FailureOf(r))
}

func (x *execution) damaged(step string, why error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.fail(fmt.Errorf("%w: the recorded result of step %q cannot be read: %w", domain.ErrDamagedHistory, step, why))
}
