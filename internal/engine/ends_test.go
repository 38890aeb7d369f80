package engine_test

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// An output that the database does not take fails the run, and its slot is free again.
func TestRefusedOutput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := engine.Definition{Name: "broken", Run: func(*engine.Scope, json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage("{"), nil
		}}
		h := newHouse(t, broken, workflow("w", func(*engine.Scope) (string, error) { return "done", nil }))
		h.conf = func(c *engine.WorkerConfig) { c.Concurrency = 1 }
		w := h.start()
		refused := h.create(domain.NewRun{WorkflowName: "broken"})
		h.failed(refused, domain.ErrInvalidPayload)
		h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "done")
		h.stop(w)
	})
}

// Runs whose ends wait for the database have no goroutines any more, but for those that commit; the worker still
// waits for them when it stops.
func TestEndsHoldNoGoroutines(t *testing.T) { // alone, as it counts goroutines
	synctest.Test(t, func(t *testing.T) {
		const runs, flushers = 50, 2
		h := newHouse(t, workflow("w", func(*engine.Scope) (string, error) { return "done", nil }))
		h.conf = func(c *engine.WorkerConfig) { c.Concurrency = runs }
		answer := make(chan struct{})
		store := &tapped{Store: h.store, commit: func(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
			<-answer
			return h.store.Commit(ctx, ts)
		}}
		var ids []string
		for range runs {
			ids = append(ids, h.create(domain.NewRun{WorkflowName: "w"}))
		}
		w := h.startOn(store)
		synctest.Wait()
		if n := executing(); n > flushers {
			t.Errorf("%d runs that have returned have a goroutine", n)
		}
		if s := w.Status(); s.InUse != runs || s.Owned != runs {
			t.Errorf("%d slots in use and %d runs owned before the ends are committed; want %d", s.InUse, s.Owned, runs)
		}
		time.AfterFunc(time.Second, func() { close(answer) })
		h.stop(w)
		for _, id := range ids {
			h.completed(id, "done")
		}
	})
}

// executing counts the goroutines of runs.
func executing() int {
	stacks := make([]byte, 1<<22)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "engine.(*execution).main(")
}
