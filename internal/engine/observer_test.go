package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func TestObserverIsToldOfEachThingOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h, a := observed(t, workflow("w", func(s *engine.Scope) (string, error) {
			if _, err := step(s, "flaky", func(context.Context) (string, error) {
				if calls.add("flaky"); calls.of("flaky") == 1 {
					return "", errors.New("no luck")
				}
				time.Sleep(time.Second)
				return "", nil
			}); err != nil {
				return "", err
			}
			if err := s.Sleep(s.Context(), "nap", time.Hour); err != nil {
				return "", err
			}
			if _, _, err := s.WaitForSignal(s.Context(), engine.WaitCall{StepName: "wait", Signal: "s", Timeout: time.Minute}); err != nil {
				return "", err
			}
			_, err := s.RunWorkflow(s.Context(), engine.ChildCall{StepName: "kid", Workflow: "kid"})
			return "x", err
		}), workflow("kid", func(s *engine.Scope) (string, error) {
			time.Sleep(time.Second) // until its parent has parked
			_, err := s.SendSignal(s.Context(), engine.SendCall{StepName: "send", Signal: "nobody"})
			return "", err
		}))
		w := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		h.completed(id, "x")
		h.stop(w)
		a.closed()
		wantTold(t, a, "w",
			"slice 1 resumed=false", "function flaky 1 failed", "slice 1 parked",
			"slice 2 resumed=true", "function flaky 2 completed", "slice 2 parked",
			"slice 3 resumed=true", "sleep nap 1 completed", "slice 3 parked",
			"slice 4 resumed=true", "signal-wait wait 1 completed", "slice 4 parked",
			"slice 5 resumed=true", "workflow kid 1 completed", "slice 5 completed")
		wantTold(t, a, "kid", "slice 1 resumed=false", "signal-send send 1 completed", "slice 1 completed")
		kid := h.childOf(id)
		if string(kid.Context) != fmt.Sprintf(`{"parent":%q}`, id) {
			t.Errorf("the child's context is %s", kid.Context)
		}
	})
}

func (h *house) childOf(id string) domain.Run {
	h.t.Helper()
	for _, a := range h.attempts(id) {
		if a.ChildRunID != "" {
			return h.run(a.ChildRunID)
		}
	}
	h.t.Fatal("there is no child")
	return domain.Run{}
}

// Replay tells of no step again.
func TestObserverOfAReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h, a := observed(t, workflow("w", func(s *engine.Scope) (string, error) {
			if _, err := step(s, "before", calls.constant("before")); err != nil {
				return "", err
			}
			if err := s.Sleep(s.Context(), "nap", time.Hour); err != nil {
				return "", err
			}
			return step(s, "after", calls.constant("after"))
		}))
		first := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		h.stop(first)
		second := h.start()
		h.completed(id, "after")
		h.stop(second)
		a.closed()
		wantTold(t, a, "w", "slice 1 resumed=false", "function before 1 completed", "slice 1 parked",
			"slice 2 resumed=false", "sleep nap 1 completed", "function after 1 completed", "slice 2 completed")
	})
}

func TestObserverOfLosses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		store func(h *house) ports.Backend
		meet  func(h *house, w *engine.Worker, id string)
		want  string
	}{
		"the lease runs out": {
			store: func(h *house) ports.Backend { return deaf{h.store} },
			meet:  func(*house, *engine.Worker, string) { time.Sleep(40 * time.Second) },
			want:  "slice 1 lost",
		},
		"canceled": {
			meet: func(h *house, _ *engine.Worker, id string) {
				if _, err := h.store.CancelRun(context.Background(), id); err != nil {
					h.t.Error(err)
				}
			},
			want: "slice 1 canceled",
		},
		"the worker stops": {
			meet: func(h *house, w *engine.Worker, _ string) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				if err := w.Stop(ctx); err != nil {
					h.t.Error(err)
				}
			},
			want: "slice 1 released",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h, a := observed(t, workflow("w", func(s *engine.Scope) (string, error) {
					return step(s, "slow", func(ctx context.Context) (string, error) {
						<-ctx.Done()
						return "", ctx.Err()
					})
				}))
				var store ports.Backend = h.store
				if c.store != nil {
					store = c.store(h)
				}
				w := h.startOn(store)
				id := h.create(domain.NewRun{WorkflowName: "w"})
				synctest.Wait()
				c.meet(h, w, id)
				synctest.Wait()
				if told := a.told("w"); !slices.Contains(told, c.want) || !slices.Contains(told, "function slow 1 abandoned") {
					t.Errorf("observed:\n%s", strings.Join(told, "\n"))
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				if err := w.Stop(ctx); err != nil {
					t.Error(err)
				}
				a.closed()
			})
		})
	}
}

// The observer and Status tell of a database that does not answer.
func TestObserverOfFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, a := observed(t, workflow("w", func(s *engine.Scope) (string, error) {
			return step(s, "a", func(context.Context) (string, error) { return "", nil })
		}))
		down := errors.New("the database is down")
		var noClaims atomic.Bool
		var commits atomic.Int32
		store := &tapped{Store: h.store}
		store.claim = func(ctx context.Context, r ports.ClaimRequest) (ports.ClaimResult, error) {
			if noClaims.Load() {
				return ports.ClaimResult{}, down
			}
			return h.store.ClaimRuns(ctx, r)
		}
		store.commit = func(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
			if commits.Add(1) == 1 {
				return nil, down
			}
			return h.store.Commit(ctx, ts)
		}
		w := h.startOn(store)
		if s := w.Status(); s.State != engine.WorkerClaiming || s.Failure != nil || s.Slots != 4 || s.InUse != 0 || s.ID == "" {
			t.Errorf("%+v", s)
		}
		synctest.Wait()
		noClaims.Store(true)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		began := time.Now()
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := w.Status(); !errors.Is(s.Failure, down) || s.FailingSince.Sub(began) > time.Second {
			t.Errorf("while the database is down: %+v", s)
		}
		noClaims.Store(false)
		h.completed(id, "")
		if s := w.Status(); s.Failure != nil || !s.FailingSince.IsZero() || s.Claimed != 1 {
			t.Errorf("when it is up again: %+v", s)
		}
		h.stop(w)
		if s := w.Status(); s.State != engine.WorkerStopped {
			t.Errorf("stopped: %+v", s)
		}
		a.closed()
		failed, runs := 0, 0
		for _, c := range a.claims {
			runs += c.Runs
			if c.Err != nil {
				failed++
			}
		}
		if failed < 5 || runs != 1 {
			t.Errorf("%d claims failed, %d runs came", failed, runs)
		}
		if len(a.flushes) != 3 || !errors.Is(a.flushes[0].Err, down) || a.flushes[1].Err != nil || a.flushes[1].Transitions != 1 {
			t.Errorf("flushes: %+v", a.flushes)
		}
	})
}

func TestObserverOfHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, a := observed(t, workflow("w", func(s *engine.Scope) (string, error) {
			return step(s, "slow", func(context.Context) (string, error) {
				time.Sleep(time.Minute)
				return "", nil
			})
		}))
		w := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		if s := w.Status(); s.InUse != 1 || s.Owned != 1 || s.Parked != 0 {
			t.Errorf("while it executes: %+v", s)
		}
		h.completed(id, "")
		h.stop(w)
		if len(a.beats) < 4 || a.beats[0].Leases != 1 || a.beats[0].Err != nil {
			t.Errorf("heartbeats: %+v", a.beats)
		}
	})
}

// A function that calls runtime.Goexit has failed, and its run starts over.
func TestObserverOfGoexit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h, a := observed(t, workflow("w", func(s *engine.Scope) (string, error) {
			return step(s, "exits", func(context.Context) (string, error) {
				if calls.add("exits"); calls.of("exits") == 1 {
					runtime.Goexit()
				}
				return "x", nil
			})
		}))
		w := h.start()
		h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "x")
		h.stop(w)
		a.closed()
		told := a.told("w")
		if len(told) < 6 || told[1] != "function exits 1 failed" || told[2] != "slice 1 released" || told[len(told)-2] != "function exits 2 completed" {
			t.Errorf("%q", told)
		}
	})
}
