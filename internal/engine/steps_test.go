package engine_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

func TestStepsAreRecordedAndNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			a, err := step(s, "a", calls.constant("x"))
			if err != nil {
				return "", err
			}
			b, err := step(s, "a", calls.constant("y"))
			return a + b, err
		}))
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		h.completed(id, "xy")
		var names []string // ids made within a millisecond need not sort in a test's own time
		for _, a := range h.attempts(id) {
			names = append(names, a.StepName+"="+string(a.Output))
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != `a:1="y" a="x"` {
			t.Errorf("recorded %s", got)
		}
	})
}

func TestRetryWithBackoffUntilTheBudgetIsUsedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			c := engine.StepCall{Name: "a", Retry: domain.RetryPolicy{MaximumAttempts: 4}}
			return stepWith(s, c, func(context.Context) (string, error) {
				at = append(at, time.Since(begin).Round(10*time.Millisecond))
				return "", coded("declined")
			})
		}))
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		f := h.failed(id, nil)
		if f.Code != "declined" {
			t.Errorf("failed with %+v", f)
		}
		if len(at) != 4 || at[1]-at[0] < time.Second || at[2]-at[1] < 2*time.Second || at[3]-at[2] < 4*time.Second || at[3] > 9*time.Second {
			t.Errorf("tried at %v", at)
		}
		if run := h.run(id); run.Failures != 0 {
			t.Errorf("an exhausted step counted as %d workflow failures", run.Failures)
		}
		attempts := h.attempts(id)
		if last := attempts[len(attempts)-1]; len(attempts) != 4 || !last.Final || attempts[0].RetryAt.IsZero() {
			t.Errorf("recorded %+v", attempts)
		}
	})
}

func TestWorkflowRetryReplaysItsSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		d := workflow("w", func(s *engine.Scope) (string, error) {
			calls.add("workflow")
			out, err := step(s, "a", calls.constant("x"))
			if err != nil || s.Attempt() < 3 {
				return "", errors.New("not yet")
			}
			return out, nil
		})
		d.RetryPolicy.MaximumAttempts = 3
		h := newHouse(t, d)
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		h.completed(id, "x")
		if calls.of("workflow") != 3 || calls.of("x") != 1 {
			t.Errorf("workflow ran %d times, step %d times", calls.of("workflow"), calls.of("x"))
		}
	})
}

func TestFailuresOfUserCodeAreContained(t *testing.T) {
	t.Parallel()
	tests := map[string]func(context.Context) (string, error){
		"panic":   func(context.Context) (string, error) { panic("boom") },
		"Goexit":  func(context.Context) (string, error) { runtime.Goexit(); return "", nil },
		"refused": func(context.Context) (string, error) { return "", final{errors.New("no")} },
	}
	for name, fn := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls tally
				h := newHouse(t, workflow("step", func(s *engine.Scope) (string, error) {
					c := engine.StepCall{Name: "a", Retry: domain.RetryPolicy{MaximumAttempts: 2}}
					return stepWith(s, c, func(ctx context.Context) (string, error) { calls.add(""); return fn(ctx) })
				}), workflow("whole", func(s *engine.Scope) (string, error) { return fn(s.Context()) }))
				w := h.start()
				defer h.stop(w)
				id := h.create(domain.NewRun{WorkflowName: "step"})
				whole := h.create(domain.NewRun{WorkflowName: "whole"})
				f := h.failed(id, nil)
				want := 2
				if name == "refused" {
					want = 1
				}
				if calls.of("") != want {
					t.Errorf("tried %d times, want %d", calls.of(""), want)
				}
				if name == "panic" && (f.Name != "panic" || !strings.Contains(f.Stack, "steps_test.go")) {
					t.Errorf("stored %+v", f)
				}
				h.failed(whole, nil)
			})
		})
	}
}

// runtime.Goexit in a step ends the goroutine that called it, perhaps the only one. The run starts over from its
// history, once the steps beside it have ended, and repeats none of them.
func TestGoexitInABranch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			beside := s.Go(s.Context(), engine.StepCall{Name: "beside", Fn: encoded(func(context.Context) (string, error) {
				calls.add("beside")
				time.Sleep(time.Second)
				return "x", nil
			})})
			branch := make(chan error)
			go func() { // when it exits, nobody sends
				_, err := step(s, "exits", func(context.Context) (string, error) {
					calls.add("exits")
					if calls.of("exits") == 1 {
						runtime.Goexit()
					}
					return "", nil
				})
				branch <- err
			}()
			select {
			case err := <-branch:
				if err != nil {
					return "", err
				}
			case <-s.Context().Done():
				calls.add("cut")
				return "", s.Context().Err()
			}
			return decoded(beside.Wait())
		}))
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		h.completed(id, "x")
		if calls.of("beside") != 1 || calls.of("exits") != 2 || calls.of("cut") != 1 {
			t.Errorf("beside ran %d times, exits %d times, cut short %d times", calls.of("beside"), calls.of("exits"), calls.of("cut"))
		}
		for _, a := range h.attempts(id) {
			if a.Status == domain.StepRunning {
				t.Errorf("%s is still running", a.StepName)
			}
		}
	})
}

func TestStepTimeoutCancelsItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got error
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			c := engine.StepCall{Name: "a", Timeout: time.Minute, Retry: domain.RetryPolicy{MaximumAttempts: 1}}
			_, got = stepWith(s, c, func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() })
			return "", got
		}))
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		h.failed(id, domain.ErrStepTimeout)
		if !errors.Is(got, domain.ErrStepTimeout) || !errors.Is(got, context.DeadlineExceeded) {
			t.Errorf("step returned %v", got)
		}
	})
}

func TestRetryAfterOverridesThePolicy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			return step(s, "a", func(context.Context) (string, error) {
				if tries = append(tries, time.Now()); len(tries) == 1 {
					return "", later{errors.New("busy"), time.Hour}
				}
				return "ok", nil
			})
		}))
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		time.Sleep(time.Minute)
		if run := h.run(id); !run.Parked() {
			t.Errorf("the run is not parked while it waits: %+v", run)
		}
		h.completed(id, "ok")
		if d := tries[1].Sub(tries[0]); d < time.Hour || d > time.Hour+time.Second {
			t.Errorf("tried again after %v", d)
		}
	})
}

func TestStepLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			for range 6 {
				_, _ = step(s, "a", calls.constant("x")) // a function that ignores the error fails all the same
			}
			return "done", nil
		}))
		h.conf = func(c *engine.WorkerConfig) { c.StepLimit = 5 }
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		h.failed(id, domain.ErrStepLimitExceeded)
		if calls.of("x") != 5 {
			t.Errorf("%d steps ran", calls.of("x"))
		}
	})
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want error
		fn   func(s *engine.Scope) (string, error)
	}{
		"a step inside a step": {domain.ErrNestedStep, func(s *engine.Scope) (string, error) {
			return step(s, "outer", func(context.Context) (string, error) {
				return step(s, "inner", func(context.Context) (string, error) { return "", nil })
			})
		}},
		"overlapping calls with one name": {domain.ErrNondeterminism, func(s *engine.Scope) (string, error) {
			release := make(chan struct{})
			done := make(chan error, 1)
			go func() {
				_, err := step(s, "a", func(context.Context) (string, error) { <-release; return "", nil })
				done <- err
			}()
			time.Sleep(time.Second)
			_, err := step(s, "a", func(context.Context) (string, error) { return "", nil })
			close(release)
			return "", errors.Join(err, <-done)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, workflow("w", tt.fn))
				w := h.start()
				defer h.stop(w)
				h.failed(h.create(domain.NewRun{WorkflowName: "w"}), tt.want)
			})
		})
	}
}
