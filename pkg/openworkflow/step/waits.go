package step

import (
	"reflect"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// Sleep waits for d, by the database's clock, counted from when it is first called. While it waits the run holds no
// worker; it may wait for months, and survives restarts. d must not be negative. It ends early for nothing but
// the end of the run: if ctx has a deadline of its own, that does not end it.
func Sleep(ctx openworkflow.Context, name string, d time.Duration) error {
	c, err := enter(ctx, "Sleep", name)
	if err != nil {
		return err
	}
	if err := edge.CheckDuration("the duration", d); err != nil {
		return c.refuse(err)
	}
	return c.scope.Sleep(ctx, name, d)
}

// SleepUntil waits until t, by the database's clock; a time past is no wait. See Sleep. The time of the first call
// is recorded and counts.
func SleepUntil(ctx openworkflow.Context, name string, t time.Time) error {
	c, err := enter(ctx, "SleepUntil", name)
	if err != nil {
		return err
	}
	if err := edge.CheckTime("the time", t); err != nil {
		return c.refuse(err)
	}
	return c.scope.SleepUntil(ctx, name, t)
}

// RunWorkflow runs another workflow as a child and waits for its result, without holding a worker. Each such
// step has exactly one child, whatever crashes; any worker that has the workflow registered executes it.
//
// If the child fails, RunWorkflow returns an *openworkflow.StepError with the child's error and identity; if it is
// canceled, one that is openworkflow.ErrRunCanceled; if WithTimeout's time is over first, one that is
// openworkflow.ErrStepTimeout. None of them is retried: the child has a retry policy of its own. A result that
// does not fit Out is openworkflow.ErrInvalidPayload. If the parent ends, the child goes on.
//
// The step's name is the workflow's, unless WithName gives another. Options: WithName, WithTimeout (default a year).
func RunWorkflow[In, Out any](ctx openworkflow.Context, w openworkflow.Runnable[In, Out], in In, opts ...RunWorkflowOption) (Out, error) {
	var out Out
	var cfg childConfig
	if w != nil {
		cfg.name = w.Name()
	}
	for _, o := range opts {
		if o != nil {
			o.runWorkflow(&cfg)
		}
	}
	c, err := enter(ctx, "RunWorkflow", cfg.name)
	if err != nil {
		return out, err
	}
	if w == nil {
		return out, c.refuse(edge.Invalid("the workflow is nil"))
	}
	if err := first(w.Err(), edge.CheckDuration("WithTimeout", cfg.wait.timeout)); err != nil {
		return out, c.refuse(err)
	}
	input, err := edge.Marshal(&in, c.settings.MaxPayload)
	if err != nil {
		return out, c.refuse(err)
	}
	raw, err := c.scope.RunWorkflow(ctx, engine.ChildCall{
		StepName: cfg.name, Workflow: w.Name(), Version: w.Version(), Input: input, Timeout: cfg.wait.engine(),
	})
	if err != nil {
		return out, err
	}
	if err := edge.Decode(raw, &out); err != nil {
		var zero Out
		return zero, c.foreign("the child's result", err)
	}
	return out, nil
}

// SendSignal delivers a signal, with data, to every run that waits for the name now, and returns the ids of those
// runs, sorted. It is delivered once, whatever crashes. Data is stored as JSON; nil is null. A signal that
// nobody waits for is dropped, unless WithBuffer keeps it.
//
// The step's name is the signal's, unless WithName gives another. Options: WithName, WithBuffer.
func SendSignal(ctx openworkflow.Context, signal string, data any, opts ...SendSignalOption) (runIDs []string, err error) {
	cfg := sendConfig{name: signal}
	for _, o := range opts {
		if o != nil {
			o.sendSignal(&cfg)
		}
	}
	c, err := enter(ctx, "SendSignal", cfg.name)
	if err != nil {
		return nil, err
	}
	if err := first(edge.CheckName("signal name", signal), edge.CheckDuration("WithBuffer", cfg.buffer)); err != nil {
		return nil, c.refuse(err)
	}
	raw, err := edge.MarshalAny(data, c.settings.MaxPayload)
	if err != nil {
		return nil, c.refuse(err)
	}
	return c.scope.SendSignal(ctx, engine.SendCall{StepName: cfg.name, Signal: signal, Data: raw, Buffer: cfg.buffer})
}

// WaitForSignal waits for a signal and returns its data; ok is false if WithTimeout's time was over first. While it
// waits the run holds no worker. A signal is delivered to a wait once; whether it or the timeout came first is
// decided once, and every replay sees the same.
//
// Signals that were sent before the wait began are not seen, unless they were addressed to this run
// (openworkflow.RunHandle.Signal) or sent with WithBuffer. Data that does not fit T is
// openworkflow.ErrInvalidPayload: to decide yourself what to do about it, wait for a json.RawMessage.
//
// The step's name is the signal's, unless WithName gives another. Options: WithName, WithTimeout (default a year).
func WaitForSignal[T any](ctx openworkflow.Context, signal string, opts ...WaitForSignalOption) (data T, ok bool, err error) {
	cfg := waitConfig{name: signal}
	for _, o := range opts {
		if o != nil {
			o.waitForSignal(&cfg)
		}
	}
	c, err := enter(ctx, "WaitForSignal", cfg.name)
	if err != nil {
		return data, false, err
	}
	err = first(edge.CheckName("signal name", signal), edge.CheckDuration("WithTimeout", cfg.wait.timeout), edge.CheckType(reflect.TypeFor[T]()))
	if err != nil {
		return data, false, c.refuse(err)
	}
	raw, ok, err := c.scope.WaitForSignal(ctx, engine.WaitCall{StepName: cfg.name, Signal: signal, Timeout: cfg.wait.engine()})
	if err != nil || !ok {
		return data, false, err
	}
	if err := edge.Decode(raw, &data); err != nil {
		var zero T
		return zero, false, c.foreign("the data of signal "+signal, err)
	}
	return data, true, nil
}
