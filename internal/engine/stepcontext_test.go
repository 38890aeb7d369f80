package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
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

// hidden hides the kind of a context, and has a lock of its own, as a user's may.
type hidden struct {
	context.Context
	mu *sync.Mutex
}

func (h hidden) Value(key any) any {
	h.mu.Lock()
	defer h.mu.Unlock()
	if key == "k" {
		return "v"
	}
	return nil
}

// Whatever happens, in whatever order, the context says what one made by package context would.
func TestStepContextIsLikeAnyOther(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		synctest.Test(t, func(t *testing.T) {
			p := &contextPlay{T: t, r: rand.New(rand.NewPCG(seed, 0))}
			p.begin()
			for range 8 {
				p.act()
				synctest.Wait()
			}
			for i := range p.got {
				p.compare(i)
			}
			if t.Failed() {
				t.Fatalf("seed %d: %s", seed, p.log)
			}
		})
	}
}

// contextPlay does the same to a step context and to its model, and to what is derived from them.
type contextPlay struct {
	*testing.T
	r         *rand.Rand
	log       string
	got, want []context.Context
	ends      []func(error)
	endCaller context.CancelCauseFunc
	returned  bool
}

func (p *contextPlay) begin() {
	var caller context.Context
	caller, p.endCaller = context.WithCancelCause(context.Background())
	p.Cleanup(func() { p.endCaller(nil) })
	if p.r.IntN(2) == 0 {
		caller = hidden{caller, new(sync.Mutex)}
	}
	if p.r.IntN(2) == 0 {
		timed, stop := context.WithTimeoutCause(caller, 5*time.Second, domain.ErrStepTimeout)
		p.Cleanup(stop)
		caller = timed
	}
	got, endGot := engine.NewStepContext(caller)
	want, endWant := context.WithCancelCause(caller)
	p.Cleanup(func() { endWant(nil) })
	p.got, p.want, p.ends = []context.Context{got}, []context.Context{want}, []func(error){endGot, endWant}
}

func (p *contextPlay) act() {
	switch i := p.r.IntN(len(p.got)); p.r.IntN(6) {
	case 0:
		p.log += "the caller's ends; "
		p.endCaller(errors.New("caller"))
	case 1:
		p.log += "3 s; "
		time.Sleep(3 * time.Second)
	case 2:
		var cause error
		if p.r.IntN(2) == 0 && !p.returned {
			p.log += "the run ends; "
			cause = errors.New("run")
		} else {
			p.log += "returns; "
			p.returned = true
		}
		for _, end := range p.ends {
			end(cause)
		}
	case 3:
		p.log += fmt.Sprintf("%d is compared; ", i)
		p.compare(i)
	default:
		p.log += fmt.Sprintf("one of %d; ", i)
		how := p.r.IntN(4)
		p.got, p.want = append(p.got, p.derived(p.got[i], how)), append(p.want, p.derived(p.want[i], how))
	}
}

func (p *contextPlay) derived(ctx context.Context, how int) context.Context {
	switch how {
	case 0:
		return context.WithValue(ctx, p.T, 1)
	case 1:
		return context.WithoutCancel(ctx)
	case 2:
		ctx, end := context.WithCancel(ctx)
		p.Cleanup(end)
		return ctx
	}
	ctx, end := context.WithTimeoutCause(ctx, 4500*time.Millisecond, errors.New("own"))
	p.Cleanup(end)
	return ctx
}

func (p *contextPlay) compare(i int) {
	if got, want := answers(p.got[i]), answers(p.want[i]); got != want {
		p.Errorf("context %d says %s, not %s", i, got, want)
	}
}

// answers is all that a context says.
func answers(ctx context.Context) string {
	over := false
	err, cause, value := ctx.Err(), context.Cause(ctx), ctx.Value("k")
	select {
	case <-ctx.Done():
		over = true
	default:
	}
	_, bounded := ctx.Deadline()
	return fmt.Sprint(err, "; ", cause, "; ", over, bounded, value)
}

// Whoever holds a lock that the caller's context needs may ask the step's: it is never asked under another.
func TestStepContextHoldsNoLock(t *testing.T) {
	t.Parallel()
	caller, endCaller := context.WithCancel(context.Background())
	defer endCaller()
	locked := hidden{caller, new(sync.Mutex)}
	ctx, end := engine.NewStepContext(locked)
	locked.mu.Lock()
	asked := make(chan struct{})
	go func() { defer close(asked); _ = ctx.Done() }() // waits for the lock
	for range 100 {
		runtime.Gosched()
		_ = ctx.Err()
	}
	end(nil)
	locked.mu.Unlock()
	<-asked
	if err := ctx.Err(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// It is asked, derived from, printed and ended by many at once.
func TestStepContextUnderRace(t *testing.T) {
	t.Parallel()
	for range 100 {
		caller, endCaller := context.WithCancelCause(context.Background())
		ctx, end := engine.NewStepContext(caller)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 20 {
					derived, stop := context.WithTimeout(ctx, time.Hour)
					_ = fmt.Sprint(ctx, derived, ctx.Value("k"), context.Cause(derived))
					if err := ctx.Err(); err != nil {
						<-derived.Done()
						if context.Cause(ctx) == nil {
							t.Error("it has ended without a cause")
						}
					}
					stop()
				}
			})
		}
		group.Go(func() { end(errors.New("run")) })
		group.Go(func() { end(nil) })
		group.Go(func() { endCaller(errors.New("caller")) })
		group.Wait()
		<-ctx.Done()
	}
}
