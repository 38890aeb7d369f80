package workflowtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

type order struct {
	ID     string
	Amount int64
}

type receipt struct {
	Charge string
	Lines  []string
	Ratio  float64
}

var orders = openworkflow.Declare[order, receipt]("orders")

const errDeclined = openworkflow.ErrorCode("declined")

// shop is the workflow as it was when the histories were made. Its steps note that they are called.
type shop struct{ calls diary }

func (s *shop) process(ctx openworkflow.Context, in order) (receipt, error) {
	charge, err := step.Run(ctx, "charge", func(context.Context) (string, error) {
		s.calls.note("charge")
		if in.Amount > 1000 {
			return "", openworkflow.NonRetryable(errDeclined)
		}
		return "ch_" + in.ID, nil
	})
	if errors.Is(err, errDeclined) {
		return receipt{}, err
	}
	if err != nil {
		return receipt{}, err
	}
	if err := step.Sleep(ctx, "pack", 48*time.Hour); err != nil {
		return receipt{}, err
	}
	address, ok, err := step.WaitForSignal[string](ctx, "address:"+in.ID, step.WithName("address"), step.WithTimeout(24*time.Hour))
	if err != nil || !ok {
		return receipt{Charge: charge}, err
	}
	if _, err := step.SendSignal(ctx, "shipped", in.ID); err != nil {
		return receipt{}, err
	}
	label, err := step.RunWorkflow(ctx, echo, address)
	return receipt{Charge: charge, Lines: []string{label, "<&>"}, Ratio: 0.1}, err
}

// record makes histories of the shop, each under way as far as it says, and reads them back from JSON.
func record(t *testing.T, in order, live func(env *workflowtest.Env)) (openworkflow.Run, []openworkflow.StepAttempt) {
	t.Helper()
	w := orders.Implement(new(shop).process)
	env := workflowtest.New(t, w, echo)
	h := run(t, env, w, in)
	env.Settle()
	live(env)
	run, steps := env.History(h.ID())
	return reread(t, run), reread(t, steps)
}

func reread[T any](t *testing.T, v T) (out T) {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func untilDone(env *workflowtest.Env) {
	env.Advance(48 * time.Hour)
	env.Signal("address:7", "1 Main St")
}

func untilPacking(*workflowtest.Env) {}

func untilAddress(env *workflowtest.Env) { env.Advance(49 * time.Hour) }

func untilTimeout(env *workflowtest.Env) { env.Advance(73 * time.Hour) }

func TestReplay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		amount int64
		live   func(*workflowtest.Env)
		status openworkflow.RunStatus
	}{
		"completed":               {10, untilDone, openworkflow.RunCompleted},
		"completed after timeout": {10, untilTimeout, openworkflow.RunCompleted},
		"failed":                  {2000, untilPacking, openworkflow.RunFailed},
		"asleep":                  {10, untilPacking, openworkflow.RunRunning},
		"waiting":                 {10, untilAddress, openworkflow.RunRunning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, steps := record(t, order{ID: "7", Amount: c.amount}, c.live)
			if run.Status != c.status {
				t.Fatalf("the recorded run is %s; want %s", run.Status, c.status)
			}
			var today shop
			workflowtest.Replay(t, orders.Implement(today.process), run, steps)
			today.calls.want(t)
		})
	}
}

// A run that was retried as a whole has the steps of all its attempts.
func TestReplayRetriedWorkflow(t *testing.T) {
	t.Parallel()
	w := openworkflow.Define("retried", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
		if err := step.Do(ctx, "first", nothing); err != nil {
			return 0, err
		}
		if ctx.Attempt() < 3 {
			return 0, errors.New("not yet")
		}
		return ctx.Attempt(), step.Do(ctx, "second", nothing)
	}, openworkflow.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 5}))
	env := workflowtest.New(t, w)
	h := run(t, env, w, nil)
	env.Advance(time.Minute)
	wantResult(t, h, 3)
	run, steps := env.History(h.ID())
	workflowtest.Replay(t, w, run, steps)
}

// What Replay has to find in changed code: each is the shop's function with one change.
func changedShops() map[string]struct {
	live    func(*workflowtest.Env)
	amount  int64
	process func(ctx openworkflow.Context, in order) (receipt, error)
	wants   []string
} {
	type change = struct {
		live    func(*workflowtest.Env)
		amount  int64
		process func(ctx openworkflow.Context, in order) (receipt, error)
		wants   []string
	}
	var old shop
	return map[string]change{
		"a step is renamed": {untilDone, 10, func(ctx openworkflow.Context, in order) (receipt, error) {
			return receipt{}, step.Do(ctx, "charge-card", nothing)
		}, []string{`asks for step "charge-card", which is not recorded`}},
		"a step is renamed, under way": {untilPacking, 10, func(ctx openworkflow.Context, in order) (receipt, error) {
			return receipt{}, step.Do(ctx, "charge-card", nothing)
		}, []string{`asks for step "charge-card", which is not recorded`, `before it asks for step "charge"`}},
		"a step is added at the end": {untilDone, 10, func(ctx openworkflow.Context, in order) (receipt, error) {
			out, err := old.process(ctx, in)
			if err != nil {
				return out, err
			}
			return out, step.Do(ctx, "thank", nothing)
		}, []string{`asks for step "thank", which is not recorded`}},
		"the steps are gone": {untilDone, 10, func(openworkflow.Context, order) (receipt, error) {
			return receipt{}, nil
		}, []string{"no longer asks for: address, charge, echo, pack, shipped"}},
		"the kind of a step changed": {untilPacking, 10, func(ctx openworkflow.Context, in order) (receipt, error) {
			return receipt{}, step.Sleep(ctx, "charge", time.Hour)
		}, []string{`step "charge" was recorded as a "function" step and is now a "sleep" step`}},
		"the type of a step changed": {untilPacking, 10, func(ctx openworkflow.Context, in order) (receipt, error) {
			n, err := step.Run(ctx, "charge", func(context.Context) (int, error) { return 1, nil })
			return receipt{Ratio: float64(n)}, err
		}, []string{"not deterministic", "the recorded result"}},
		"the result changed": {untilDone, 10, func(ctx openworkflow.Context, in order) (receipt, error) {
			out, err := old.process(ctx, in)
			out.Ratio *= 2
			return out, err
		}, []string{"it returned {", `"Ratio":0.1`, "and now returns", `"Ratio":0.2`}},
		"it fails now": {untilDone, 10, func(ctx openworkflow.Context, in order) (receipt, error) {
			_, _ = old.process(ctx, in)
			return receipt{}, errors.New("new rule")
		}, []string{"it completed, and now fails: new rule"}},
		"it succeeds now": {untilPacking, 2000, func(ctx openworkflow.Context, in order) (receipt, error) {
			_, _ = old.process(ctx, in)
			return receipt{}, nil
		}, []string{"it failed (", "and now completes"}},
		"it blocks outside of steps": {untilDone, 10, func(ctx openworkflow.Context, in order) (receipt, error) {
			<-ctx.Done()
			return receipt{}, ctx.Err()
		}, []string{"does not return, and waits in no step"}},
	}
}

func replayScenarios() []scenario {
	var all []scenario
	for name, c := range changedShops() {
		all = append(all, scenario{"replay: " + name, func(t *testing.T) {
			run, steps := record(t, order{ID: "7", Amount: c.amount}, c.live)
			workflowtest.Replay(t, orders.Implement(c.process), run, steps)
		}, append([]string{"replay of run", `(workflow "orders")`}, c.wants...)})
	}
	return append(all,
		scenario{"replay: another workflow", func(t *testing.T) {
			run, steps := record(t, order{ID: "7"}, untilDone)
			workflowtest.Replay(t, echo, run, steps)
		}, []string{"they never meet"}},
		scenario{"replay: steps of another run", func(t *testing.T) {
			run, steps := record(t, order{ID: "7"}, untilDone)
			steps[1].RunID = "another"
			workflowtest.Replay(t, orders.Implement(new(shop).process), run, steps)
		}, []string{`step "pack"`, "belongs to run another"}},
		scenario{"replay: inside a bubble", insideBubble, []string{"not inside synctest.Test"}},
	)
}

func insideBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { workflowtest.New(t, echo) })
}
