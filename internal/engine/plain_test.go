package engine_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// slowEnds takes a second to commit the end of a run of workflow "w", in which its branches go on, and looks at
// the runs that end plainly.
type slowEnds struct {
	*memstore.Store
	check *unreliable
}

func (s *slowEnds) Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	for i := range ts {
		if !ts[i].Kind.Terminal() {
			continue
		}
		if run, err := s.GetRuns(ctx, []string{ts[i].Lease.RunID}); err == nil && run[0].WorkflowName == "w" {
			time.Sleep(time.Second)
		}
	}
	before := s.check.standing(ts)
	vs, err := s.Store.Commit(ctx, ts)
	s.check.lookAtPlainEnds(before, ts, vs, err)
	return vs, err
}

// aboutToEnd runs workflow w, whose end is slow, with one slot, and another workflow a millisecond later.
func aboutToEnd(t *testing.T, w func(*engine.Scope) (string, error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", w), workflow("other", func(s *engine.Scope) (string, error) {
			return step(s, "long", func(context.Context) (string, error) { time.Sleep(200 * time.Millisecond); return "", nil })
		}))
		h.conf = func(c *engine.WorkerConfig) {
			c.Concurrency = 1
			c.Backend = &slowEnds{h.store, &unreliable{Store: h.store, t: t, calm: new(atomic.Bool)}}
		}
		worker := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		time.Sleep(time.Millisecond)
		h.create(domain.NewRun{WorkflowName: "other"})
		h.completed(id, "done")
		h.stop(worker)
	})
}

func waitOnTheSide(s *engine.Scope) {
	b := s.Branch("b")
	go func() { _, _, _ = b.WaitForSignal(s.Context(), engine.WaitCall{StepName: "wait", Signal: "never"}) }()
	time.Sleep(10 * time.Millisecond)
}

// A branch still waits when the function returns.
func TestEndBesideAForgottenWait(t *testing.T) {
	t.Parallel()
	aboutToEnd(t, func(s *engine.Scope) (string, error) {
		waitOnTheSide(s)
		return "done", nil
	})
}

// A branch has called for a wait before the function returned, and gets the slot that it needs to open it while
// the end is on its way.
func TestEndBesideAWaitThatIsAboutToOpen(t *testing.T) {
	t.Parallel()
	aboutToEnd(t, func(s *engine.Scope) (string, error) {
		takes := func(d time.Duration, err error) func(context.Context) (json.RawMessage, error) {
			return func(context.Context) (json.RawMessage, error) { time.Sleep(d); return json.RawMessage("1"), err }
		}
		first := s.Go(s.Context(), engine.StepCall{Name: "first", Fn: takes(0, nil)})
		second := s.Go(s.Context(), engine.StepCall{Name: "second", Fn: takes(time.Millisecond, nil)}) // overlapping: no park at once
		_, _ = first.Wait()
		_, _ = second.Wait()
		s.Go(s.Context(), engine.StepCall{Name: "failing", Fn: takes(0, later{coded("bad"), time.Hour})})
		time.Sleep(50 * time.Millisecond) // the run is quiet, and the other one has its slot
		waitOnTheSide(s)
		return "done", nil
	})
}

// A step function is still at work when the workflow function returns, and reaches the time of its running row
// while the end is on its way.
func TestEndBesideALongStep(t *testing.T) {
	t.Parallel()
	aboutToEnd(t, func(s *engine.Scope) (string, error) {
		s.Go(s.Context(), engine.StepCall{Name: "long", Fn: func(context.Context) (json.RawMessage, error) {
			time.Sleep(3 * time.Second)
			return json.RawMessage("1"), nil
		}})
		time.Sleep(100 * time.Millisecond)
		return "done", nil
	})
}
