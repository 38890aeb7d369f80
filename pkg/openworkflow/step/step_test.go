package step_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// house is a client with what its tests need, in virtual time.
type house struct {
	*testing.T
	client *openworkflow.Client
}

func inBubble(t *testing.T, fn func(h house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db := memory.New()
		c, err := openworkflow.New(db)
		if err != nil {
			t.Fatal(err)
		}
		fn(house{t, c})
		if err := errors.Join(c.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
}

// do executes fn as a workflow function and returns what the run ended with.
func do[Out any](h house, fn func(ctx openworkflow.Context) (Out, error), others ...openworkflow.AnyWorkflow) (Out, error) {
	h.Helper()
	wf := openworkflow.Define("wf", func(ctx openworkflow.Context, _ openworkflow.None) (Out, error) { return fn(ctx) },
		openworkflow.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 3}))
	w, err := h.client.NewWorker(openworkflow.WorkerOptions{Workflows: append(others, wf)})
	if err != nil {
		h.Fatal(err)
	}
	if err := w.Start(h.Context()); err != nil {
		h.Fatal(err)
	}
	defer func() {
		if err := w.Stop(h.Context()); err != nil {
			h.Error(err)
		}
	}()
	run, err := wf.Run(h.Context(), h.client, nil)
	if err != nil {
		h.Fatal(err)
	}
	return run.Result(h.Context(), openworkflow.WithResultTimeout(1000*24*time.Hour))
}

// own is a user's context type, here around nothing.
type own struct{ openworkflow.Context }

func TestForeignContexts(t *testing.T) {
	t.Parallel()
	for _, ctx := range []openworkflow.Context{nil, own{}, &own{}, openworkflow.WithContext(own{}, t.Context()), openworkflow.WithContext(nil, t.Context()), step.Branch(own{}, "b")} {
		errs := map[string]error{
			"Sleep": step.Sleep(ctx, "x", 1), "SleepUntil": step.SleepUntil(ctx, "x", time.Now()),
			"Do": step.Do(ctx, "x", func(context.Context) error { return nil }),
		}
		_, errs["Run"] = step.Run(ctx, "x", one)
		_, errs["Go"] = step.Go(ctx, "x", one).Wait()
		_, errs["RunWorkflow"] = step.RunWorkflow(ctx, someWorkflow, 1)
		_, errs["SendSignal"] = step.SendSignal(ctx, "x", 1)
		_, _, errs["WaitForSignal"] = step.WaitForSignal[int](ctx, "x")
		for call, err := range errs {
			if !errors.Is(err, openworkflow.ErrInvalidArgument) || !strings.Contains(err.Error(), "the Context is not a workflow's") {
				t.Errorf("%s: %v", call, err)
			}
		}
	}
}

type key struct{}

// Contexts that are made from others keep the run, and have the other's end and values.
func TestContexts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(h house) {
		out, err := do(h, func(ctx openworkflow.Context) (string, error) {
			foreign, cancel := context.WithTimeout(context.WithValue(context.Background(), key{}, "v"), time.Hour)
			defer cancel()
			wf := openworkflow.WithContext(own{step.Branch(ctx, "b")}, foreign)
			if _, has := wf.Deadline(); !has || wf.Value(key{}) != "v" || wf.RunID() != ctx.RunID() || wf.WorkflowName() != "wf" ||
				wf.Attempt() != 1 || wf.Version() != "" || !wf.CreatedAt().Equal(ctx.CreatedAt()) || wf.Logger() == nil {
				h.Errorf("%v", wf)
			}
			name, err := step.Run(own{wf}, "s", func(ctx context.Context) (string, error) {
				if step.AttemptID(ctx) == "" {
					h.Error("no attempt id")
				}
				return ctx.Value(key{}).(string) + " " + strings.TrimPrefix(step.IdempotencyKey(ctx), wf.RunID()), nil
			})
			cancel()
			if wf.Err() == nil {
				h.Error("the context has not ended")
			}
			if again := step.Do(wf, "t", func(context.Context) error { return nil }); !errors.Is(again, context.Canceled) {
				h.Error(again)
			}
			return name, errors.Join(err, step.Sleep(wf, "nap", time.Hour)) // a durable wait does not care
		})
		if err != nil || out != "v :b/s" {
			h.Error(out, err)
		}
		if step.IdempotencyKey(h.Context()) != "" || step.AttemptID(h.Context()) != "" {
			h.Error("a key outside a step")
		}
	})
}

// lossy forgets half of itself on the way through JSON.
type lossy struct {
	Kept string
	Lost string `json:"-"`
}

// liar cannot be read back.
type liar struct{ N int }

func (liar) MarshalJSON() ([]byte, error) { return []byte(`"N"`), nil }

func TestResultsAreWhatIsStored(t *testing.T) {
	t.Parallel()
	inBubble(t, func(h house) {
		calls := 0
		_, err := do(h, func(ctx openworkflow.Context) (int, error) {
			v, err := step.Run(ctx, "lossy", func(context.Context) (lossy, error) { return lossy{"a", "b"}, nil })
			if err != nil || v != (lossy{Kept: "a"}) {
				h.Error(v, err)
			}
			shared := map[string]int{"a": 1}
			f := step.Go(ctx, "map", func(context.Context) (map[string]int, error) { return shared, nil })
			first, err := f.Wait()
			second, again := f.Wait()
			first["b"], shared["c"] = 2, 3
			if err != nil || again != nil || len(second) != 1 {
				h.Error(first, second, err, again)
			}
			n, err := step.Run(ctx, "big", func(context.Context) (big.Int, error) { return *big.NewInt(1).Lsh(big.NewInt(1), 100), nil })
			if err != nil || n.BitLen() != 101 {
				h.Error(n.String(), err)
			}
			raw, err := step.Run(ctx, "raw", func(context.Context) (json.RawMessage, error) { return nil, nil })
			if err != nil || string(raw) != "null" {
				h.Error(string(raw), err)
			}
			_, err = step.Run(ctx, "liar", func(context.Context) (liar, error) { calls++; return liar{1}, nil })
			if !errors.Is(err, openworkflow.ErrInvalidPayload) || !strings.Contains(err.Error(), "cannot be read back") {
				h.Error(err)
			}
			_, err = step.Run(ctx, "text", func(context.Context) (string, error) { calls++; return "\x00", nil })
			return 0, err
		})
		if !errors.Is(err, openworkflow.ErrInvalidPayload) || calls != 2 {
			h.Errorf("%d calls, %v", calls, err)
		}
	})
}

// A recorded result of another type is changed code; data from elsewhere is bad data.
func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	inBubble(t, func(h house) {
		var attempts atomic.Int64
		_, err := do(h, func(ctx openworkflow.Context) (int, error) {
			if attempts.Add(1) == 1 {
				if _, err := step.Run(ctx, "s", func(context.Context) (string, error) { return "text", nil }); err != nil {
					return 0, err
				}
				return 0, errors.New("again")
			}
			return step.Run(ctx, "s", one)
		})
		if !errors.Is(err, openworkflow.ErrNondeterminism) || !strings.Contains(err.Error(), `step.Run "s"`) || !strings.Contains(err.Error(), "int") || attempts.Load() != 2 {
			h.Error(attempts.Load(), err)
		}
		child := openworkflow.Define("child", func(openworkflow.Context, int) (string, error) { return "text", nil })
		_, err = do(h, func(ctx openworkflow.Context) (int, error) {
			return step.RunWorkflow(ctx, openworkflow.Declare[int, int]("child"), 1)
		}, child)
		if !errors.Is(err, openworkflow.ErrInvalidPayload) || !strings.Contains(err.Error(), "the child's result") {
			h.Error(err)
		}
		time.AfterFunc(time.Minute, func() {
			if ids, err := h.client.SendSignal(context.Background(), "s", "text"); len(ids) != 1 || err != nil {
				h.Error(ids, err)
			}
		})
		_, err = do(h, func(ctx openworkflow.Context) (int, error) {
			n, ok, err := step.WaitForSignal[int](ctx, "s")
			if ok {
				h.Error("data that does not fit is data")
			}
			return n, err
		})
		if !errors.Is(err, openworkflow.ErrInvalidPayload) || !strings.Contains(err.Error(), "the data of signal s") {
			h.Error(err)
		}
	})
}

// Waits with a timeout of 0 end at once, those with one in time.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(h house) {
		for want, opts := range map[time.Duration][]step.WaitForSignalOption{
			0:         {step.WithTimeout(0), nil},
			time.Hour: {step.WithTimeout(time.Hour), step.WithName("w")},
		} {
			began := time.Now()
			ok, err := do(h, func(ctx openworkflow.Context) (bool, error) {
				_, ok, err := step.WaitForSignal[int](ctx, "s", opts...)
				return ok, err
			})
			if took := time.Since(began); ok || err != nil || took < want || took > want+time.Second {
				h.Errorf("%v, %v after %v, not %v", ok, err, took, want)
			}
		}
	})
}

// Waits without a timeout last a year.
func TestDefaultTimeouts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(h house) {
		time.AfterFunc(time.Minute, func() {
			runs, err := h.client.ListRuns(context.Background(), openworkflow.RunFilter{WorkflowName: "wf"})
			if err != nil || len(runs.Items) != 1 {
				h.Error(len(runs.Items), err)
				return
			}
			steps, err := h.client.ListStepAttempts(context.Background(), runs.Items[0].ID, openworkflow.PageOptions{})
			if err != nil || len(steps.Items) != 2 {
				h.Error(len(steps.Items), err)
			}
			for _, s := range steps.Items {
				var wait struct{ TimeoutAt time.Time }
				if err := json.Unmarshal(s.Context, &wait); err != nil || wait.TimeoutAt.Sub(s.CreatedAt) < 365*24*time.Hour-time.Second {
					h.Error(string(s.Context), err)
				}
			}
			if err := h.client.CancelRun(context.Background(), runs.Items[0].ID); err != nil {
				h.Error(err)
			}
		})
		_, err := do(h, func(ctx openworkflow.Context) (int, error) {
			f := step.Branch(ctx, "f")
			var g sync.WaitGroup
			g.Go(func() { _, _ = step.RunWorkflow(f, someWorkflow, 1) })
			_, _, err := step.WaitForSignal[int](ctx, "s")
			g.Wait()
			return 0, err
		})
		if !errors.Is(err, openworkflow.ErrRunCanceled) {
			h.Error(err)
		}
	})
}

func TestStepInsideStep(t *testing.T) {
	t.Parallel()
	inBubble(t, func(h house) {
		_, err := do(h, func(ctx openworkflow.Context) (int, error) {
			return step.Run(ctx, "outer", func(context.Context) (int, error) { return step.Run(ctx, "inner", one) })
		})
		if !errors.Is(err, openworkflow.ErrNestedStep) || !strings.Contains(err.Error(), "inner") {
			h.Error(err)
		}
	})
}

func TestPanics(t *testing.T) {
	t.Parallel()
	inBubble(t, func(h house) {
		_, err := do(h, func(ctx openworkflow.Context) (int, error) {
			return step.Run(ctx, "s", func(context.Context) (int, error) { panic("oh") }, step.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 1}))
		})
		var failed *openworkflow.RunFailedError
		if !errors.As(err, &failed) || !strings.Contains(failed.Message, "panic: oh") {
			h.Error(err)
		}
	})
}
