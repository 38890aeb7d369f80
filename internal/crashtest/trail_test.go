//go:build unix

package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// errPlanned is what steps that are meant to fail fail with.
const errPlanned = openworkflow.ErrorCode("planned")

// recorder makes the trails of one process.
type recorder struct {
	log    *journal
	values atomic.Int64
}

// trail is one execution of a workflow function: it notes what the function and its steps do, and keeps the
// outcome of each step as the function saw it.
type trail struct {
	*recorder
	run  string
	dice *rand.Rand // the same in each execution of the run

	mu   sync.Mutex
	seen map[string]string
}

func (r *recorder) begin(ctx openworkflow.Context, in order) *trail {
	r.log.note(effect{Mark: markBegin, Run: ctx.RunID()})
	return &trail{recorder: r, run: ctx.RunID(), dice: rand.New(rand.NewPCG(in.Seed, 1)), seen: make(map[string]string)}
}

// between draws a duration.
func (t *trail) between(lo, hi time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return lo + time.Duration(t.dice.Int64N(int64(hi-lo)))
}

// outcome is what the workflow function returns: what it saw.
func (t *trail) outcome() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.seen)
}

// saw notes the outcome of a step, unless the execution has ended: then there is none.
func (t *trail) saw(name, value string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		value = "error: " + err.Error()
	}
	t.log.note(effect{Mark: markAck, Run: t.run, Step: name, Value: value, Failed: err != nil})
	t.mu.Lock()
	t.seen[name] = value
	t.mu.Unlock()
	return err
}

// body is a step function around work: it returns a value that no other call of any step function returns.
func (t *trail) body(work func(context.Context) error) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		e := effect{Run: t.run, Step: strings.TrimPrefix(step.IdempotencyKey(ctx), t.run+":"), Attempt: step.AttemptID(ctx)}
		e.Mark = markStart
		t.log.note(e)
		err := work(ctx)
		e.Mark, e.Value, e.Failed = markEnd, fmt.Sprintf("%d-%d", t.log.worker, t.values.Add(1)), err != nil
		t.log.note(e)
		return e.Value, err
	}
}

// do runs a function step. prefix is the branch that ctx is of.
func (t *trail) do(ctx openworkflow.Context, prefix, name string, work func(context.Context) error, opts ...step.RunOption) error {
	return t.repeat(ctx, prefix+name, name, work, opts...)
}

// repeat is do for a name that is used again, and resolved to another.
func (t *trail) repeat(ctx openworkflow.Context, resolved, name string, work func(context.Context) error, opts ...step.RunOption) error {
	out, err := step.Run(ctx, name, t.body(work), opts...)
	return t.saw(resolved, out, err)
}

// sleep sleeps as a step.
func (t *trail) sleep(ctx openworkflow.Context, prefix, name string, d time.Duration) error {
	t.log.note(effect{Mark: markCall, Run: t.run, Step: prefix + name, Due: time.Now().Add(d).UnixNano()})
	return t.saw(prefix+name, "slept", step.Sleep(ctx, name, d))
}

// sleepUntil sleeps as a step until a time that each execution knows.
func (t *trail) sleepUntil(ctx openworkflow.Context, name string, at time.Time) error {
	t.log.note(effect{Mark: markCall, Run: t.run, Step: name, Due: at.UnixNano()})
	return t.saw(name, "slept", step.SleepUntil(ctx, name, at))
}

// wait waits for a signal.
func (t *trail) wait(ctx openworkflow.Context, resolved, signal string, opts ...step.WaitForSignalOption) error {
	data, ok, err := step.WaitForSignal[string](ctx, signal, opts...)
	if err == nil && !ok {
		data = timedOut
	}
	return t.saw(resolved, data, err)
}

// timedOut is what a wait that got no signal is noted with.
const timedOut = "timed out"

// The work of step functions: most are short, some are long enough that a running row is written first.

func brief(ctx context.Context) error {
	return work(ctx, time.Duration(rand.IntN(20))*time.Millisecond)
}

func long(ctx context.Context) error {
	return work(ctx, time.Duration(200+rand.IntN(300))*time.Millisecond)
}

func flaky(ctx context.Context) error {
	if err := brief(ctx); err != nil {
		return err
	}
	if rand.IntN(2) == 0 {
		return errPlanned
	}
	return nil
}

// failing is long: a crash leaves a row, which must not count against the budget.
func failing(ctx context.Context) error {
	if err := work(ctx, time.Duration(280+rand.IntN(250))*time.Millisecond); err != nil {
		return err
	}
	return errPlanned
}

// deaf does not listen to its context: it goes on when the run has long been another worker's.
func deaf(context.Context) error { return long(context.Background()) }

func work(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
