package workflowtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

// diary notes what step functions do, and when.
type diary struct {
	mu    sync.Mutex
	lines []string
	times []time.Time
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines, d.times = append(d.lines, line), append(d.times, time.Now())
}

func (d *diary) noting(line string) func(context.Context) error {
	return func(context.Context) error { d.note(line); return nil }
}

func (d *diary) want(t *testing.T, lines ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, lines) {
		t.Fatalf("done so far: %q; want %q", d.lines, lines)
	}
}

func run[In, Out any](t *testing.T, env *workflowtest.Env, w openworkflow.Runnable[In, Out], in In, opts ...openworkflow.RunOption) *openworkflow.RunHandle[Out] {
	t.Helper()
	h, err := w.Run(t.Context(), env.Client(), in, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantResult[Out comparable](t *testing.T, h *openworkflow.RunHandle[Out], want Out) {
	t.Helper()
	if got, err := h.Result(t.Context()); err != nil || got != want {
		t.Fatalf("the result is %v, %v; want %v", got, err, want)
	}
}

func TestLongSleeps(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{time.Millisecond, 73 * time.Hour, 365 * 24 * time.Hour} {
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			var done diary
			sleeper := openworkflow.Define("sleeper", func(ctx openworkflow.Context, n int) (int, error) {
				if err := step.Do(ctx, "before", done.noting("before")); err != nil {
					return 0, err
				}
				if err := step.Sleep(ctx, "sleep", d); err != nil {
					return 0, err
				}
				return n + 1, step.Do(ctx, "after", done.noting("after"))
			})
			env := workflowtest.New(t, sleeper)
			h := run(t, env, sleeper, 41)
			env.Settle()
			done.want(t, "before")
			env.Advance(d - time.Nanosecond)
			done.want(t, "before")
			env.Advance(time.Millisecond)
			done.want(t, "before", "after")
			if passed := done.times[1].Sub(done.times[0]); passed < d || passed > d+2*time.Millisecond {
				t.Errorf("the sleep took %v, want %v", passed, d)
			}
			wantResult(t, h, 42)
		})
	}
}

func TestYearInOneStep(t *testing.T) {
	t.Parallel()
	weekly := openworkflow.Define("weekly", func(ctx openworkflow.Context, weeks int) (int, error) {
		for range weeks {
			if err := step.Sleep(ctx, "week", 7*24*time.Hour); err != nil {
				return 0, err
			}
		}
		return weeks, nil
	})
	env := workflowtest.New(t, weekly)
	h := run(t, env, weekly, 52)
	env.Advance(365 * 24 * time.Hour)
	wantResult(t, h, 52)
}

func TestTimeStandsStill(t *testing.T) {
	t.Parallel()
	env := workflowtest.New(t, echo)
	before := env.Now()
	if ahead := time.Until(before); ahead < -time.Second || ahead > 2*time.Second {
		t.Errorf("virtual time starts %v ahead of the present", ahead)
	}
	run(t, env, echo, "x")
	env.Settle()
	if passed := env.Now().Sub(before); passed > 10*time.Millisecond {
		t.Errorf("%v passed without Advance", passed)
	}
	env.Advance(time.Hour)
	if passed := env.Now().Sub(before); passed < time.Hour || passed > time.Hour+10*time.Millisecond {
		t.Errorf("%v passed in Advance(1h)", passed)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	start := time.Date(2031, 3, 30, 1, 59, 0, 0, time.UTC)
	env := workflowtest.NewWithOptions(t, workflowtest.Options{Start: start}, echo)
	if now := env.Now(); !now.Equal(start) {
		t.Errorf("virtual time starts at %v", now)
	}
	h := run(t, env, echo, "late", openworkflow.WithStartAt(start.Add(time.Hour)))
	env.Advance(59 * time.Minute)
	if r, err := h.Get(t.Context()); err != nil || r.Status != openworkflow.RunPending || r.CreatedAt.Before(start) {
		t.Fatalf("before its time the run is %+v, %v", r, err)
	}
	env.Advance(time.Minute)
	wantResult(t, h, "late")
}

var echo = openworkflow.Define("echo", func(ctx openworkflow.Context, s string) (string, error) {
	return step.Run(ctx, "echo", func(context.Context) (string, error) { return s, nil })
})

func TestRetries(t *testing.T) {
	t.Parallel()
	var done diary
	flaky := openworkflow.Define("flaky", func(ctx openworkflow.Context, fail int) (string, error) {
		n := 0
		return step.Run(ctx, "try", func(context.Context) (string, error) {
			n++
			done.note(fmt.Sprint("try ", n))
			if n <= fail {
				return "", fmt.Errorf("failure %d", n)
			}
			return "at last", nil
		}, step.WithRetryPolicy(openworkflow.RetryPolicy{InitialInterval: time.Minute, BackoffCoefficient: 3, MaximumInterval: time.Hour}))
	})
	env := workflowtest.New(t, flaky)
	h := run(t, env, flaky, 2)
	env.Settle()
	done.want(t, "try 1")
	env.Advance(59 * time.Second)
	done.want(t, "try 1")
	env.Advance(time.Second)
	done.want(t, "try 1", "try 2")
	env.Advance(3 * time.Minute)
	done.want(t, "try 1", "try 2", "try 3")
	wantResult(t, h, "at last")
}

func TestSignals(t *testing.T) {
	t.Parallel()
	approval := openworkflow.Define("approval", func(ctx openworkflow.Context, id string) (string, error) {
		by, ok, err := step.WaitForSignal[string](ctx, "approve:"+id, step.WithTimeout(72*time.Hour))
		if err != nil || !ok {
			return "nobody", err
		}
		return by, nil
	})
	env := workflowtest.New(t, approval)
	one, two, three := run(t, env, approval, "1"), run(t, env, approval, "2"), run(t, env, approval, "3")
	env.Settle()
	if ids := env.Signal("approve:1", "ann"); !slices.Equal(ids, []string{one.ID()}) {
		t.Errorf("signalled %q", ids)
	}
	wantResult(t, one, "ann")
	if err := two.Signal(t.Context(), "approve:2", "bob"); err != nil {
		t.Fatal(err)
	}
	wantResult(t, two, "bob")
	env.Advance(73 * time.Hour)
	wantResult(t, three, "nobody")

	if ids := env.Signal("approve:4", "eve", openworkflow.WithBuffer(time.Hour)); len(ids) != 0 {
		t.Errorf("signalled %q", ids)
	}
	wantResult(t, run(t, env, approval, "4"), "eve")
}

func TestDeadlineAndCancel(t *testing.T) {
	t.Parallel()
	forever := openworkflow.Define("forever", func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		for {
			if err := step.Do(ctx, "work", func(context.Context) error { return nil }); err != nil {
				return nil, err
			}
			if err := step.Sleep(ctx, "rest", time.Hour); err != nil {
				return nil, err
			}
		}
	})
	env := workflowtest.New(t, forever)
	late := run(t, env, forever, nil, openworkflow.WithDeadline(env.Now().Add(90*time.Minute)))
	gone := run(t, env, forever, nil)
	env.Advance(80 * time.Minute)
	if err := gone.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Result(t.Context()); !errors.Is(err, openworkflow.ErrRunCanceled) {
		t.Errorf("the canceled run gives %v", err)
	}
	env.Advance(10*time.Minute + time.Second)
	if _, err := late.Result(t.Context()); !errors.Is(err, openworkflow.ErrDeadlineExceeded) {
		t.Errorf("the late run gives %v", err)
	}
}

// Step functions may use the Env's client, as services do that start other workflows.
func TestClientInsideStep(t *testing.T) {
	t.Parallel()
	var client *openworkflow.Client
	outer := openworkflow.Define("outer", func(ctx openworkflow.Context, s string) (string, error) {
		return step.Run(ctx, "start", func(stepCtx context.Context) (string, error) {
			h, err := echo.Run(stepCtx, client, s, openworkflow.WithIdempotencyKey(step.IdempotencyKey(stepCtx)))
			if err != nil {
				return "", err
			}
			if _, err := client.SendSignal(t.Context(), "nobody", nil); err != nil {
				return "", err
			}
			return h.Result(stepCtx)
		})
	})
	env := workflowtest.New(t, outer, echo)
	client = env.Client()
	h := run(t, env, outer, "hello")
	env.Advance(time.Second)
	wantResult(t, h, "hello")
	counts, err := env.Client().CountRuns(t.Context())
	if err != nil || counts.Completed != 2 {
		t.Errorf("%+v, %v", counts, err)
	}
}

// The test and step functions, inside and outside of virtual time, start runs with one client at the same time.
func TestClientOnBothSidesAtOnce(t *testing.T) {
	t.Parallel()
	var client *openworkflow.Client
	outer := openworkflow.Define("outer", func(ctx openworkflow.Context, s string) (string, error) {
		return step.Run(ctx, "start", func(stepCtx context.Context) (string, error) {
			h, err := echo.Run(stepCtx, client, s)
			if err != nil {
				return "", err
			}
			return h.ID(), nil
		})
	})
	env := workflowtest.New(t, outer, echo)
	client = env.Client()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 5 {
				if _, err := outer.Run(t.Context(), client, "hello"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	env.Settle()
	counts, err := client.CountRuns(t.Context())
	if err != nil || counts.Completed != 200 {
		t.Errorf("%+v, %v", counts, err)
	}
}

func TestManyRuns(t *testing.T) {
	t.Parallel()
	w := openworkflow.Define("many", func(ctx openworkflow.Context, n int) (int, error) {
		if err := step.Sleep(ctx, "nap", time.Duration(n)*time.Minute); err != nil {
			return 0, err
		}
		return step.Run(ctx, "n", func(context.Context) (int, error) { return n, nil })
	})
	env := workflowtest.NewWithOptions(t, workflowtest.Options{Worker: openworkflow.WorkerOptions{Concurrency: 3}}, w)
	var hs []*openworkflow.RunHandle[int]
	for n := range 200 {
		hs = append(hs, run(t, env, w, n))
	}
	env.Advance(200 * time.Minute)
	for n, h := range hs {
		wantResult(t, h, n)
	}
}

func TestNoWorkersOfOnesOwn(t *testing.T) {
	t.Parallel()
	env := workflowtest.New(t, echo)
	w, err := env.Client().NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(echo)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "worker of its own") {
		t.Errorf("Start gives %v", err)
	}
	if err := w.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// What an Env is told goes to its client and its worker.
func TestOptions(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	env := workflowtest.NewWithOptions(t, workflowtest.Options{
		Client: []openworkflow.ClientOption{
			openworkflow.WithMaxPayload(10), openworkflow.WithSlog(slog.New(slog.NewTextHandler(&log, nil))),
		},
		Worker: openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(echo), StepLimit: 1},
	})
	if _, err := echo.Run(t.Context(), env.Client(), strings.Repeat("x", 9)); !errors.Is(err, openworkflow.ErrPayloadTooLarge) {
		t.Errorf("a long input gives %v", err)
	}
	wantResult(t, run(t, env, echo, "short"), "short")
	if !strings.Contains(log.String(), "run completed") {
		t.Errorf("the log is\n%s", log.String())
	}
}

// A test about nondeterminism itself says so, and is not failed for it.
func TestAllowNondeterminism(t *testing.T) {
	t.Parallel()
	executions := 0
	t.Cleanup(func() { // after the Env's own
		if executions != 1 {
			t.Errorf("the function was executed %d times", executions)
		}
	})
	w := openworkflow.Define("unsteady", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
		executions++
		return executions, nil
	})
	env := workflowtest.NewWithOptions(t, workflowtest.Options{AllowNondeterminism: true}, w)
	wantResult(t, run(t, env, w, nil), 1)
}
