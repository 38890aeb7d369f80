package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func TestAHundredThousandSteps(t *testing.T) {
	t.Parallel()
	const steps = 100_000
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			for range steps {
				if _, err := step(s, "a", calls.constant("x")); err != nil {
					return "", err
				}
			}
			return fmt.Sprint(calls.of("x")), nil
		}))
		h.conf = func(c *engine.WorkerConfig) { c.StepLimit = steps }
		w := h.start()
		defer h.stop(w)
		h.completed(h.create(domain.NewRun{WorkflowName: "w"}), fmt.Sprint(steps))
	})
}

func TestMoreParkedRunsThanStayResident(t *testing.T) {
	t.Parallel()
	const runs = 10_500 // 500 more than stay
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			if _, err := step(s, "before", calls.constant("before")); err != nil {
				return "", err
			}
			if err := s.Sleep(s.Context(), "nap", time.Hour); err != nil {
				return "", err
			}
			return step(s, "after", calls.constant("after"))
		}))
		h.conf = func(c *engine.WorkerConfig) { c.Concurrency = 100 }
		w := h.start()
		defer h.stop(w)
		batch := make([]domain.NewRun, runs)
		for i := range batch {
			batch[i] = domain.NewRun{ID: domain.NewID(), WorkflowName: "w"}
		}
		if _, err := h.store.CreateRuns(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		counts, err := h.store.CountRuns(context.Background())
		if err != nil || counts.Completed != runs {
			t.Errorf("%+v, %v", counts, err)
		}
		if calls.of("before") != runs || calls.of("after") != runs {
			t.Errorf("steps ran %d and %d times", calls.of("before"), calls.of("after"))
		}
	})
}

// A TypeScript worker can die between writing a workflow step and linking its child.
func TestChildOfAnOrphanedStepIsMadeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t,
			workflow("child", func(*engine.Scope) (string, error) { calls.add("child"); return "grown", nil }),
			workflow("parent", func(s *engine.Scope) (string, error) {
				return decoded(s.RunWorkflow(s.Context(), engine.ChildCall{StepName: "raise", Workflow: "child"}))
			}))
		ctx := context.Background()
		id := h.create(domain.NewRun{WorkflowName: "parent"})
		claim, err := h.store.ClaimRuns(ctx, ports.ClaimRequest{
			WorkerID: "typescript", Workflows: []domain.WorkflowKey{{Name: "parent"}}, Limit: 1, LeaseDuration: time.Minute,
		})
		if err != nil || len(claim.Runs) != 1 {
			t.Fatal(claim, err)
		}
		verdicts, err := h.store.Commit(ctx, []domain.Transition{{
			Kind: domain.StartStep, Lease: domain.Lease{RunID: id, WorkerID: "typescript", Epoch: 1},
			Attempt: domain.StepAttempt{
				ID: domain.NewID(), StepName: "raise", Kind: domain.KindWorkflow,
				Context: []byte(`{"kind":"workflow","timeoutAt":null}`),
			},
		}})
		if err != nil || verdicts[0].Err != nil {
			t.Fatal(verdicts, err)
		}
		w := h.start()
		defer h.stop(w)
		h.completed(id, "grown")
		if calls.of("child") != 1 {
			t.Errorf("%d children", calls.of("child"))
		}
	})
}

func TestAttemptsOfDeadWorkersAreClosedByTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			if _, err := step(s, "long", calls.constant("x")); err != nil {
				return "", err
			}
			return "done", s.Sleep(s.Context(), "nap", time.Hour)
		}))
		ctx := context.Background()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		for epoch, worker := range []string{"first", "second"} { // each dies in the middle of the step
			claim, err := h.store.ClaimRuns(ctx, ports.ClaimRequest{
				WorkerID: worker, Workflows: []domain.WorkflowKey{{Name: "w"}}, Limit: 1, LeaseDuration: time.Second,
			})
			if err != nil || len(claim.Runs) != 1 {
				t.Fatal(claim, err)
			}
			if _, err := h.store.Commit(ctx, []domain.Transition{{
				Kind: domain.StartStep, Lease: domain.Lease{RunID: id, WorkerID: worker, Epoch: epoch + 1},
				Attempt: domain.StepAttempt{ID: domain.NewID(), StepName: "long", Kind: domain.KindFunction},
			}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		w := h.start()
		defer h.stop(w)
		time.Sleep(time.Minute) // now it sleeps
		for _, a := range h.attempts(id) {
			if a.StepName == "long" && a.Status == domain.StepRunning {
				t.Errorf("still open: %+v", a)
			}
		}
		h.completed(id, "done")
		if calls.of("x") != 1 {
			t.Errorf("the step ran %d times", calls.of("x"))
		}
	})
}

func TestDamagedHistoryIsATypedError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			data, _, err := waitFor(s, "go", time.Hour)
			return data, err
		}))
		ctx := context.Background()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		if _, err := h.store.ClaimRuns(ctx, ports.ClaimRequest{
			WorkerID: "other", Workflows: []domain.WorkflowKey{{Name: "w"}}, Limit: 1, LeaseDuration: time.Minute,
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.store.Commit(ctx, []domain.Transition{{
			Kind: domain.StartStep, Lease: domain.Lease{RunID: id, WorkerID: "other", Epoch: 1},
			Attempt: domain.StepAttempt{ID: domain.NewID(), StepName: "go", Kind: domain.KindSignalWait, Context: []byte(`{"kind":"signal-wait"}`)},
		}}); err != nil {
			t.Fatal(err)
		}
		w := h.start()
		defer h.stop(w)
		h.failed(id, domain.ErrDamagedHistory)
	})
}
