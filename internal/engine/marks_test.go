package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// marked lists the steps of a run that have a running row.
func (h *house) marked(id string) []string {
	var names []string
	for _, a := range h.attempts(id) {
		if a.Status == domain.StepRunning {
			names = append(names, a.StepName)
		}
	}
	slices.Sort(names)
	return names
}

// A quarter of a second after its start, and not before, a step that still runs is marked as running, whatever else does.
func TestStepsThatTakeLongAreMarked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			var steps []*engine.Pending
			for _, c := range []struct {
				name        string
				begin, take time.Duration
			}{
				{"a", 0, time.Second},
				{"b", 100 * time.Millisecond, 240 * time.Millisecond},
				{"c", 10 * time.Millisecond, time.Second},
				{"c+4", 4 * time.Millisecond, time.Second},
				{"c+8", 4 * time.Millisecond, time.Second},
				{"d", 282 * time.Millisecond, time.Second},
			} {
				time.Sleep(c.begin)
				steps = append(steps, s.Go(s.Context(), engine.StepCall{Name: c.name, Fn: encoded(func(context.Context) (string, error) {
					time.Sleep(c.take)
					return "", nil
				})}))
			}
			for _, p := range steps {
				if _, err := p.Wait(); err != nil {
					return "", err
				}
			}
			// When nothing was left to be marked for a while, what comes then is marked too.
			time.Sleep(time.Minute)
			_, err := step(s, "e", func(context.Context) (string, error) { time.Sleep(time.Second); return "", nil })
			return "", err
		}))
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		began := time.Now()
		for _, want := range []struct {
			at    time.Duration
			steps []string
		}{
			{249 * time.Millisecond, nil},
			{251 * time.Millisecond, []string{"a"}},
			{359 * time.Millisecond, []string{"a"}},
			{361 * time.Millisecond, []string{"a", "c"}},
			{365 * time.Millisecond, []string{"a", "c", "c+4"}},
			{649 * time.Millisecond, []string{"a", "c", "c+4", "c+8"}},
			{651 * time.Millisecond, []string{"a", "c", "c+4", "c+8", "d"}},
			{2 * time.Second, nil},
			{61*time.Second + 900*time.Millisecond, []string{"e"}},
		} {
			time.Sleep(time.Until(began.Add(want.at)))
			synctest.Wait()
			if got := h.marked(id); !slices.Equal(got, want.steps) {
				t.Errorf("after %v %v are marked, not %v", want.at, got, want.steps)
			}
		}
		h.completed(id, "")
	})
}

// A step that came to nothing, as its caller's context ended, has no row, and gets none later.
func TestVoidStepsAreNotMarked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			beside := s.Go(s.Context(), engine.StepCall{Name: "beside", Fn: encoded(func(context.Context) (string, error) {
				time.Sleep(time.Second)
				return "", nil
			})})
			ctx, end := context.WithTimeout(s.Context(), 100*time.Millisecond)
			defer end()
			_, err := s.Run(ctx, engine.StepCall{Name: "void", Fn: encoded(func(ctx context.Context) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			})})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the step ended with %v", err)
			}
			_, err = beside.Wait()
			return "", err
		}))
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if got := h.marked(id); !slices.Equal(got, []string{"beside"}) {
			t.Errorf("%v are marked", got)
		}
		h.completed(id, "")
	})
}

// A worker that has stopped leaves no timer behind.
func TestNoMarkAfterStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			return step(s, "a", func(context.Context) (string, error) { return "", nil })
		}))
		w := h.start()
		h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "")
		h.stop(w)
		if w.Marking() {
			t.Error("the timer of long steps is set")
		}
	})
}
