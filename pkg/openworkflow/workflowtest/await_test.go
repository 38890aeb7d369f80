package workflowtest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

func TestResultSays(t *testing.T) {
	t.Parallel()
	w := openworkflow.Define("waits", func(ctx openworkflow.Context, what string) (string, error) {
		switch what {
		case "signal":
			_, _, err := step.WaitForSignal[string](ctx, "approve", step.WithName("approval"), step.WithTimeout(72*time.Hour))
			return "", err
		case "sleep":
			return "", step.Sleep(ctx, "cool-off", 24*time.Hour)
		case "retry":
			return "", step.Do(ctx, "charge", func(context.Context) error { return errors.New("no line") },
				step.WithRetryPolicy(openworkflow.RetryPolicy{InitialInterval: time.Hour, MaximumInterval: time.Hour}))
		case "function":
			return "", step.Do(ctx, "slow", func(ctx context.Context) error {
				select {
				case <-time.After(time.Hour):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		case "child":
			return step.RunWorkflow(ctx, echo, "never registered here")
		}
		return "", nil
	})
	for what, wants := range map[string][]string{
		"signal":   {`signal "approve" (step "approval", times out at `, "in 72h0m0s"},
		"sleep":    {`the end of sleep "cool-off"`, "in 24h0m0s"},
		"retry":    {`the next attempt of step "charge"`, "in 1h0m0s", "no line"},
		"function": {"a function that waits for time"},
		"child":    {"its child run", `step "echo"`},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			env := workflowtest.New(t, w)
			start := time.Now()
			_, err := run(t, env, w, what).Result(t.Context(), openworkflow.WithResultTimeout(time.Hour))
			if !errors.Is(err, openworkflow.ErrResultTimeout) {
				t.Fatalf("Result gives %v", err)
			}
			for _, want := range append(wants, "Env.Advance") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Result says %q; want %q in it", err, want)
				}
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestResultOfUnknownWorkflow(t *testing.T) {
	t.Parallel()
	env := workflowtest.New(t, echo)
	other := openworkflow.Declare[string, string]("other")
	_, err := run(t, env, other, "x").Result(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no such workflow") {
		t.Fatalf("Result gives %v", err)
	}
}

// A Result that is waited for elsewhere, say in a server under test, sees what the test brings about.
func TestResultMeanwhile(t *testing.T) {
	t.Parallel()
	w := openworkflow.Define("meanwhile", func(ctx openworkflow.Context, _ openworkflow.None) (string, error) {
		s, _, err := step.WaitForSignal[string](ctx, "go")
		return s, err
	})
	env := workflowtest.New(t, w)
	h := run(t, env, w, nil)
	result := make(chan error, 1)
	go func() {
		s, err := h.Result(context.Background())
		if err == nil && s != "on" {
			err = errors.New(s)
		}
		result <- err
	}()
	env.Advance(time.Hour)
	env.Signal("go", "on")
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

func TestContextOfResult(t *testing.T) {
	t.Parallel()
	w := openworkflow.Define("sleeps", func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		return nil, step.Sleep(ctx, "sleep", time.Hour)
	})
	env := workflowtest.New(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run(t, env, w, nil).Result(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Result gives %v", err)
	}
	if _, err := w.Run(ctx, env.Client(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Run gives %v", err)
	}
}
