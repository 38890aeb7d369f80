package step_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

func one(context.Context) (int, error) { return 1, nil }

var someWorkflow = openworkflow.Declare[int, int]("some")

// badCalls are calls that cannot be right.
var badCalls = []struct {
	name string
	call func(ctx openworkflow.Context) error
	is   error
	want string
}{
	{"empty name", func(ctx openworkflow.Context) error { _, err := step.Run(ctx, "", one); return err }, openworkflow.ErrInvalidArgument, `step.Run "": openworkflow: invalid argument: the step name is empty`},
	{"long name", func(ctx openworkflow.Context) error {
		_, err := step.Go(ctx, strings.Repeat("x", 513), one).Wait()
		return err
	}, openworkflow.ErrInvalidArgument, "the limit is 512"},
	{"name of Sleep", func(ctx openworkflow.Context) error { return step.Sleep(ctx, "\xff", 1) }, openworkflow.ErrInvalidArgument, "not valid UTF-8"},
	{"name of SleepUntil", func(ctx openworkflow.Context) error { return step.SleepUntil(ctx, "\x00", time.Now()) }, openworkflow.ErrInvalidArgument, "NUL"},
	{"name of RunWorkflow", func(ctx openworkflow.Context) error {
		_, err := step.RunWorkflow(ctx, someWorkflow, 1, step.WithName(""))
		return err
	}, openworkflow.ErrInvalidArgument, "the step name is empty"},
	{"signal", func(ctx openworkflow.Context) error {
		_, err := step.SendSignal(ctx, "", nil, step.WithName("x"))
		return err
	}, openworkflow.ErrInvalidArgument, "the signal name is empty"},
	{"awaited signal", func(ctx openworkflow.Context) error {
		_, _, err := step.WaitForSignal[int](ctx, "", step.WithName("x"))
		return err
	}, openworkflow.ErrInvalidArgument, "the signal name is empty"},
	{"branch", func(ctx openworkflow.Context) error { return step.Sleep(step.Branch(ctx, ""), "x", 1) }, openworkflow.ErrInvalidArgument, `step.Branch "": openworkflow: invalid argument: the step name is empty`},
	{"nil function", func(ctx openworkflow.Context) error { _, err := step.Run[int](ctx, "x", nil); return err }, openworkflow.ErrInvalidArgument, "the step function is nil"},
	{"nil function of Do", func(ctx openworkflow.Context) error { return step.Do(ctx, "x", nil) }, openworkflow.ErrInvalidArgument, "the step function is nil"},
	{"nil future", func(openworkflow.Context) error { _, err := new(step.Future[int]).Wait(); return err }, openworkflow.ErrInvalidArgument, "not made with step.Go"},
	{"nil workflow", func(ctx openworkflow.Context) error {
		_, err := step.RunWorkflow[int, int](ctx, nil, 1, step.WithName("x"))
		return err
	}, openworkflow.ErrInvalidArgument, "the workflow is nil"},
	{"nil spec", func(ctx openworkflow.Context) error {
		_, err := step.RunWorkflow(ctx, (*openworkflow.Spec[int, int])(nil), 1, step.WithName("x"))
		return err
	}, openworkflow.ErrInvalidArgument, "the workflow is nil"},
	{"bad workflow", func(ctx openworkflow.Context) error {
		_, err := step.RunWorkflow(ctx, openworkflow.Declare[int, func()]("bad"), 1)
		return err
	}, openworkflow.ErrInvalidPayload, "it is a function"},
	{"negative sleep", func(ctx openworkflow.Context) error { return step.Sleep(ctx, "x", -1) }, openworkflow.ErrInvalidArgument, "-1ns; it must not be negative"},
	{"far sleep", func(ctx openworkflow.Context) error {
		return step.SleepUntil(ctx, "x", time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC))
	}, openworkflow.ErrInvalidArgument, "year 20000"},
	{"negative timeout", func(ctx openworkflow.Context) error {
		_, err := step.Run(ctx, "x", one, step.WithTimeout(-1))
		return err
	}, openworkflow.ErrInvalidArgument, "WithTimeout is -1ns"},
	{"negative wait", func(ctx openworkflow.Context) error {
		_, _, err := step.WaitForSignal[int](ctx, "x", step.WithTimeout(-1))
		return err
	}, openworkflow.ErrInvalidArgument, "WithTimeout is -1ns"},
	{"negative child wait", func(ctx openworkflow.Context) error {
		_, err := step.RunWorkflow(ctx, someWorkflow, 1, step.WithTimeout(-1))
		return err
	}, openworkflow.ErrInvalidArgument, "WithTimeout is -1ns"},
	{"negative buffer", func(ctx openworkflow.Context) error {
		_, err := step.SendSignal(ctx, "x", 1, step.WithBuffer(-1))
		return err
	}, openworkflow.ErrInvalidArgument, "WithBuffer is -1ns"},
	{"bad policy", func(ctx openworkflow.Context) error {
		_, err := step.Run(ctx, "x", one, step.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: -7}))
		return err
	}, openworkflow.ErrInvalidArgument, "MaximumAttempts is -7"},
	{"signal data", func(ctx openworkflow.Context) error { _, err := step.SendSignal(ctx, "x", "\xff"); return err }, openworkflow.ErrInvalidPayload, "not valid UTF-8"},
	{"child's input", func(ctx openworkflow.Context) error {
		_, err := step.RunWorkflow(ctx, openworkflow.Declare[string, int]("c"), strings.Repeat("x", 2<<20))
		return err
	}, openworkflow.ErrPayloadTooLarge, "the limit is 1048576"},
	{"awaited type", func(ctx openworkflow.Context) error { _, _, err := step.WaitForSignal[chan int](ctx, "x"); return err }, openworkflow.ErrInvalidPayload, "it is a channel"},
	{"result type", func(ctx openworkflow.Context) error {
		_, err := step.Run(ctx, "x", func(context.Context) (func(), error) { panic("called") })
		return err
	}, openworkflow.ErrInvalidPayload, "it is a function"},
}

// Calls that cannot be right return a clear error, do nothing, and fail the run without a retry.
func TestBadCalls(t *testing.T) {
	t.Parallel()
	for _, c := range badCalls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(h house) {
				calls := 0
				_, err := do(h, func(ctx openworkflow.Context) (int, error) {
					calls++
					err := c.call(ctx)
					if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
						h.Errorf("got %v, want %q", err, c.want)
					}
					return 0, err
				})
				if !errors.Is(err, c.is) || calls != 1 {
					h.Errorf("%d calls, %v", calls, err)
				}
				runs, listErr := h.client.ListRuns(h.Context(), openworkflow.RunFilter{})
				if listErr != nil || len(runs.Items) != 1 {
					h.Fatal(len(runs.Items), listErr)
				}
				steps, listErr := h.client.ListStepAttempts(h.Context(), runs.Items[0].ID, openworkflow.PageOptions{})
				if listErr != nil || len(steps.Items) != 0 {
					h.Error(len(steps.Items), listErr)
				}
			})
		})
	}
}
