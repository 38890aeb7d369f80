package workflowtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

// failingScenario is an environment variable that makes this binary run tests that have to fail.
const failingScenario = "WORKFLOWTEST_FAILING_SCENARIO"

// scenario is a test that workflowtest has to fail, and what it must say.
type scenario struct {
	name  string
	run   func(t *testing.T)
	wants []string
}

// TestFails runs each scenario in a process of its own and expects it to fail.
func TestFails(t *testing.T) {
	t.Parallel()
	if os.Getenv(failingScenario) != "" {
		t.Skip("this process plays a scenario")
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestScenario$", "-test.v", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), failingScenario+"="+s.name)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("the test did not fail: %v\n%s", err, out)
			}
			for _, want := range append(s.wants, "--- FAIL: TestScenario") {
				if !strings.Contains(string(out), want) {
					t.Errorf("its output lacks %q", want)
				}
			}
			if t.Failed() || strings.Contains(string(out), "panic:") {
				t.Errorf("its output was:\n%s", out)
			}
		})
	}
}

// TestScenario plays the scenario that the environment names.
func TestScenario(t *testing.T) {
	t.Parallel()
	name := os.Getenv(failingScenario)
	if name == "" {
		t.Skip("played by TestFails")
	}
	for _, s := range scenarios() {
		if s.name == name {
			s.run(t)
		}
	}
}

func scenarios() []scenario {
	return append(replayScenarios(), []scenario{
		{"clock outside of steps", clockOutsideSteps, []string{"does not replay", `asks for step "on `, "give changed workflows a new version"}},
		{"counter outside of steps", counterOutsideSteps, []string{"does not replay", "not deterministic", "no longer asks for: work/1"}},
		{"result outside of steps", resultOutsideSteps, []string{"does not replay", "it returned 1, and now returns 2"}},
		{"failure outside of steps", failureOutsideSteps, []string{"does not replay", "it completed, and now fails: second time"}},
		{"success outside of steps", successOutsideSteps, []string{"does not replay", "it failed (first time), and now completes"}},
		{"overlapping names", overlappingNames, []string{"failed: openworkflow: workflow is not deterministic", `two calls of step "same" overlap`}},
		{"goroutine left", goroutineLeft, []string{"a goroutine that was started in a step or workflow function never ended"}},
		{"blocked from outside", blockedFromOutside, []string{"virtual time stands still"}},
		{"context ignored", contextIgnored, []string{"a function that ignores its context"}},
		{"time goes back", timeGoesBack, []string{"time does not go back"}},
		{"nothing registered", nothingRegistered, []string{"Workflows is empty"}},
		{"unknown run", unknownRun, []string{"workflow run not found"}},
	}...)
}

func finish[In, Out any](t *testing.T, w *openworkflow.Workflow[In, Out], in In) {
	t.Helper()
	env := workflowtest.New(t, w)
	h := run(t, env, w, in)
	env.Advance(time.Hour)
	if r, err := h.Get(t.Context()); err != nil || !r.Status.Terminal() {
		t.Logf("the run stands at %+v, %v", r, err)
	}
}

func nothing(context.Context) error { return nil }

func clockOutsideSteps(t *testing.T) {
	finish(t, openworkflow.Define("dated", func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		return nil, step.Do(ctx, "on "+time.Now().Format(time.DateOnly), nothing)
	}), nil)
}

func counterOutsideSteps(t *testing.T) {
	var executions atomic.Int64
	finish(t, openworkflow.Define("counted", func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		for i := range 2 {
			if i > 0 && executions.Add(1) > 1 {
				break
			}
			if err := step.Do(ctx, fmt.Sprint("work/", i), nothing); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}), nil)
}

func resultOutsideSteps(t *testing.T) {
	var executions atomic.Int64
	finish(t, openworkflow.Define("result", func(openworkflow.Context, openworkflow.None) (int64, error) {
		return executions.Add(1), nil
	}), nil)
}

func failureOutsideSteps(t *testing.T) {
	var executions atomic.Int64
	finish(t, openworkflow.Define("fails", func(openworkflow.Context, openworkflow.None) (openworkflow.None, error) {
		if executions.Add(1) == 2 {
			return nil, errors.New("second time")
		}
		return nil, nil
	}), nil)
}

func successOutsideSteps(t *testing.T) {
	var executions atomic.Int64
	finish(t, openworkflow.Define("succeeds", func(openworkflow.Context, openworkflow.None) (openworkflow.None, error) {
		if executions.Add(1) == 1 {
			return nil, errors.New("first time")
		}
		return nil, nil
	}), nil)
}

func overlappingNames(t *testing.T) {
	finish(t, openworkflow.Define("overlapping", func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _ = step.Sleep(ctx, "same", time.Minute) })
		}
		wg.Wait()
		return nil, nil
	}), nil)
}

func goroutineLeft(t *testing.T) {
	finish(t, openworkflow.Define("leaks", func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		return nil, step.Do(ctx, "leak", func(context.Context) error {
			go func() { <-make(chan int) }()
			return nil
		})
	}), nil)
}

func blockedFromOutside(t *testing.T) {
	outside := make(chan int)
	w := openworkflow.Define("blocked", func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		return nil, step.Do(ctx, "receive", func(context.Context) error { <-outside; return nil })
	})
	env := workflowtest.NewWithOptions(t, workflowtest.Options{Patience: 100 * time.Millisecond}, w)
	run(t, env, w, nil)
	env.Settle()
}

func contextIgnored(t *testing.T) {
	w := openworkflow.Define("stubborn", func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		return nil, step.Do(ctx, "sleep", func(context.Context) error { time.Sleep(time.Hour); return nil })
	})
	env := workflowtest.New(t, w)
	run(t, env, w, nil)
	env.Settle()
}

func timeGoesBack(t *testing.T) { workflowtest.New(t, echo).Advance(-1) }

func nothingRegistered(t *testing.T) { workflowtest.New(t) }

func unknownRun(t *testing.T) { workflowtest.New(t, echo).History("nobody") }
