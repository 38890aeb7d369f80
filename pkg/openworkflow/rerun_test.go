package openworkflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// shop counts how often its steps really run, and fails at shipping as long as it is told to.
type shop struct {
	charged, shipped atomic.Int64
	broken           atomic.Bool
}

func (s *shop) workflow() *openworkflow.Workflow[int, int64] {
	return openworkflow.Define("shop", func(ctx openworkflow.Context, amount int) (int64, error) {
		charge, err := step.Run(ctx, "charge", func(context.Context) (int64, error) {
			return 100*s.charged.Add(1) + int64(amount), nil
		})
		if err != nil {
			return 0, err
		}
		err = step.Do(ctx, "ship", func(context.Context) error {
			s.shipped.Add(1)
			if s.broken.Load() {
				return openworkflow.NonRetryable(errors.New("the van is broken"))
			}
			return nil
		})
		return charge, err
	})
}

func TestRerunFromAStep(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		var s shop
		s.broken.Store(true)
		w := s.workflow()
		defer startWorker(t, c, w)()
		h, err := w.Run(t.Context(), c, 7)
		if err != nil {
			t.Fatal(err)
		}
		var failed *openworkflow.RunFailedError
		if _, err := h.Result(t.Context()); !errors.As(err, &failed) {
			t.Fatal(err)
		}
		s.broken.Store(false)
		again, err := c.Rerun(t.Context(), h.ID(), openworkflow.FromStep("ship"))
		if err != nil {
			t.Fatal(err)
		}
		out, err := again.Result(t.Context())
		if err != nil || string(out) != "107" {
			t.Errorf("the result is %s, %v", out, err)
		}
		if s.charged.Load() != 1 || s.shipped.Load() != 2 {
			t.Errorf("charged %d times, shipped %d times", s.charged.Load(), s.shipped.Load())
		}
		run, err := again.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if of, from := run.RerunOf(); of != h.ID() || from != "ship" {
			t.Errorf("a rerun of %q from %q", of, from)
		}
		_, err = c.Rerun(t.Context(), h.ID(), openworkflow.FromStep("shipp"))
		if !errors.Is(err, openworkflow.ErrStepNotFound) || !strings.Contains(err.Error(), "charge, ship") {
			t.Error(err)
		}
	})
}

// A step that failed for good and was caught stays failed; a child stays the first run's.
func TestRerunKeepsWhatWasCaught(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		var tries, children, last atomic.Int64
		child := openworkflow.Define("child", func(openworkflow.Context, int) (int64, error) { return children.Add(1), nil })
		w := openworkflow.Define("careful", func(ctx openworkflow.Context, n int) (string, error) {
			_, err := step.Run(ctx, "risky", func(context.Context) (int, error) {
				return 0, fmt.Errorf("try %d", tries.Add(1))
			}, step.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 2}))
			caught := fmt.Sprint(err)
			born, err := step.RunWorkflow(ctx, child, n)
			if err != nil {
				return "", err
			}
			_, _, err = step.WaitForSignal[string](ctx, "never", step.WithTimeout(time.Hour))
			if err != nil {
				return "", err
			}
			return fmt.Sprint(caught, ", child ", born), step.Do(ctx, "last", func(context.Context) error {
				last.Add(1)
				return nil
			})
		})
		defer startWorker(t, c, child, w)()
		h, err := w.Run(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := h.Result(t.Context(), openworkflow.WithResultTimeout(2*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		again, err := c.Rerun(t.Context(), h.ID(), openworkflow.FromStep("last"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Handle(c, again.ID()).Result(t.Context())
		if err != nil || got != want || time.Since(began) > time.Minute {
			t.Errorf("after %v the rerun's result is %q, %v; want the first run's, %q", time.Since(began), got, err, want)
		}
		if tries.Load() != 2 || children.Load() != 1 || last.Load() != 2 {
			t.Errorf("%d tries, %d children, %d times the last step", tries.Load(), children.Load(), last.Load())
		}
		sameSteps(t, c, h.ID(), again.ID())
	})
}

// sameSteps checks that the second run has the attempts of the first, as its own.
func sameSteps(t *testing.T, c *openworkflow.Client, first, second string) {
	t.Helper()
	a, err := c.ListStepAttempts(t.Context(), first, openworkflow.PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.ListStepAttempts(t.Context(), second, openworkflow.PageOptions{})
	if err != nil || len(a.Items) != len(b.Items) {
		t.Fatalf("%d and %d attempts, %v", len(a.Items), len(b.Items), err)
	}
	for i, one := range a.Items {
		other := b.Items[i]
		if one.StepName != other.StepName || one.Status != other.Status || one.ChildRunID != other.ChildRunID || one.ID == other.ID || other.RunID != second {
			t.Errorf("attempt %d is %+v, of the first run %+v", i, other, one)
		}
	}
}

// A rerun is a run of its own, whatever the state of the first.
func TestRerunOfARunThatHasNotEnded(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		start := time.Now()
		h, err := c.StartRun(t.Context(), "w", "v1", json.RawMessage(`{"a":1}`), openworkflow.WithIdempotencyKey("k"),
			openworkflow.WithDeadline(start.Add(time.Hour)), openworkflow.WithStartAt(start.Add(time.Minute)))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		again, err := c.Rerun(t.Context(), h.ID(), nil)
		if err != nil {
			t.Fatal(err)
		}
		run, err := again.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if run.ID == h.ID() || run.WorkflowName != "w" || run.Version != "v1" || string(run.Input) != `{"a":1}` || run.IdempotencyKey != "" || run.AvailableAt.After(time.Now()) {
			t.Errorf("the rerun is %+v", run)
		}
		if left := time.Until(run.DeadlineAt); (left - time.Hour).Abs() > time.Second {
			t.Errorf("its deadline is in %v, want an hour, as the first run had", left)
		}
		if of, from := run.RerunOf(); of != h.ID() || from != "" {
			t.Errorf("a rerun of %q from %q", of, from)
		}
		if _, err := c.Rerun(t.Context(), h.ID(), openworkflow.FromStep("a")); !errors.Is(err, openworkflow.ErrStepNotFound) {
			t.Errorf("from a step of a run that has none: %v", err)
		}
		if _, err := c.Rerun(t.Context(), h.ID(), openworkflow.FromStep("")); !errors.Is(err, openworkflow.ErrInvalidArgument) {
			t.Error(err)
		}
		if _, err := c.Rerun(t.Context(), "unknown"); !errors.Is(err, openworkflow.ErrRunNotFound) {
			t.Error(err)
		}
	})
}

func TestStartRunByName(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		var s shop
		defer startWorker(t, c, s.workflow())()
		h, err := c.StartRun(t.Context(), "shop", "", json.RawMessage(`1`))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := h.Result(t.Context()); err != nil || string(out) != "101" {
			t.Errorf("the result is %s, %v", out, err)
		}
		if _, err := c.StartRun(t.Context(), "shop", "", json.RawMessage(`{`)); !errors.Is(err, openworkflow.ErrInvalidPayload) {
			t.Error(err)
		}
	})
}
