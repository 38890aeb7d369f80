package openworkflow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

type line struct {
	SKU string
	Qty int
}

type order struct {
	ID    string
	Lines []line
}

// house is what workflows depend on, as a service would have it.
type house struct {
	reserved chan string
}

var processOrder = openworkflow.Declare[order, []string]("process-order")

func (h *house) processOrder(ctx openworkflow.Context, in order) ([]string, error) {
	var fs []*step.Future[string]
	for _, l := range in.Lines {
		fs = append(fs, step.Go(ctx, "reserve", func(ctx context.Context) (string, error) {
			h.reserved <- l.SKU
			return fmt.Sprintf("%s×%d %s", l.SKU, l.Qty, step.IdempotencyKey(ctx)), nil
		}))
	}
	var out []string
	for _, f := range fs {
		s, err := f.Wait()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if err := step.Sleep(ctx, "cool-off", 72*time.Hour); err != nil {
		return nil, err
	}
	return out, step.Do(ctx, "mail", func(context.Context) error { return nil })
}

func TestDeclareAndImplement(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		h := &house{reserved: make(chan string, 10)}
		stop := startWorker(t, c, processOrder.Implement(h.processOrder))
		defer stop()
		began := time.Now()
		run, err := processOrder.Run(t.Context(), c, order{"7", []line{{"a", 1}, {"b", 2}}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := run.Result(t.Context(), openworkflow.WithResultTimeout(100*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"a×1 " + run.ID() + ":reserve", "b×2 " + run.ID() + ":reserve:1"}
		if fmt.Sprint(out) != fmt.Sprint(want) || len(h.reserved) != 2 {
			t.Errorf("got %q, want %q; %d calls", out, want, len(h.reserved))
		}
		if took := time.Since(began); took < 72*time.Hour || took > 73*time.Hour {
			t.Errorf("it took %v", took)
		}
		steps, err := c.ListStepAttempts(t.Context(), run.ID(), openworkflow.PageOptions{})
		if err != nil || len(steps.Items) != 4 {
			t.Fatal(len(steps.Items), err)
		}
		for _, s := range steps.Items {
			if s.Status != openworkflow.StepCompleted || s.RunID != run.ID() {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestErrgroupBranchesAndChildren(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		child := openworkflow.Define("child", func(ctx openworkflow.Context, n int) (int, error) {
			if n == 3 {
				return 0, openworkflow.ErrorCode("three")
			}
			return n * n, step.Sleep(ctx, "nap", time.Hour)
		}, openworkflow.WithVersion("2"))
		parent := openworkflow.Define("parent", func(ctx openworkflow.Context, n int) ([]int, error) {
			out := make([]int, n)
			g, gctx := errgroup.WithContext(ctx)
			gwf := openworkflow.WithContext(ctx, gctx)
			for i := range n {
				b := step.Branch(gwf, fmt.Sprint(i))
				g.Go(func() error {
					if err := step.Sleep(b, "nap", time.Duration(i)*time.Minute); err != nil {
						return err
					}
					v, err := step.RunWorkflow(b, child, i)
					if errors.Is(err, openworkflow.ErrorCode("three")) {
						v, err = -3, nil
					}
					out[i] = v
					return err
				})
			}
			return out, g.Wait()
		})
		stop := startWorker(t, c, child, parent)
		defer stop()
		out, err := result(t, c, parent, 5)
		if err != nil || fmt.Sprint(out) != "[0 1 4 -3 16]" {
			t.Error(out, err)
		}
	})
}

func TestSignals(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		type answer struct{ By string }
		approve := openworkflow.Define("approve", func(ctx openworkflow.Context, id string) (string, error) {
			a, ok, err := step.WaitForSignal[answer](ctx, "approval:"+id, step.WithTimeout(time.Hour))
			if err != nil || !ok {
				return "nobody", err
			}
			ids, err := step.SendSignal(ctx, "audit", a, step.WithBuffer(time.Hour))
			return fmt.Sprint(a.By, len(ids)), err
		})
		audit := openworkflow.Define("audit", func(ctx openworkflow.Context, _ openworkflow.None) (answer, error) {
			a, _, err := step.WaitForSignal[answer](ctx, "audit", step.WithName("wait"))
			return a, err
		})
		stop := startWorker(t, c, approve, audit)
		defer stop()

		timedOut, err := result(t, c, approve, "1")
		if err != nil || timedOut != "nobody" {
			t.Error(timedOut, err)
		}
		h, err := approve.Run(t.Context(), c, "2")
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Signal(t.Context(), "approval:2", answer{"ann"}); err != nil { // it may not wait yet
			t.Fatal(err)
		}
		if got, err := h.Result(t.Context()); err != nil || got != "ann0" {
			t.Error(got, err)
		}
		if got, err := result(t, c, audit, nil); err != nil || got.By != "ann" { // from the buffer
			t.Error(got, err)
		}
		if err := h.Signal(t.Context(), "approval:2", nil); !errors.Is(err, openworkflow.ErrRunFinished) {
			t.Error(err)
		}
		if ids, err := c.SendSignal(t.Context(), "nobody waits", 1); err != nil || len(ids) != 0 {
			t.Error(ids, err)
		}
	})
}

func TestWorkerRunStopsCleanly(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		wf := openworkflow.Define("x", func(ctx openworkflow.Context, in int) (int, error) { return in, nil })
		options := openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(wf)}
		w, err := c.NewWorker(options)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		if out, err := result(t, c, wf, 5); err != nil || out != 5 {
			t.Error(out, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if w, err = c.NewWorker(options); err != nil {
			t.Fatal(err)
		}
		go func() { done <- w.Run(t.Context()) }()
		if out, err := result(t, c, wf, 6); err != nil || out != 6 {
			t.Error(out, err)
		}
		if err := w.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := w.Start(t.Context()); err == nil {
			t.Error("a stopped worker starts")
		}
	})
}

func TestTick(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		wf := openworkflow.Define("x", func(ctx openworkflow.Context, in openworkflow.None) (openworkflow.None, error) {
			return nil, step.Sleep(ctx, "s", time.Hour)
		})
		w, err := c.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(wf)})
		if err != nil {
			t.Fatal(err)
		}
		h, err := wf.Run(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 0} {
			if n, err := w.Tick(t.Context()); n != want || err != nil {
				t.Fatal(n, err)
			}
		}
		time.Sleep(time.Hour)
		if n, err := w.Tick(t.Context()); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if _, err := h.Result(t.Context(), openworkflow.WithResultTimeout(0)); err != nil {
			t.Error(err)
		}
		if err := w.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
