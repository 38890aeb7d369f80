package openworkflow_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

const errDeclined = openworkflow.ErrorCode("card-declined")

// cardError is a user's error type with an identity.
type cardError struct{ number string }

func (e *cardError) Error() string { return "card " + e.number + " declined" }
func (e *cardError) Unwrap() error { return errDeclined }

type moody struct{}

func (moody) Error() string { panic("not today") }

// identityCases are errors of user code, what they are, and what they are not.
var identityCases = []struct {
	name    string
	err     error
	is      error
	isNot   []error
	typ     string
	message string
}{
	{"plain", errors.New("boom"), nil, []error{errDeclined}, "Error", "boom"},
	{"wrapped", fmt.Errorf("a: %w", errors.New("b")), nil, nil, "Error", "a: b"},
	{"joined", errors.Join(errors.New("a"), errors.New("b")), nil, nil, "Error", "a\nb"},
	{"std", fmt.Errorf("open: %w", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}), nil, []error{fs.ErrNotExist}, "PathError", "open: open x: file does not exist"},
	{"code", errDeclined, errDeclined, []error{openworkflow.ErrorCode("other")}, "ErrorCode", "card-declined"},
	{"wrapped code", fmt.Errorf("pay: %w", errDeclined), errDeclined, nil, "ErrorCode", "pay: card-declined"},
	{"joined code", errors.Join(errors.New("x"), errDeclined), errDeclined, nil, "Error", "x\ncard-declined"},
	{"own type", &cardError{"7"}, errDeclined, nil, "cardError", "card 7 declined"},
	{"non-retryable", openworkflow.NonRetryable(fmt.Errorf("x: %w", errDeclined)), errDeclined, nil, "ErrorCode", "x: card-declined"},
	{"retry after", openworkflow.RetryAfter(&cardError{"8"}, time.Second), errDeclined, nil, "cardError", "card 8 declined"},
	{"empty code", openworkflow.ErrorCode(""), nil, []error{openworkflow.ErrorCode("")}, "ErrorCode", "ErrorCode"},
	{"reserved code", openworkflow.ErrorCode("openworkflow:run-canceled"), nil, []error{openworkflow.ErrRunCanceled}, "ErrorCode", "openworkflow:run-canceled"},
	{"TypeScript's code", openworkflow.ErrorCode("STEP_LIMIT_EXCEEDED"), nil, []error{openworkflow.ErrStepLimitExceeded}, "ErrorCode", "STEP_LIMIT_EXCEEDED"},
	{"sentinel", fmt.Errorf("x: %w", openworkflow.ErrPayloadTooLarge), openworkflow.ErrPayloadTooLarge, nil, "Error", "x: openworkflow: payload too large"},
	{"argument", fmt.Errorf("x: %w", openworkflow.ErrInvalidArgument), openworkflow.ErrInvalidArgument, nil, "Error", "x: openworkflow: invalid argument"},
	{"not storable text", errors.New("a\x00b\xff"), nil, nil, "Error", "a\uFFFDb\uFFFD"},
	{"moody", moody{}, nil, nil, "panic", "panic: not today"},
}

// errors.Is and the texts are the same in the workflow function, live and replayed, in the parent and at the client.
func TestErrorsKeepTheirIdentity(t *testing.T) {
	t.Parallel()
	once := step.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 1})
	for _, c := range identityCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, client *openworkflow.Client) {
				var seen []error
				fails := openworkflow.Define("fails", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
					_, err := step.Run(ctx, "s", func(context.Context) (int, error) { return 0, c.err }, once)
					seen = append(seen, err)
					if ctx.Attempt() == 1 { // fail outside a step: the next attempt replays the step's failure
						return 0, errors.New("again")
					}
					return 0, fmt.Errorf("the end: %w", err)
				}, openworkflow.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 5}))
				var inParent error
				parent := openworkflow.Define("parent", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
					_, inParent = step.RunWorkflow(ctx, fails, nil)
					return 0, inParent
				}, openworkflow.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 5}))
				stop := startWorker(t, client, fails, parent)
				defer stop()

				_, atClient := result(t, client, parent, nil)
				var failed *openworkflow.RunFailedError
				if !errors.As(atClient, &failed) || failed.WorkflowName != "parent" {
					t.Fatal(atClient)
				}
				if len(seen) != 2 {
					t.Fatalf("the workflow ran %d times: an exhausted step was retried", len(seen))
				}
				var live *openworkflow.StepError
				if !errors.As(seen[0], &live) || live.StepName != "s" || live.Attempts != 1 || live.Type != c.typ || live.Message != c.message {
					t.Errorf("%+v", live)
				}
				if seen[0].Error() != seen[1].Error() {
					t.Errorf("live %q, replayed %q", seen[0], seen[1])
				}
				if failed.Type != c.typ || !strings.Contains(failed.Message, c.message) {
					t.Errorf("%+v", failed)
				}
				for where, err := range map[string]error{"live": seen[0], "replayed": seen[1], "in the parent": inParent, "at the client": atClient} {
					checkIdentity(t, where, err, c.is, c.isNot)
				}
			})
		})
	}
}

func checkIdentity(t *testing.T, where string, err, is error, isNot []error) {
	t.Helper()
	if is != nil && !errors.Is(err, is) {
		t.Errorf("%s: %v is not %v", where, err, is)
	}
	for _, not := range isNot {
		if errors.Is(err, not) {
			t.Errorf("%s: %v is %v", where, err, not)
		}
	}
	var code openworkflow.ErrorCode
	var want openworkflow.ErrorCode
	found, wanted := errors.As(err, &code), errors.As(is, &want)
	if found != wanted || code != want {
		t.Errorf("%s: the code is %q, want %q", where, code, want)
	}
}

// What OpenWorkflow itself fails steps and runs with.
func TestOwnErrorsKeepTheirIdentity(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		slow := openworkflow.Define("slow", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
			return step.Run(ctx, "s", func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			}, step.WithTimeout(time.Minute), step.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 2}))
		})
		sleepy := openworkflow.Define("sleepy", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
			return 0, step.Sleep(ctx, "s", time.Hour)
		})
		impatient := openworkflow.Define("impatient", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
			return step.RunWorkflow(ctx, sleepy, nil, step.WithTimeout(0))
		})
		large := openworkflow.Define("large", func(ctx openworkflow.Context, _ openworkflow.None) (string, error) {
			return step.Run(ctx, "s", func(context.Context) (string, error) { return strings.Repeat("x", 2<<20), nil })
		})
		stop := startWorker(t, c, slow, sleepy, impatient, large)
		defer stop()

		_, err := result(t, c, slow, nil)
		if !errors.Is(err, openworkflow.ErrStepTimeout) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "after 2 attempts") {
			t.Error(err)
		}
		if _, err = result(t, c, impatient, nil); !errors.Is(err, openworkflow.ErrStepTimeout) {
			t.Error(err)
		}
		if _, err = result(t, c, large, nil); !errors.Is(err, openworkflow.ErrPayloadTooLarge) || strings.Contains(err.Error(), "attempts") {
			t.Error(err)
		}
		h, err := sleepy.Run(t.Context(), c, nil, openworkflow.WithDeadline(time.Now().Add(time.Minute)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = h.Result(t.Context()); !errors.Is(err, openworkflow.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestMarksOfNil(t *testing.T) {
	t.Parallel()
	if openworkflow.NonRetryable(nil) != nil || openworkflow.RetryAfter(nil, time.Second) != nil {
		t.Error("the mark of no error is an error")
	}
	err := openworkflow.RetryAfter(openworkflow.NonRetryable(&cardError{"9"}), time.Second)
	var card *cardError
	if err.Error() != "card 9 declined" || !errors.As(err, &card) || !errors.Is(err, errDeclined) {
		t.Error(err)
	}
}

func TestRetryAfterAndNonRetryable(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		calls := 0
		wf := openworkflow.Define("wf", func(ctx openworkflow.Context, asked time.Duration) (int, error) {
			return 0, step.Do(ctx, "s", func(context.Context) error {
				calls++
				if calls == 1 {
					return openworkflow.RetryAfter(errors.New("busy"), asked)
				}
				return openworkflow.NonRetryable(errors.New("enough"))
			})
		})
		stop := startWorker(t, c, wf)
		defer stop()
		for _, asked := range []time.Duration{3 * time.Hour, -time.Hour} {
			calls = 0
			began := time.Now()
			_, err := result(t, c, wf, asked)
			if err == nil || !strings.Contains(err.Error(), "enough") || calls != 2 {
				t.Error(calls, err)
			}
			if took := time.Since(began); took < asked || took > max(asked, 0)+time.Second {
				t.Errorf("asked for %v, took %v", asked, took)
			}
		}
	})
}
