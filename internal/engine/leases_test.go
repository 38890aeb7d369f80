package engine_test

import (
	"context"
	"encoding/json"
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

// A run whose function has been told to return is given back, also while others hold all slots.
func TestStopGivesBackARunThatWaitsForASlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t,
			workflow("naps", func(s *engine.Scope) (string, error) {
				left, right := s.Branch("l"), s.Branch("r")
				done := make(chan error)
				go func() { done <- left.Sleep(s.Context(), "nap", 50*time.Millisecond) }()
				err := right.Sleep(s.Context(), "nap", 40*time.Millisecond)
				if other := <-done; err == nil {
					err = other
				}
				return "x", err
			}),
			workflow("works", func(s *engine.Scope) (string, error) {
				return step(s, "work", func(ctx context.Context) (string, error) {
					<-ctx.Done()
					time.Sleep(2 * time.Second)
					return "", ctx.Err()
				})
			}))
		h.conf = func(c *engine.WorkerConfig) { c.Concurrency = 1 }
		w := h.start()
		naps := h.create(domain.NewRun{WorkflowName: "naps"})
		synctest.Wait() // it sleeps, and its slot is free
		works := h.create(domain.NewRun{WorkflowName: "works"})
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Error(err)
		}
		for _, id := range []string{naps, works} {
			if run := h.run(id); !run.Parked() {
				t.Errorf("after the stop the run is %+v", run)
			}
		}
	})
}

// deaf is a store that says it extends leases and does not: as if this machine's clock stood still.
type deaf struct{ *memstore.Store }

func (d deaf) ExtendLeases(context.Context, ports.LeaseRequest) (ports.LeaseResult, error) {
	return ports.LeaseResult{Now: time.Now()}, nil
}

func TestOwnRunThatIsClaimedAgainUnwindsFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most, starts atomic.Int32
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			return step(s, "slow", func(context.Context) (string, error) {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				if starts.Add(1) == 1 {
					time.Sleep(45 * time.Second)
				}
				return "x", nil
			})
		}))
		w := h.startOn(deaf{h.store})
		defer h.stop(w)
		h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "x")
		if most.Load() != 1 || starts.Load() != 2 {
			t.Errorf("%d at once, %d starts", most.Load(), starts.Load())
		}
	})
}

// The answer of a claim that arrives after the run was taken back, and parked again, grants nothing.
func TestLateAnswerOfAClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			calls.add("begun")
			done := make(chan error)
			left, right := s.Branch("l"), s.Branch("r")
			go func() { done <- left.Sleep(s.Context(), "nap", 10*time.Second) }()
			go func() {
				time.Sleep(11 * time.Second) // the claim has been made, and its answer is on its way
				if _, err := step(right, "a", calls.constant("a")); err != nil {
					done <- err
					return
				}
				done <- right.Sleep(s.Context(), "long", time.Hour)
			}()
			for range 2 {
				if err := <-done; err != nil {
					return "", err
				}
			}
			return "x", nil
		}), workflow("other", func(s *engine.Scope) (string, error) { // gives its slot back while the claim holds all others
			return step(s, "a", func(ctx context.Context) (string, error) {
				pauseFor(ctx, 10500*time.Millisecond)
				return "", nil
			})
		}))
		store := &tapped{Store: h.store}
		store.claim = func(ctx context.Context, r ports.ClaimRequest) (ports.ClaimResult, error) {
			res, err := h.store.ClaimRuns(ctx, r)
			if len(res.Runs) == 1 && res.Runs[0].Attempts == 2 {
				time.Sleep(5 * time.Second)
			}
			return res, err
		}
		w := h.startOn(store)
		defer h.stop(w)
		h.create(domain.NewRun{WorkflowName: "other"})
		h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "x")
		if calls.of("begun") != 1 || calls.of("a") != 1 {
			t.Errorf("the function ran %d times, the step %d times", calls.of("begun"), calls.of("a"))
		}
	})
}

// A wait that the database refuses to open does not leave the run parked for the wait's time.
func TestRefusedWaitOfARunThatIsToBeParked(t *testing.T) {
	t.Parallel()
	for _, stopping := range []bool{false, true} {
		t.Run(fmt.Sprint("stopping ", stopping), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
					_, err := s.RunWorkflow(s.Context(), engine.ChildCall{StepName: "c", Workflow: "w", Input: json.RawMessage("{")})
					return "", err
				}))
				store := &tapped{Store: h.store}
				if stopping {
					store.commit = func(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
						verdicts, err := h.store.Commit(ctx, ts)
						time.Sleep(time.Second)
						return verdicts, err
					}
				}
				w := h.startOn(store)
				id := h.create(domain.NewRun{WorkflowName: "w"})
				synctest.Wait()
				begin := time.Now()
				if stopping {
					h.stop(w)
					w = h.start()
				}
				h.failed(id, domain.ErrInvalidPayload)
				if took := time.Since(begin); took > time.Minute {
					t.Errorf("failed after %v", took)
				}
				h.stop(w)
			})
		})
	}
}

// A pending run's deadline is found by the sweep, also when the worker was idle for long.
func TestDeadlineOfARunThatNobodyClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(*engine.Scope) (string, error) { return "", nil }))
		w := h.start()
		defer h.stop(w)
		time.Sleep(30 * 24 * time.Hour)
		now := time.Now()
		id := h.create(domain.NewRun{WorkflowName: "w", StartAt: now.Add(1000 * time.Hour), DeadlineAt: now.Add(time.Minute)})
		h.failed(id, domain.ErrDeadlineExceeded)
		if late := time.Since(now) - time.Minute; late > 2*time.Minute {
			t.Errorf("failed %v after its deadline", late)
		}
	})
}

// A worker that is stopped between claiming a run and reading its history gives the run back.
func TestStopGivesBackRunsThatWereNotStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			return "x", s.Sleep(s.Context(), "nap", time.Minute)
		}))
		first := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		h.stop(first)
		store := &tapped{Store: h.store}
		store.load = func(ctx context.Context, r ports.HistoryRequest) (ports.HistoryResult, error) {
			<-ctx.Done()
			return ports.HistoryResult{}, ctx.Err()
		}
		second := h.startOn(store)
		time.Sleep(65 * time.Second)
		if run := h.run(id); run.Attempts != 2 || run.Parked() {
			t.Fatalf("the run was not claimed: %+v", run)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := second.Stop(ctx); err != nil {
			t.Error(err)
		}
		if run := h.run(id); !run.Parked() || time.Since(begin) > 10*time.Second {
			t.Errorf("after a stop of %v the run is %+v", time.Since(begin), run)
		}
		third := h.start()
		defer h.stop(third)
		h.completed(id, "x")
	})
}

// A lost answer: the run was taken back long before the caller hears of it, and the lease counts from then.
func TestLeaseOfARunTakenBackLongAgo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var begun, running, most atomic.Int32
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			done := make(chan error)
			go func() { done <- s.Branch("l").Sleep(s.Context(), "nap", time.Hour) }()
			if begun.Add(1) == 1 {
				pauseFor(s.Context(), 10*time.Second) // code of its own, while the run is parked
			}
			_, err := step(s, "slow", func(ctx context.Context) (string, error) {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				pauseFor(ctx, 30*time.Second)
				return "", ctx.Err()
			})
			if other := <-done; err == nil {
				err = other
			}
			return "x", err
		}))
		h.conf = func(c *engine.WorkerConfig) { c.LeaseDuration = 14 * time.Second }
		store := &tapped{Store: h.store}
		var lost atomic.Bool
		store.reclaim = func(ctx context.Context, r ports.ReclaimRequest) (ports.ReclaimResult, error) {
			res, err := h.store.ReclaimRun(ctx, r)
			if !lost.Swap(true) {
				time.Sleep(13900 * time.Millisecond)
				return ports.ReclaimResult{}, errDown
			}
			return res, err
		}
		first := h.startOn(store)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		second := h.start()
		h.completed(id, "x")
		h.stop(first)
		h.stop(second)
		if most.Load() != 1 || !lost.Load() {
			t.Errorf("%d at once", most.Load())
		}
	})
}
