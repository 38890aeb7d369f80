package openworkflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

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
