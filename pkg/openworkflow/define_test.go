package openworkflow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func echo(_ openworkflow.Context, in int) (int, error) { return in, nil }

func TestBadDefinitions(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	policy := func(p openworkflow.RetryPolicy) *openworkflow.Workflow[int, int] {
		return openworkflow.Define("x", echo, openworkflow.WithRetryPolicy(p))
	}
	var none *openworkflow.Workflow[int, int]
	var noSpec *openworkflow.Spec[int, int]
	for _, bad := range []struct {
		w    *openworkflow.Workflow[int, int]
		want string
	}{
		{openworkflow.Define("", echo), "the workflow name is empty"},
		{openworkflow.Define(strings.Repeat("x", 513), echo), "the limit is 512"},
		{openworkflow.Define("\xff", echo), "not valid UTF-8"},
		{openworkflow.Define("a\x00b", echo), "NUL"},
		{openworkflow.Define("x", echo, openworkflow.WithVersion("\xff")), "the workflow version"},
		{openworkflow.Define[int, int]("x", nil), "the workflow function is nil"},
		{openworkflow.Declare[int, int]("").Implement(echo), "the workflow name is empty"},
		{openworkflow.Declare[int, int]("x").Implement(nil), "the workflow function is nil"},
		{noSpec.Implement(echo), "the Spec is nil"},
		{none, "the workflow is nil"},
		{new(openworkflow.Workflow[int, int]), "not made with Define"},
		{policy(openworkflow.RetryPolicy{MaximumAttempts: -2}), "MaximumAttempts is -2"},
		{policy(openworkflow.RetryPolicy{InitialInterval: -1}), "InitialInterval is -1ns"},
		{policy(openworkflow.RetryPolicy{BackoffCoefficient: 0.5}), "at least 1"},
	} {
		_, err := bad.w.Run(t.Context(), c, 1)
		_, workerErr := c.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(bad.w)})
		for _, err := range []error{err, workerErr, bad.w.Err()} {
			if !errors.Is(err, openworkflow.ErrInvalidArgument) || !strings.Contains(err.Error(), bad.want) {
				t.Errorf("got %v, want %q", err, bad.want)
			}
		}
	}
	if n, err := c.CountRuns(t.Context()); err != nil || n != (openworkflow.RunCounts{}) {
		t.Error(n, err)
	}
}

func TestBadDeclarations(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	if _, err := openworkflow.Declare[func(), int]("x").Run(t.Context(), c, nil); !errors.Is(err, openworkflow.ErrInvalidPayload) ||
		!strings.Contains(err.Error(), `workflow "x", declared at openworkflow/define_test.go:`) {
		t.Error(err)
	}
	if _, err := openworkflow.Declare[int, error]("x").Run(t.Context(), c, 1); !errors.Is(err, openworkflow.ErrInvalidPayload) {
		t.Error(err)
	}
	if _, err := new(openworkflow.Spec[int, int]).Run(t.Context(), c, 1); !errors.Is(err, openworkflow.ErrInvalidArgument) {
		t.Error(err)
	}
	var none *openworkflow.Spec[int, int]
	if _, err := none.Run(t.Context(), c, 1); !errors.Is(err, openworkflow.ErrInvalidArgument) || none.Name() != "" || none.Version() != "" {
		t.Error(err)
	}
	good := openworkflow.Declare[int, int]("x", openworkflow.WithVersion("3"), nil)
	if good.Err() != nil || good.Name() != "x" || good.Version() != "3" || good.Implement(echo).Version() != "3" {
		t.Error(good.Err())
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	a, b := openworkflow.Define("bill", echo, openworkflow.WithVersion("1")), openworkflow.Define("bill", echo, openworkflow.WithVersion("1"))
	other := openworkflow.Define("bill", echo)
	_, err := c.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(a, other, b)})
	if err == nil || !strings.Contains(err.Error(), `workflow "bill", version "1", is registered twice`) || strings.Count(err.Error(), "define_test.go:") != 2 {
		t.Error(err)
	}
	_, err = c.NewWorker(openworkflow.WorkerOptions{
		Workflows: []openworkflow.AnyWorkflow{nil}, Concurrency: -1, LeaseDuration: -1, StopTimeout: -1, StepLimit: -1,
	})
	for _, want := range []string{"Workflows[0] is nil", "Concurrency is -1", "LeaseDuration is -1ns", "StopTimeout is -1ns", "StepLimit is -1"} {
		if !errors.Is(err, openworkflow.ErrInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if _, err = c.NewWorker(openworkflow.WorkerOptions{}); err == nil || !strings.Contains(err.Error(), "Workflows is empty") {
		t.Error(err)
	}
	if _, err = c.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(a, other)}); err != nil {
		t.Error(err)
	}
}

func TestBadRunOptions(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	wf := openworkflow.Define("x", echo)
	for _, bad := range []struct {
		o    openworkflow.RunOption
		want string
	}{
		{openworkflow.WithIdempotencyKey(""), "the idempotency key is empty"},
		{openworkflow.WithIdempotencyKey("a\x00"), "NUL"},
		{openworkflow.WithIdempotencyKey(strings.Repeat("x", 1025)), "the limit is 1024"},
		{openworkflow.WithIdempotencyKey("__workflow:default:1"), "OpenWorkflow's own"},
		{openworkflow.WithStartAfter(-time.Second), "WithStartAfter is -1s"},
		{openworkflow.WithStartAt(time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)), "WithStartAt is in the year 20000"},
		{openworkflow.WithDeadline(time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)), "WithDeadline is in the year -1"},
	} {
		if _, err := wf.Run(t.Context(), c, 1, bad.o); !errors.Is(err, openworkflow.ErrInvalidArgument) || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("got %v, want %q", err, bad.want)
		}
	}
	if _, err := wf.Handle(c, "x").Result(t.Context(), openworkflow.WithResultTimeout(-1)); !errors.Is(err, openworkflow.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestRunOptions(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		wf := openworkflow.Define("x", echo)
		now := time.Now()
		h, err := wf.Run(t.Context(), c, 1, openworkflow.WithStartAfter(time.Minute), openworkflow.WithStartAt(now.Add(time.Hour)),
			openworkflow.WithDeadline(now.Add(2*time.Hour)), openworkflow.WithIdempotencyKey("k"), nil)
		if err != nil {
			t.Fatal(err)
		}
		run, err := h.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !run.AvailableAt.Equal(now.Add(time.Hour)) || !run.DeadlineAt.Equal(now.Add(2*time.Hour)) || run.IdempotencyKey != "k" ||
			run.Status != openworkflow.RunPending || string(run.Input) != "1" || run.Version != "" {
			t.Errorf("%+v", run)
		}
		again, err := wf.Run(t.Context(), c, 2, openworkflow.WithIdempotencyKey("k"))
		if err != nil || again.ID() != h.ID() {
			t.Error(again, err)
		}
		time.Sleep(13 * time.Hour)
		if again, err = wf.Run(t.Context(), c, 2, openworkflow.WithIdempotencyKey("k")); err != nil || again.ID() == h.ID() {
			t.Error(again, err)
		}
	}, openworkflow.WithIdempotencyWindow(12*time.Hour))
}
