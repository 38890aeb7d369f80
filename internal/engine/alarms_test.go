package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// busyOr is a workflow of one step that takes a second, save for the runs that the test treats otherwise.
func busyOr(calls *tally, otherwise map[string]func(*engine.Scope) (string, error)) engine.Definition {
	return workflow("w", func(s *engine.Scope) (string, error) {
		if fn := otherwise[s.RunID()]; fn != nil {
			return fn(s)
		}
		return aSecond(s, "work", calls)
	})
}

func aSecond(s *engine.Scope, name string, calls *tally) (string, error) {
	return step(s, name, func(context.Context) (string, error) {
		time.Sleep(time.Second)
		calls.add(name)
		return "", nil
	})
}

// A run that wakes does not stand behind all the runs that were started before it fell asleep.
func TestSleepersWakeBesideABacklog(t *testing.T) {
	t.Parallel()
	for _, slots := range []int{1, 4} {
		t.Run(fmt.Sprint(slots), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls tally
				var late time.Duration
				sleepers := make(map[string]func(*engine.Scope) (string, error))
				h := newHouse(t, busyOr(&calls, sleepers))
				h.conf = func(c *engine.WorkerConfig) { c.Concurrency = slots }
				id := domain.NewID()
				sleepers[id] = func(s *engine.Scope) (string, error) {
					err := s.Sleep(s.Context(), "nap", 10*time.Second)
					late = time.Since(s.CreatedAt()) - 10*time.Second
					return "rested", err
				}
				h.create(domain.NewRun{ID: id, WorkflowName: "w"})
				for range 30 * slots {
					h.create(domain.NewRun{WorkflowName: "w"})
				}
				w := h.start()
				defer h.stop(w)
				h.completed(id, "rested")
				if late < 0 || late > 3*time.Second {
					t.Errorf("woke %v late; %d others were done", late, calls.of("work"))
				}
			})
		})
	}
}

// Nor do runs that sleep time and again keep those from starting that became due before they woke.
func TestSleepersLeaveRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		sleepers := make(map[string]func(*engine.Scope) (string, error))
		h := newHouse(t, busyOr(&calls, sleepers))
		for range 20 {
			id := domain.NewID()
			sleepers[id] = func(s *engine.Scope) (string, error) {
				for i := range 50 {
					if err := s.Sleep(s.Context(), fmt.Sprint("nap", i), time.Millisecond); err != nil {
						return "", err
					}
					if _, err := aSecond(s, fmt.Sprint("between", i), &calls); err != nil {
						return "", err
					}
				}
				return "", nil
			}
			h.create(domain.NewRun{ID: id, WorkflowName: "w"})
		}
		w := h.start()
		defer h.stop(w)
		time.Sleep(10 * time.Second)
		for range 20 {
			h.create(domain.NewRun{WorkflowName: "w"})
		}
		time.Sleep(30 * time.Second)
		if done := calls.of("work"); done < 20 {
			t.Errorf("%d of 20 were done beside the sleepers", done)
		}
	})
}
