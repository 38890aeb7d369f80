package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// What a step function's context says of its end must not depend on when, or whether, the function asked.
func TestStepContextEndsWithItsFunction(t *testing.T) {
	t.Parallel()
	asks := map[string]func(*testing.T, context.Context) context.Context{
		"never":           func(_ *testing.T, ctx context.Context) context.Context { return ctx },
		"err":             func(_ *testing.T, ctx context.Context) context.Context { _ = ctx.Err(); return ctx },
		"done":            func(_ *testing.T, ctx context.Context) context.Context { _ = ctx.Done(); return ctx },
		"a derived value": func(t *testing.T, ctx context.Context) context.Context { return context.WithValue(ctx, t, 1) },
		"a derived one": func(t *testing.T, ctx context.Context) context.Context {
			derived, end := context.WithCancel(ctx)
			t.Cleanup(end)
			return derived
		},
		"a timed one": func(t *testing.T, ctx context.Context) context.Context {
			derived, end := context.WithTimeout(ctx, time.Hour)
			t.Cleanup(end)
			return derived
		},
		"one that is over": func(_ *testing.T, ctx context.Context) context.Context {
			_, end := context.WithCancel(ctx)
			end()
			return ctx
		},
	}
	for name, ask := range asks {
		for _, timeout := range []time.Duration{0, time.Minute} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
						var kept context.Context
						c := engine.StepCall{Name: "a", Timeout: timeout}
						_, err := stepWith(s, c, func(ctx context.Context) (string, error) {
							if err := ctx.Err(); err != nil {
								t.Errorf("ended before the function: %v", err)
							}
							if _, bounded := ctx.Deadline(); bounded != (timeout > 0) {
								t.Errorf("bounded: %v", bounded)
							}
							kept = ask(t, ctx)
							return "", nil
						})
						if got := kept.Err(); !errors.Is(got, context.Canceled) {
							t.Errorf("afterwards it says %v", got)
						}
						if got := context.Cause(kept); !errors.Is(got, context.Canceled) {
							t.Errorf("afterwards its cause is %v", got)
						}
						<-kept.Done()
						if engine.StepAttemptID(kept) == "" {
							t.Error("it does not know its attempt any more")
						}
						return "", err
					}))
					w := h.start()
					defer h.stop(w)
					h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "")
				})
			})
		}
	}
}

// The context ends with the run's, also where the step was called with one that does not descend from it, and
// whenever the function asks.
func TestStepContextEndsWithItsRun(t *testing.T) {
	t.Parallel()
	callers := map[string]func(*engine.Scope) context.Context{
		"the run's":     func(s *engine.Scope) context.Context { return s.Context() },
		"a foreigner's": func(*engine.Scope) context.Context { return context.Background() },
	}
	asks := map[string]func(*engine.Scope, context.Context){
		"before": func(_ *engine.Scope, ctx context.Context) { <-ctx.Done() },
		"after":  func(s *engine.Scope, _ context.Context) { <-s.Context().Done(); synctest.Wait() },
	}
	for whose, caller := range callers {
		for when, ask := range asks {
			t.Run(whose+", asked "+when, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					began, ended := make(chan struct{}), make(chan error, 2)
					h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
						_, err := s.Run(caller(s), engine.StepCall{Name: "a", Fn: encoded(func(ctx context.Context) (string, error) {
							close(began)
							ask(s, ctx)
							ended <- context.Cause(ctx)
							ended <- ctx.Err()
							return "", ctx.Err()
						})})
						return "", err
					}))
					w := h.start()
					defer h.stop(w)
					id := h.create(domain.NewRun{WorkflowName: "w"})
					<-began
					if _, err := h.store.CancelRun(t.Context(), id); err != nil {
						t.Fatal(err)
					}
					if got := <-ended; !errors.Is(got, domain.ErrRunCanceled) {
						t.Errorf("its cause is %v", got)
					}
					if got := <-ended; !errors.Is(got, context.Canceled) {
						t.Errorf("it ended with %v", got)
					}
				})
			})
		}
	}
}
