package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var errDown = errors.New("connection refused")

// flaky is a store that can be cut off: calls fail, before or after they took effect.
type flaky struct {
	*memstore.Store
	down      atomic.Bool
	loseReply atomic.Bool // commits take effect and their answer is lost
}

func (f *flaky) Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	if f.down.Load() {
		return nil, errDown
	}
	v, err := f.Store.Commit(ctx, ts)
	if f.loseReply.Swap(false) {
		return nil, errDown
	}
	return v, err
}

func (f *flaky) ClaimRuns(ctx context.Context, r ports.ClaimRequest) (ports.ClaimResult, error) {
	if f.down.Load() {
		return ports.ClaimResult{}, errDown
	}
	return f.Store.ClaimRuns(ctx, r)
}

func (f *flaky) ExtendLeases(ctx context.Context, r ports.LeaseRequest) (ports.LeaseResult, error) {
	if f.down.Load() {
		return ports.LeaseResult{}, errDown
	}
	return f.Store.ExtendLeases(ctx, r)
}

func TestLostAnswersAndOutagesFailNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t)
		store := &flaky{Store: h.store}
		h.defs = append(h.defs, workflow("w", func(s *engine.Scope) (string, error) {
			store.loseReply.Store(true)
			a, err := step(s, "a", calls.constant("x"))
			if err != nil {
				return "", err
			}
			store.down.Store(true)
			time.AfterFunc(10*time.Second, func() { store.down.Store(false) })
			b, err := step(s, "b", calls.constant("y"))
			store.loseReply.Store(true)
			return a + b, err
		}))
		w := h.worker(store)
		if err := w.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		h.completed(id, "xy")
		if run := h.run(id); run.Attempts != 1 || calls.of("x") != 1 || calls.of("y") != 1 {
			t.Errorf("claims %d, steps %d and %d", run.Attempts, calls.of("x"), calls.of("y"))
		}
	})
}

func TestTakeoverFromAWorkerThatLostTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t)
		store := &flaky{Store: h.store}
		h.defs = append(h.defs, workflow("w", func(s *engine.Scope) (string, error) {
			a, err := step(s, "a", calls.constant("x"))
			if err != nil {
				return "", err
			}
			b, err := step(s, "b", func(ctx context.Context) (string, error) {
				calls.add("b")
				if calls.of("b") == 1 {
					store.down.Store(true)
					<-ctx.Done()
					if time.Sleep(time.Second); !errors.Is(context.Cause(ctx), domain.ErrSuspended) {
						t.Errorf("the step's context ended with %v", context.Cause(ctx))
					}
					return "", ctx.Err()
				}
				return "y", nil
			})
			return a + b, err
		}))
		first := h.worker(store)
		if err := first.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		second := h.start()
		defer h.stop(second)
		h.completed(id, "xy")
		run := h.run(id)
		if run.Attempts != 2 || run.Failures != 0 || calls.of("x") != 1 || calls.of("b") != 2 {
			t.Errorf("claims %d, failures %d, steps %d and %d", run.Attempts, run.Failures, calls.of("x"), calls.of("b"))
		}
		h.stop(first)
	})
}

func TestCancelEndsTheStepsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cause error
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			return step(s, "a", func(ctx context.Context) (string, error) {
				<-ctx.Done()
				cause = context.Cause(ctx)
				return "too late", nil
			})
		}))
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		if _, err := h.store.CancelRun(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if !errors.Is(cause, domain.ErrRunCanceled) {
			t.Errorf("the context ended with %v", cause)
		}
		if run := h.run(id); run.Status != domain.RunCanceled || run.Output != nil {
			t.Errorf("the run is %+v", run)
		}
	})
}

func TestContextsThatDoNotDescendFromTheRunsEndWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var took time.Duration
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			detached := context.WithoutCancel(s.Context())
			return decoded(s.Run(detached, engine.StepCall{Name: "a", Fn: encoded(func(ctx context.Context) (string, error) {
				pauseFor(ctx, time.Hour)
				took = time.Since(begin)
				return "", ctx.Err()
			})}))
		}))
		w := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		if _, err := h.store.CancelRun(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		h.stop(w) // joins the step
		if took > time.Minute {
			t.Errorf("the step went on for %v after the run was canceled", took)
		}
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	for name, fn := range map[string]func(s *engine.Scope) (string, error){
		"of a working run": func(s *engine.Scope) (string, error) {
			return step(s, "a", func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() })
		},
		"of a parked run": func(s *engine.Scope) (string, error) { return "", s.Sleep(s.Context(), "nap", time.Hour) },
		"of a run that waits for its retry": func(s *engine.Scope) (string, error) {
			return step(s, "a", func(context.Context) (string, error) { return "", later{errDown, time.Hour} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, workflow("w", fn))
				w := h.start()
				defer h.stop(w)
				begin := time.Now()
				id := h.create(domain.NewRun{WorkflowName: "w", DeadlineAt: begin.Add(10 * time.Minute)})
				run := h.await(id)
				if took := time.Since(begin); took > 10*time.Minute+15*time.Second {
					t.Errorf("ended after %v", took)
				}
				if name != "of a run that waits for its retry" && (run.Error == nil || run.Error.Code != domain.CodeOf(domain.ErrDeadlineExceeded)) {
					t.Errorf("ended as %s with %+v", run.Status, run.Error)
				}
			})
		})
	}
}

func TestStopGivesRunsBackBetweenSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			a, err := step(s, "a", func(ctx context.Context) (string, error) {
				calls.add("a")
				time.Sleep(10 * time.Second)
				return "x", ctx.Err()
			})
			if err != nil {
				return "", err
			}
			b, err := step(s, "b", calls.constant("y"))
			return a + b, err
		}))
		w := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		h.stop(w)
		run := h.run(id)
		if !run.Parked() || run.AvailableAt.After(time.Now()) || calls.of("y") != 0 {
			t.Fatalf("after the stop the run is %+v", run)
		}
		second := h.start()
		defer h.stop(second)
		h.completed(id, "xy")
		if run := h.run(id); calls.of("a") != 1 || run.Recoveries != 0 || run.Failures != 0 {
			t.Errorf("step a ran %d times; run %+v", calls.of("a"), run)
		}
	})
}

func TestStopCancelsWhatDoesNotFinishInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			return step(s, "a", func(ctx context.Context) (string, error) {
				calls.add("a")
				if calls.of("a") == 1 {
					<-ctx.Done()
					return "", ctx.Err()
				}
				return "x", nil
			})
		}))
		w := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		h.stop(w)
		if run := h.run(id); !run.Parked() {
			t.Fatalf("after the stop the run is %+v", run)
		}
		second := h.start()
		defer h.stop(second)
		h.completed(id, "x")
		for _, a := range h.attempts(id) {
			if a.Status == domain.StepFailed && a.Error.Code != domain.CodeInterrupted {
				t.Errorf("the shutdown was recorded as a failure: %+v", a)
			}
		}
	})
}

func TestChangedCodeIsATypedErrorAndNoHotLoop(t *testing.T) {
	t.Parallel()
	twoSteps := func(first, second string, calls *tally) engine.Definition {
		return workflow("w", func(s *engine.Scope) (string, error) {
			calls.add("entered")
			if _, err := step(s, first, calls.constant(first)); err != nil {
				return "", err
			}
			if err := s.Sleep(s.Context(), "nap", time.Minute); err != nil {
				return "", err
			}
			return step(s, second, calls.constant(second))
		})
	}
	for name, after := range map[string]func(*tally) engine.Definition{
		"a completed step is gone": func(c *tally) engine.Definition { return twoSteps("renamed", "b", c) },
		"a step became another kind": func(c *tally) engine.Definition {
			return workflow("w", func(s *engine.Scope) (string, error) {
				c.add("entered")
				return "", s.Sleep(s.Context(), "a", time.Second)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var before, calls tally
				h := newHouse(t, twoSteps("a", "b", &before))
				w := h.start()
				id := h.create(domain.NewRun{WorkflowName: "w"})
				synctest.Wait()
				h.stop(w)
				h.defs = []engine.Definition{after(&calls)}
				w = h.start()
				defer h.stop(w)
				h.failed(id, domain.ErrNondeterminism)
				if calls.of("entered") > 2 {
					t.Errorf("the function ran %d times", calls.of("entered"))
				}
			})
		})
	}
}

func TestCodeThatIgnoresItsEndDoesNotLoopForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			for {
				_ = s.Sleep(s.Context(), "nap", time.Hour)
			}
		}))
		w := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		if _, err := h.store.CancelRun(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		h.stop(w)
	})
}

func TestTickDoesOneRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			return "done", s.Sleep(s.Context(), "nap", time.Minute)
		}))
		w := h.worker(h.store)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		for i, want := range []int{1, 0, 1} {
			if n, err := w.Tick(context.Background()); n != want || err != nil {
				t.Errorf("tick %d claimed %d, %v; want %d", i, n, err, want)
			}
			if i == 1 {
				time.Sleep(time.Minute)
			}
		}
		if run := h.run(id); run.Status != domain.RunCompleted {
			t.Errorf("the run is %s", run.Status)
		}
		h.stop(w)
	})
}
