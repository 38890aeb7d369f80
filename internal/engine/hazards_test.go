package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// tapped is a store whose calls a test looks into.
type tapped struct {
	*memstore.Store
	subscribe func(context.Context) (<-chan ports.Event, error)
	commit    func(context.Context, []domain.Transition) ([]domain.Verdict, error)
	claim     func(context.Context, ports.ClaimRequest) (ports.ClaimResult, error)
	load      func(context.Context, ports.HistoryRequest) (ports.HistoryResult, error)
	send      func(context.Context, []domain.Signal) ([]ports.SignalResult, error)
	reclaim   func(context.Context, ports.ReclaimRequest) (ports.ReclaimResult, error)
}

func (s *tapped) Subscribe(ctx context.Context) (<-chan ports.Event, error) {
	if s.subscribe != nil {
		return s.subscribe(ctx)
	}
	return s.Store.Subscribe(ctx)
}

func (s *tapped) Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	if s.commit != nil {
		return s.commit(ctx, ts)
	}
	return s.Store.Commit(ctx, ts)
}

func (s *tapped) ClaimRuns(ctx context.Context, r ports.ClaimRequest) (ports.ClaimResult, error) {
	if s.claim != nil {
		return s.claim(ctx, r)
	}
	return s.Store.ClaimRuns(ctx, r)
}

func (s *tapped) LoadHistories(ctx context.Context, r ports.HistoryRequest) (ports.HistoryResult, error) {
	if s.load != nil {
		return s.load(ctx, r)
	}
	return s.Store.LoadHistories(ctx, r)
}

func (s *tapped) SendSignals(ctx context.Context, signals []domain.Signal) ([]ports.SignalResult, error) {
	if s.send != nil {
		return s.send(ctx, signals)
	}
	return s.Store.SendSignals(ctx, signals)
}

func (s *tapped) ReclaimRun(ctx context.Context, r ports.ReclaimRequest) (ports.ReclaimResult, error) {
	if s.reclaim != nil {
		return s.reclaim(ctx, r)
	}
	return s.Store.ReclaimRun(ctx, r)
}

// silent is a store without news, which a worker has to poll.
type silent struct{ ports.Backend }

func (h *house) startOn(b ports.Backend) *engine.Worker {
	h.t.Helper()
	w := h.worker(b)
	if err := w.Start(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	return w
}

func TestStopAfterASubscriptionThatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(*engine.Scope) (string, error) { return "done", nil }))
		store := &tapped{Store: h.store}
		var tries atomic.Int32
		store.subscribe = func(ctx context.Context) (<-chan ports.Event, error) {
			if tries.Add(1) < 3 {
				return nil, errDown
			}
			return h.store.Subscribe(ctx)
		}
		w := h.startOn(store)
		time.Sleep(time.Minute)
		begin := time.Now()
		h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "done")
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("without news for %v after the subscription came back", took)
		}
		h.stop(w)
		store.subscribe = func(context.Context) (<-chan ports.Event, error) { return nil, errDown }
		h.stop(h.startOn(store))
	})
}

// A run that became due while its earlier execution still unwound here was passed over by the claim.
func TestRunIsClaimedWhenItsEarlierExecutionHasUnwound(t *testing.T) {
	t.Parallel()
	for name, unwinds := range map[string]time.Duration{"soon": 40 * time.Second, "after more than a lease": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls tally
				h := newHouse(t)
				store := &flaky{Store: h.store}
				h.defs = append(h.defs, workflow("w", func(s *engine.Scope) (string, error) {
					return step(s, "a", func(context.Context) (string, error) {
						calls.add("a")
						if calls.of("a") == 1 {
							store.down.Store(true)
							time.AfterFunc(28*time.Second, func() { store.down.Store(false) })
							time.Sleep(unwinds)
						}
						return "x", nil
					})
				}))
				w := h.startOn(store)
				defer h.stop(w)
				begin := time.Now()
				h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "x")
				if took := time.Since(begin); took > 2*time.Minute {
					t.Errorf("went on after %v", took)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// A signal for one branch arrives just before another branch takes the parked run back for a long step.
func TestSignalReachesARunThatABranchTookBack(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]func(ports.Backend) ports.Backend{
		"with news":    func(b ports.Backend) ports.Backend { return b },
		"without news": func(b ports.Backend) ports.Backend { return silent{b} },
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprint(name, late), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var heard time.Duration
					begin := time.Now()
					var h *house
					send := func() { h.signal(domain.Signal{Name: "go"}) }
					h = newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
						left, right := s.Branch("l"), s.Branch("r")
						done := make(chan struct{})
						go func() {
							defer close(done)
							if _, ok, err := left.WaitForSignal(s.Context(), engine.WaitCall{StepName: "w", Signal: "go"}); ok && err == nil {
								heard = time.Since(begin)
							}
						}()
						time.Sleep(10 * time.Second) // code of its own, while the run is parked
						if late {
							time.AfterFunc(time.Minute, send)
						} else {
							send()
						}
						_, err := step(right, "long", func(context.Context) (string, error) {
							time.Sleep(time.Hour)
							return "", nil
						})
						<-done
						return "x", err
					}))
					w := h.startOn(hide(h.store))
					defer h.stop(w)
					h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "x")
					if heard > 2*time.Minute {
						t.Errorf("heard after %v", heard)
					}
				})
			})
		}
	}
}

// A workflow function that fails beside a step that it does not wait for: the next attempt of the workflow
// must not start the step a second time beside itself.
func TestWorkflowRetryWaitsForStepsInProgress(t *testing.T) {
	t.Parallel()
	for name, launch := range map[string]func(s *engine.Scope, fn func(context.Context) (string, error)){
		"a future": func(s *engine.Scope, fn func(context.Context) (string, error)) {
			s.Go(s.Context(), engine.StepCall{Name: "slow", Fn: encoded(fn)})
		},
		"a goroutine": func(s *engine.Scope, fn func(context.Context) (string, error)) {
			go func() { _, _ = step(s, "slow", fn) }()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var running, most atomic.Int32
				def := workflow("w", func(s *engine.Scope) (string, error) {
					launch(s, func(context.Context) (string, error) {
						most.Store(max(most.Load(), running.Add(1)))
						time.Sleep(10 * time.Second)
						running.Add(-1)
						return "", errors.New("no luck")
					})
					time.Sleep(time.Second)
					if s.Attempt() < 3 {
						return "", errDown
					}
					return "x", nil
				})
				def.RetryPolicy = domain.RetryPolicy{MaximumAttempts: 5}
				h := newHouse(t, def)
				first, second := h.start(), h.start()
				h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "x")
				h.stop(first)
				h.stop(second)
				if most.Load() != 1 || running.Load() != 0 {
					t.Errorf("the step ran %d times at once; %d are left", most.Load(), running.Load())
				}
			})
		})
	}
}

// The result of a step that ends while the worker stops is recorded, also when nobody waits for it.
func TestStopRecordsStepsThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			p := s.Go(s.Context(), engine.StepCall{Name: "slow", Fn: encoded(func(context.Context) (string, error) {
				calls.add("slow")
				time.Sleep(20 * time.Second)
				return "x", nil
			})})
			time.Sleep(5 * time.Second)
			if _, err := step(s, "next", calls.constant("next")); err != nil {
				return "", err
			}
			return decoded(p.Wait())
		}))
		store := &tapped{Store: h.store}
		store.commit = func(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
			if ts[0].Kind.AboutStep() { // run transitions overtake it
				time.Sleep(100 * time.Millisecond)
			}
			return h.store.Commit(ctx, ts)
		}
		w := h.startOn(store)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		time.Sleep(2 * time.Second)
		h.stop(w)
		second := h.start()
		defer h.stop(second)
		h.completed(id, "x")
		if calls.of("slow") != 1 {
			t.Errorf("the step ran %d times", calls.of("slow"))
		}
	})
}

// typedNil is the error that a nil pointer makes: its Error method panics.
type typedNil struct{ text string }

func (e *typedNil) Error() string { return e.text }

func TestErrorsWhoseMethodsPanicAreContained(t *testing.T) {
	t.Parallel()
	broken := func() error { var e *typedNil; return e }
	for name, fn := range map[string]func(s *engine.Scope) (string, error){
		"of the workflow": func(*engine.Scope) (string, error) { return "", broken() },
		"of a step": func(s *engine.Scope) (string, error) {
			return step(s, "a", func(context.Context) (string, error) { return "", broken() })
		},
		"of a future": func(s *engine.Scope) (string, error) {
			c := engine.StepCall{Name: "a", Retry: domain.RetryPolicy{MaximumAttempts: 1}}
			c.Fn = encoded(func(context.Context) (string, error) { return "", broken() })
			return decoded(s.Go(s.Context(), c).Wait())
		},
		"of a step that timed out": func(s *engine.Scope) (string, error) {
			c := engine.StepCall{Name: "a", Timeout: time.Second, Retry: domain.RetryPolicy{MaximumAttempts: 1}}
			return stepWith(s, c, func(ctx context.Context) (string, error) { <-ctx.Done(); return "", broken() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, workflow("w", fn))
				w := h.start()
				defer h.stop(w)
				h.failed(h.create(domain.NewRun{WorkflowName: "w"}), nil)
			})
		})
	}
}

// A call that hangs until its context ends holds its run up for a while, not for ever.
func TestCallsThatHang(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(*tapped, func(context.Context) error){
		"sending": func(s *tapped, once func(context.Context) error) {
			s.send = func(ctx context.Context, signals []domain.Signal) ([]ports.SignalResult, error) {
				if err := once(ctx); err != nil {
					return nil, err
				}
				return s.Store.SendSignals(ctx, signals)
			}
		},
		"looking": func(s *tapped, once func(context.Context) error) {
			s.load = func(ctx context.Context, r ports.HistoryRequest) (ports.HistoryResult, error) {
				if err := once(ctx); err != nil {
					return ports.HistoryResult{}, err
				}
				return s.Store.LoadHistories(ctx, r)
			}
		},
		"taking back": func(s *tapped, once func(context.Context) error) {
			s.reclaim = func(ctx context.Context, r ports.ReclaimRequest) (ports.ReclaimResult, error) {
				if err := once(ctx); err != nil {
					return ports.ReclaimResult{}, err
				}
				return s.Store.ReclaimRun(ctx, r)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
					if _, err := s.SendSignal(s.Context(), engine.SendCall{StepName: "tell", Signal: "x"}); err != nil {
						return "", err
					}
					done := make(chan error)
					go func() {
						_, _, err := s.Branch("b").WaitForSignal(s.Context(), engine.WaitCall{StepName: "w", Signal: "y", Timeout: 20 * time.Second})
						done <- err
					}()
					time.Sleep(10 * time.Second)
					if _, err := step(s, "a", func(context.Context) (string, error) { return "", nil }); err != nil {
						return "", err
					}
					return "x", <-done
				}))
				var hung atomic.Bool
				store := &tapped{Store: h.store}
				hang(store, func(ctx context.Context) error {
					if hung.Swap(true) {
						return nil
					}
					<-ctx.Done()
					return ctx.Err()
				})
				w := h.startOn(store)
				defer h.stop(w)
				begin := time.Now()
				h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "x")
				if took := time.Since(begin); took > time.Minute || !hung.Load() {
					t.Errorf("ended after %v (hung: %v)", took, hung.Load())
				}
			})
		})
	}
}
