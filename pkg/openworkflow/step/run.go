package step

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// Run calls fn as a step and returns its result. The result is stored before Run returns; when the run is
// resumed, Run returns the stored result and does not call fn again. fn runs at least once, and again after a
// crash in its middle: make its effect idempotent with IdempotencyKey.
//
// The result is returned as it reads back from its JSON (encoding/json), live as in replay, so a type
// that loses something on the way shows it at once. A result that cannot be stored fails the step without
// retry, for its effect has happened: openworkflow.ErrInvalidPayload, openworkflow.ErrPayloadTooLarge. A type that
// cannot be stored is refused before fn is called.
//
// An error of fn is stored, and fn is called again as the retry policy says (WithRetryPolicy; by default 10
// times); see also openworkflow.NonRetryable and openworkflow.RetryAfter. A panic is an error. The last failure is
// returned as an *openworkflow.StepError. fn's context ends when ctx does, when the timeout is over, when the run is
// canceled, and when the worker stops or loses the run.
//
// A recorded result is returned even when ctx is done. Options: WithTimeout, WithRetryPolicy.
func Run[T any](ctx openworkflow.Context, name string, fn func(context.Context) (T, error), opts ...RunOption) (T, error) {
	f := prepare("Run", ctx, name, fn, opts)
	if f.err != nil {
		var zero T
		return zero, f.err
	}
	return f.decode(f.scope.Run(ctx, f.call))
}

// Do is Run for a function without result.
func Do(ctx openworkflow.Context, name string, fn func(context.Context) error, opts ...RunOption) error {
	f := prepare("Do", ctx, name, withoutResult(fn), opts)
	if f.err != nil {
		return f.err
	}
	_, err := f.scope.Run(ctx, f.call)
	return err
}

func withoutResult(fn func(context.Context) error) func(context.Context) (openworkflow.None, error) {
	if fn == nil {
		return nil
	}
	return func(ctx context.Context) (openworkflow.None, error) { return nil, fn(ctx) }
}

// Go starts a step beside the caller, as Run would, and returns at once. Steps that Go starts may share a name:
// it is resolved in the order of the calls of Go, which is the same in each replay. Collect every Future with
// Wait before the workflow function returns.
//
//	var fs []*step.Future[string]
//	for _, l := range in.Lines {
//		fs = append(fs, step.Go(ctx, "reserve", func(ctx context.Context) (string, error) { return reserve(ctx, l) }))
//	}
func Go[T any](ctx openworkflow.Context, name string, fn func(context.Context) (T, error), opts ...RunOption) *Future[T] {
	f := &Future[T]{fn: prepare("Go", ctx, name, fn, opts)}
	if f.fn.err == nil {
		f.pending = f.fn.scope.Go(ctx, f.fn.call)
	}
	return f
}

// Future is a step that Go started.
type Future[T any] struct {
	fn      *function[T]
	pending *engine.Pending
}

// Wait waits for the step and returns what Run would. It may be called more than once, by any goroutine.
func (f *Future[T]) Wait() (T, error) {
	var zero T
	if f == nil || f.fn == nil {
		return zero, openworkflow.NonRetryable(edge.Invalid("the Future was not made with step.Go"))
	}
	if f.fn.err != nil {
		return zero, f.fn.err
	}
	return f.fn.decode(f.pending.Wait())
}

// function is a step function on its way to the engine and back.
type function[T any] struct {
	caller
	fn   func(context.Context) (T, error)
	call engine.StepCall
	last atomic.Pointer[decoded[T]]
	err  error // what is wrong with the call
}

// decoded is a result as it reads back from its JSON.
type decoded[T any] struct {
	raw   json.RawMessage
	value T
	taken atomic.Bool
}

func prepare[T any](verb string, ctx openworkflow.Context, name string, fn func(context.Context) (T, error), opts []RunOption) *function[T] {
	f := &function[T]{fn: fn}
	if f.caller, f.err = enter(ctx, verb, name); f.err != nil {
		return f
	}
	f.call.Name, f.call.Fn = name, f.invoke
	for _, o := range opts {
		if o != nil {
			o.run(&f.call)
		}
	}
	if err := checkCall(&f.call); err != nil {
		f.err = f.refuse(err)
	} else if fn == nil {
		f.err = f.refuse(fmt.Errorf("%w: %w", openworkflow.ErrInvalidArgument, errNilFunction))
	} else if err := edge.CheckType(reflect.TypeFor[T]()); err != nil {
		f.err = f.refuse(err)
	}
	return f
}

func checkCall(c *engine.StepCall) error {
	if err := edge.CheckDuration("WithTimeout", c.Timeout); err != nil {
		return err
	}
	if err := c.Retry.Validate(); err != nil {
		return fmt.Errorf("%w: %w", openworkflow.ErrInvalidArgument, err)
	}
	return nil
}

// invoke calls the user's function and makes its result storable.
func (f *function[T]) invoke(ctx context.Context) (json.RawMessage, error) {
	v, err := f.fn(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := edge.Marshal(&v, f.settings.MaxPayload)
	if err != nil {
		return nil, fmt.Errorf("the result: %w", err)
	}
	d := &decoded[T]{raw: raw}
	if err := edge.Decode(raw, &d.value); err != nil {
		return nil, fmt.Errorf("%w: the result cannot be read back from its JSON: %w", openworkflow.ErrInvalidPayload, err)
	}
	f.last.Store(d)
	return raw, nil
}

// decode makes the result of what is stored: what invoke has decoded, if it is that, once.
func (f *function[T]) decode(raw json.RawMessage, err error) (T, error) {
	var out T
	if err != nil {
		return out, err
	}
	if d := f.last.Load(); d != nil && bytes.Equal(d.raw, raw) && d.taken.CompareAndSwap(false, true) {
		return d.value, nil
	}
	if err := edge.Decode(raw, &out); err != nil {
		var zero T
		return zero, f.changed(err)
	}
	return out, nil
}

// IdempotencyKey identifies the effect of the step that ctx, a step function's context, belongs to: it is the same
// in every attempt and after every crash, and no other step has it. Give it to the services that the step
// calls. "" if ctx is not a step function's.
func IdempotencyKey(ctx context.Context) string { return engine.StepIdempotencyKey(ctx) }

// AttemptID identifies the attempt of the step that ctx, a step function's context, belongs to. It is another one on
// each try: for logs only. "" if ctx is not a step function's.
func AttemptID(ctx context.Context) string { return engine.StepAttemptID(ctx) }
