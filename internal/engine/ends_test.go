package engine_test

import (
	"context"
	"encoding/json"
	"regexp"
	"runtime"
	"strings"
	"sync"
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
func TestEndsHoldNoGoroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const runs, flushers = 50, 2
		begin := make(chan struct{})
		h := newHouse(t, workflow("w", func(*engine.Scope) (string, error) { <-begin; return "done", nil }))
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
		if n := executing(); n != runs {
			t.Fatalf("%d goroutines of %d runs: they are not found", n, runs)
		}
		close(begin)
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

// together runs four workflows whose functions all return, with first's end told before second's, as one batch brings them. What
// has a hand in it happens while that batch waits behind two others.
func together(t *testing.T, h *house, store *tapped, meanwhile func(ids map[string]string)) (*engine.Worker, map[string]string) {
	t.Helper()
	turns, ids, open := make(map[string]chan struct{}), make(map[string]string), make(chan struct{})
	for _, name := range []string{"third", "fourth", "first", "second"} {
		for i := range h.defs {
			if h.defs[i].Name == name {
				turn, run := make(chan struct{}), h.defs[i].Run
				turns[name] = turn
				h.defs[i].Run = func(s *engine.Scope, in json.RawMessage) (json.RawMessage, error) {
					out, err := run(s, in)
					<-turn
					return out, err
				}
			}
		}
		ids[name] = h.create(domain.NewRun{WorkflowName: name})
	}
	commit := store.commit
	store.commit = func(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
		<-open
		return commit(ctx, ts)
	}
	w := h.startOn(store)
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	for _, name := range []string{"third", "fourth", "first", "second"} { // two are on their way, two wait together
		close(turns[name])
		synctest.Wait()
	}
	meanwhile(ids)
	close(open)
	time.Sleep(2 * time.Second)
	synctest.Wait()
	return w, ids
}

func four(first func(*engine.Scope) (string, error)) []engine.Definition {
	done := func(*engine.Scope) (string, error) { return "done", nil }
	return []engine.Definition{workflow("first", first), workflow("second", done), workflow("third", done), workflow("fourth", done)}
}

// A run whose code called on and on after a fatal error, and that is lost while its end is on its way, leaves those whose
// ends are told after its own alone.
func TestLostEndOfARunThatCallsInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, four(func(s *engine.Scope) (string, error) {
			for range 101 { // the first is fatal: the limit; 100 in vain
				_, _ = step(s, "x", func(context.Context) (string, error) { return "", nil })
			}
			return "done", nil
		})...)
		h.conf = func(c *engine.WorkerConfig) { c.StepLimit = 0 }
		w, ids := together(t, h, &tapped{Store: h.store, commit: h.store.Commit}, func(ids map[string]string) {
			if _, err := h.store.CancelRun(context.Background(), ids["first"]); err != nil {
				t.Error(err)
			}
		})
		h.completed(ids["second"], "done")
		if s := w.Status(); s.InUse != 0 || s.Owned != 0 {
			t.Errorf("%d slots in use, %d runs owned", s.InUse, s.Owned)
		}
		h.stop(w)
	})
}

// An observer that ends its goroutine, as a test's may, leaves the runs alone whose ends are told after.
func TestObserverThatEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, four(func(*engine.Scope) (string, error) { return "done", nil })...)
		h.conf = func(c *engine.WorkerConfig) { c.Observer = &leaving{} }
		w, ids := together(t, h, &tapped{Store: h.store, commit: h.store.Commit}, func(map[string]string) {})
		for _, id := range ids {
			h.completed(id, "done")
		}
		if s := w.Status(); s.InUse != 0 || s.Owned != 0 {
			t.Errorf("%d slots in use, %d runs owned", s.InUse, s.Owned)
		}
		h.stop(w)
	})
}

// leaving ends its goroutine when it is told that the first run has ended.
type leaving struct {
	engine.Observer
	once sync.Once
}

func (*leaving) Claimed(engine.Claim)                                              {}
func (*leaving) Flushed(engine.Flush)                                              {}
func (*leaving) Extended(engine.Extension)                                         {}
func (*leaving) SliceStarted(ctx context.Context, _ *engine.Slice) context.Context { return ctx }
func (l *leaving) SliceEnded(_ context.Context, s *engine.Slice, _ engine.SliceEnd) {
	if s.Run.WorkflowName == "first" {
		l.once.Do(runtime.Goexit)
	}
}

// An output that is refused while the database fails holds up nobody else whose end was in the batch.
func TestRefusedOutputHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, four(func(*engine.Scope) (string, error) { return "", nil })...)
		h.defs[0].Run = func(*engine.Scope, json.RawMessage) (json.RawMessage, error) { return json.RawMessage("{"), nil }
		failing := &flaky{Store: h.store}
		store := &tapped{Store: h.store, commit: func(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
			if len(ts) == 2 {
				time.Sleep(time.Millisecond) // the others are answered first, so that nothing is on its way
			}
			verdicts, err := failing.Commit(ctx, ts)
			if len(ts) == 2 {
				failing.down.Store(true)
			}
			return verdicts, err
		}}
		w, ids := together(t, h, store, func(map[string]string) {})
		if s := w.Status(); s.InUse != 1 || s.Owned != 1 {
			t.Errorf("%d slots in use, %d runs owned; want those of the run whose output was refused", s.InUse, s.Owned)
		}
		failing.down.Store(false)
		h.failed(ids["first"], domain.ErrInvalidPayload)
		h.stop(w)
	})
}

// A run that is canceled while its end is on its way has not completed, whatever its function returned.
func TestEndOfACanceledRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, a := observed(t, workflow("w", func(*engine.Scope) (string, error) { return "done", nil }))
		store := &tapped{Store: h.store, commit: func(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
			if _, err := h.store.CancelRun(context.Background(), ts[0].Lease.RunID); err != nil {
				t.Error(err)
			}
			return h.store.Commit(ctx, ts)
		}}
		w := h.startOn(store)
		if run := h.await(h.create(domain.NewRun{WorkflowName: "w"})); run.Status != domain.RunCanceled {
			t.Errorf("the run is %s", run.Status)
		}
		synctest.Wait()
		if s := w.Status(); s.InUse != 0 || s.Owned != 0 {
			t.Errorf("%d slots in use, %d runs owned", s.InUse, s.Owned)
		}
		h.stop(w)
		a.closed()
		wantTold(t, a, "w", "slice 1 resumed=false", "slice 1 lost")
	})
}

// A deadline that passes when somebody else has ended the run, whose code had called in vain.
func TestDeadlineOfALostRunThatCallsInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			for range 101 {
				_, _ = step(s, "x", func(context.Context) (string, error) { return "", nil })
			}
			<-s.Context().Done()
			return "done", nil
		}))
		h.conf = func(c *engine.WorkerConfig) { c.StepLimit = 0 }
		store := &tapped{Store: h.store, commit: func(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
			if _, err := h.store.CancelRun(context.Background(), ts[0].Lease.RunID); err != nil {
				t.Error(err)
			}
			return h.store.Commit(ctx, ts)
		}}
		id := h.create(domain.NewRun{WorkflowName: "w", DeadlineAt: time.Now().Add(10 * time.Minute)})
		w := h.startOn(store)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if run := h.run(id); run.Status != domain.RunCanceled {
			t.Errorf("the run is %s", run.Status)
		}
		h.stop(w)
	})
}

// inBubble finds the bubble in which a goroutine is, in its stack.
var inBubble = regexp.MustCompile(`^goroutine \d+ .*synctest bubble \d+`)

func bubbleOf(stack string) string {
	_, bubble, _ := strings.Cut(inBubble.FindString(stack), "synctest")
	return bubble
}

// executing counts the goroutines of runs in the caller's bubble.
func executing() (n int) {
	stacks := make([]byte, 16<<20)
	own := bubbleOf(string(stacks[:runtime.Stack(stacks, false)]))
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if bubbleOf(stack) == own && strings.Contains(stack, "engine.(*execution).main(") {
			n++
		}
	}
	return n
}
