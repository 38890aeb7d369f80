package workflowtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

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

// within fails the test if fn takes more than a second of real time.
func within(t *testing.T, what string, fn func()) {
	t.Helper()
	start := time.Now()
	fn()
	if took := time.Since(start); took > time.Second {
		t.Errorf("%s took %v of real time", what, took)
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
			within(t, "advancing", func() { env.Advance(time.Millisecond) })
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
	within(t, "a year", func() { env.Advance(365 * 24 * time.Hour) })
	wantResult(t, h, 52)
}

func TestTimeStandsStill(t *testing.T) {
	t.Parallel()
	env := workflowtest.New(t, echo)
	before := env.Now()
	if ahead := before.Sub(time.Now()); ahead < -time.Second || ahead > 2*time.Second {
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

func TestChildren(t *testing.T) {
	t.Parallel()
	child := openworkflow.Define("child", func(ctx openworkflow.Context, n int) (int, error) {
		return n * n, step.Sleep(ctx, "nap", time.Duration(n)*time.Hour)
	})
	parent := openworkflow.Define("parent", func(ctx openworkflow.Context, n int) (int, error) {
		squares := make([]int, n)
		g, gctx := errgroup.WithContext(ctx)
		gwf := openworkflow.WithContext(ctx, gctx)
		for i := range n {
			g.Go(func() (err error) {
				squares[i], err = step.RunWorkflow(gwf, child, i, step.WithName(fmt.Sprint("child/", i)))
				return err
			})
		}
		err := g.Wait()
		sum := 0
		for _, s := range squares {
			sum += s
		}
		return sum, err
	})
	env := workflowtest.New(t, parent, child)
	h := run(t, env, parent, 5)
	env.Advance(4 * time.Hour)
	wantResult(t, h, 0+1+4+9+16)
}

func TestBranches(t *testing.T) {
	t.Parallel()
	var done diary
	w := openworkflow.Define("branches", func(ctx openworkflow.Context, _ openworkflow.None) (string, error) {
		quick := step.Go(ctx, "quick", func(context.Context) (string, error) { done.note("quick"); return "quick", nil })
		g, gctx := errgroup.WithContext(ctx)
		gwf := openworkflow.WithContext(ctx, gctx)
		for _, name := range []string{"a", "b"} {
			b := step.Branch(gwf, name)
			g.Go(func() error {
				if err := step.Sleep(b, "sleep", map[string]time.Duration{"a": 2 * time.Hour, "b": time.Hour}[name]); err != nil {
					return err
				}
				return step.Do(b, "work", done.noting(name))
			})
		}
		if err := g.Wait(); err != nil {
			return "", err
		}
		return quick.Wait()
	})
	env := workflowtest.New(t, w)
	h := run(t, env, w, nil)
	env.Settle()
	done.want(t, "quick")
	env.Advance(time.Hour)
	done.want(t, "quick", "b")
	env.Advance(time.Hour)
	done.want(t, "quick", "b", "a")
	wantResult(t, h, "quick")
}

var errOutOfStock = openworkflow.ErrorCode("out-of-stock")

// A branch that fails cancels the others, some of which have then never begun: which ones, the history does
// not say, and the replay must not take them for nondeterminism.
func TestFailingBranches(t *testing.T) {
	t.Parallel()
	w := openworkflow.Define("failing", func(ctx openworkflow.Context, n int) (openworkflow.None, error) {
		g, gctx := errgroup.WithContext(ctx)
		gwf := openworkflow.WithContext(ctx, gctx)
		for i := range n {
			g.Go(func() error {
				return step.Do(gwf, fmt.Sprint("reserve/", i), func(ctx context.Context) error {
					if i == n/2 {
						return openworkflow.NonRetryable(errOutOfStock)
					}
					<-ctx.Done()
					return ctx.Err()
				})
			})
		}
		return nil, g.Wait()
	})
	env := workflowtest.New(t, w)
	if _, err := run(t, env, w, 8).Result(t.Context()); !errors.Is(err, errOutOfStock) {
		t.Fatalf("the run gives %v", err)
	}
}

// A step that nobody waits for may still be under way when its run ends.
func TestUnfinishedBranches(t *testing.T) {
	t.Parallel()
	w := openworkflow.Define("first-wins", func(ctx openworkflow.Context, _ openworkflow.None) (string, error) {
		lost := step.Branch(ctx, "lost")
		go func() { _ = step.Sleep(lost, "for ever", 1000*time.Hour) }()
		if err := step.Sleep(ctx, "shortly", time.Minute); err != nil {
			return "", err
		}
		return "won", nil
	})
	env := workflowtest.New(t, w)
	h := run(t, env, w, nil)
	env.Advance(time.Hour)
	wantResult(t, h, "won")
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
