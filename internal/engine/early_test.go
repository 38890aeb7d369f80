package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// A wait that an earlier attempt of the workflow opened has got its signal, or its child has ended, before the
// function comes to it again. Until then the run cannot be parked: it would be due at once, again and again.
func TestNewsThatTheFunctionHasNotComeTo(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(s *engine.Scope) (string, error){
		"a signal": func(s *engine.Scope) (string, error) {
			data, ok, err := waitFor(s, "news", 0)
			if !ok && err == nil {
				err = errDown
			}
			return data, err
		},
		"a child": func(s *engine.Scope) (string, error) {
			return decoded(s.RunWorkflow(s.Context(), engine.ChildCall{StepName: "news", Workflow: "child"}))
		},
	} {
		for _, early := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { newsBeforeItsTime(t, wait, early) })
			})
		}
	}
}

func newsBeforeItsTime(t *testing.T, wait func(s *engine.Scope) (string, error), early bool) {
	arrives := 30 * time.Minute
	if early {
		arrives = 30 * time.Second
	}
	def := workflow("w", func(s *engine.Scope) (string, error) {
		b := s.Branch("b")
		if s.Attempt() == 1 {
			go func() { _, _ = wait(b) }()
			time.Sleep(time.Second)
			return "", later{errDown, time.Minute}
		}
		if err := s.Sleep(s.Context(), "nap", time.Hour); err != nil {
			return "", err
		}
		return wait(b)
	})
	def.RetryPolicy = domain.RetryPolicy{MaximumAttempts: 2}
	h := newHouse(t, def, workflow("child", func(s *engine.Scope) (string, error) {
		return `"x"`, s.Sleep(s.Context(), "nap", arrives)
	}))
	store := &tapped{Store: h.store}
	var claims atomic.Int32
	store.claim = func(ctx context.Context, r ports.ClaimRequest) (ports.ClaimResult, error) {
		if claims.Add(1) > 100 {
			time.Sleep(time.Minute) // a hot loop that the test survives
		}
		return h.store.ClaimRuns(ctx, r)
	}
	first := h.startOn(store)
	id := h.create(domain.NewRun{WorkflowName: "w"})
	time.Sleep(arrives)
	h.signal(domain.Signal{Name: "news", Data: []byte(`"x"`)})
	time.Sleep(10 * time.Minute)
	if n := claims.Load(); n > 50 {
		t.Errorf("%d claims", n)
	}
	second := h.start()
	h.stop(first) // another worker goes on with it
	if run := h.await(id); run.Status != domain.RunCompleted || time.Since(run.CreatedAt) < time.Hour {
		t.Errorf("%s after %v: %+v", run.Status, time.Since(run.CreatedAt), run.Error)
	}
	if run := h.run(id); run.Attempts > 10 {
		t.Errorf("claimed %d times", run.Attempts)
	}
	h.stop(second)
}
