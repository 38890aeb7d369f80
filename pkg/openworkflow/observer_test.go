package openworkflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

// diary writes down what observers are told.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// with is the lines that begin so.
func (d *diary) with(prefix string) (found []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lines {
		if strings.HasPrefix(l, prefix) {
			found = append(found, l)
		}
	}
	return found
}

func (d *diary) want(t *testing.T, prefix string, want ...string) {
	t.Helper()
	if got := d.with(prefix); !slices.Equal(got, want) {
		t.Errorf("noted:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

type mark struct{}

// observer notes everything, with marks in the contexts that it hands on.
func (d *diary) observer() openworkflow.Observer {
	return openworkflow.Observer{
		CallStarted: func(ctx context.Context, c openworkflow.ObservedCall) context.Context {
			return context.WithValue(ctx, mark{}, "call "+string(c.Verb))
		},
		CallEnded: func(ctx context.Context, c openworkflow.ObservedCall, e openworkflow.ObservedCallEnd) {
			d.note("call %s %s%s runs=%d told=%d existing=%v err=%v child=%v in %v",
				c.Verb, c.WorkflowName, c.Signal, c.Runs, len(e.RunIDs), e.Existing, e.Err, c.ParentRunID != "", ctx.Value(mark{}))
		},
		Carrier: func(ctx context.Context) map[string]string {
			return map[string]string{"from": fmt.Sprint(ctx.Value(mark{}))}
		},
		SliceStarted: func(ctx context.Context, s *openworkflow.ObservedSlice) context.Context {
			d.note("slice %s %d attempt=%d resumed=%v child=%v carries %q", s.WorkflowName, s.Claims, s.Attempt, s.Resumed, s.Child, s.Carrier["from"])
			return context.WithValue(ctx, mark{}, fmt.Sprintf("slice %d", s.Claims))
		},
		SliceEnded: func(ctx context.Context, s *openworkflow.ObservedSlice, e openworkflow.ObservedSliceEnd) {
			d.note("end %s %s after %v, run %v, error %v, in %v", s.WorkflowName, e.Outcome, e.Duration, e.RunDuration, e.Error != nil, ctx.Value(mark{}))
		},
		StepStarted: func(ctx context.Context, s *openworkflow.ObservedStep) context.Context {
			return context.WithValue(ctx, mark{}, "step "+s.StepName+" in "+fmt.Sprint(ctx.Value(mark{})))
		},
		StepEnded: func(ctx context.Context, s *openworkflow.ObservedStep, e openworkflow.ObservedStepEnd) {
			d.note("step %s %s %d %s retry=%v after %v in %v", s.StepName, s.Kind, s.Attempt, e.Outcome, e.Retry, e.Duration, ctx.Value(mark{}))
		},
		Claimed:       func(c openworkflow.ObservedClaim) { d.note("claimed %d err=%v", c.Runs, c.Err) },
		Flushed:       func(f openworkflow.ObservedFlush) { d.note("flushed %d err=%v", f.Transitions, f.Err) },
		Extended:      func(h openworkflow.ObservedHeartbeat) { d.note("extended %d lost=%d", h.Leases, h.Lost) },
		WorkerStarted: func(w *openworkflow.Worker) { d.note("worker %s", w.Status().State) },
		WorkerStopped: func(w *openworkflow.Worker) { d.note("worker %s", w.Status().State) },
	}
}

func TestObserver(t *testing.T) {
	t.Parallel()
	var d diary
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, openworkflow.WithObserver(openworkflow.Observer{}), openworkflow.WithObserver(d.observer()))
		kid := openworkflow.Define("kid", func(ctx openworkflow.Context, in int) (int, error) {
			return step.Run(ctx, "double", func(context.Context) (int, error) { return 2 * in, nil })
		})
		failures := 0
		wf := openworkflow.Define("wf", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
			n, err := step.Run(ctx, "flaky", func(ctx context.Context) (int, error) {
				if time.Sleep(time.Second); failures == 0 {
					failures++
					return 0, errors.New("no luck")
				}
				d.note("seen: %v", ctx.Value(mark{}))
				return 1, nil
			})
			if err != nil {
				return 0, err
			}
			d.note("seen: %v", ctx.Value(mark{}))
			if err := step.Sleep(ctx, "nap", time.Hour); err != nil {
				return 0, err
			}
			d.note("seen: %v", ctx.Value(mark{}))
			return step.RunWorkflow(ctx, kid, n)
		})
		stop := startWorker(t, c, wf, kid)
		if out, err := result(t, c, wf, nil); err != nil || out != 2 {
			t.Fatal(out, err)
		}
		stop()
	})
	d.want(t, "seen", "seen: step flaky in slice 2", "seen: slice 2", "seen: slice 3")
	d.want(t, "call", "call start wf runs=1 told=1 existing=false err=<nil> child=false in call start",
		"call start kid runs=1 told=1 existing=false err=<nil> child=true in call start")
	d.want(t, "slice wf", `slice wf 1 attempt=1 resumed=false child=false carries "call start"`, `slice wf 2 attempt=1 resumed=true child=false carries "call start"`,
		`slice wf 3 attempt=1 resumed=true child=false carries "call start"`, `slice wf 4 attempt=1 resumed=true child=false carries "call start"`)
	d.want(t, "slice kid", `slice kid 1 attempt=1 resumed=false child=true carries "call start"`)
	d.want(t, "end wf", "end wf parked after 1s, run 0s, error false, in slice 1", "end wf parked after 1s, run 0s, error false, in slice 2",
		"end wf parked after 0s, run 0s, error false, in slice 3", "end wf completed after 0s, run 1h0m3s, error false, in slice 4")
	d.want(t, "step", "step flaky function 1 failed retry=true after 1s in step flaky in slice 1",
		"step flaky function 2 completed retry=false after 1s in step flaky in slice 2",
		"step nap sleep 1 completed retry=false after 1h0m0s in slice 3",
		"step double function 1 completed retry=false after 0s in step double in slice 1",
		"step kid workflow 1 completed retry=false after 0s in slice 4")
	d.want(t, "worker", "worker claiming", "worker stopped")
	if len(d.with("flushed")) < 5 || len(d.with("claimed 1")) < 5 {
		t.Errorf("%q", d.lines)
	}
}

// What a run carries is stored in the form of the TypeScript package, in every way to start one.
func TestObserverCarrier(t *testing.T) {
	t.Parallel()
	var d diary
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		wf := openworkflow.Define("wf", func(openworkflow.Context, int) (int, error) { return 0, nil })
		ctx := t.Context()
		var ids []string
		h, err := wf.Run(ctx, c, 1, openworkflow.WithIdempotencyKey("k"))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := wf.Run(ctx, c, 1, openworkflow.WithIdempotencyKey("k")); err != nil || again.ID() != h.ID() {
			t.Error(again, err)
		}
		batch, err := wf.RunBatch(ctx, c, []int{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		byName, err := c.StartRun(ctx, "wf", "", json.RawMessage("1"))
		if err != nil {
			t.Fatal(err)
		}
		rerun, err := c.Rerun(ctx, h.ID())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, h.ID(), batch[0].ID(), batch[1].ID(), byName.ID(), rerun.ID())
		for _, id := range ids {
			run, err := c.GetRun(ctx, id)
			if err != nil || string(run.Context) != `{"traceContext":{"from":"call start"}}` {
				t.Errorf("%s, %v", run.Context, err)
			}
		}
		if err := c.CancelRun(ctx, h.ID()); err != nil {
			t.Error(err)
		}
		if err := c.CancelRun(ctx, "no such run"); err == nil {
			t.Error("canceled what is not there")
		}
		if _, err := c.SendSignal(ctx, "nobody", nil); err != nil {
			t.Error(err)
		}
	}, openworkflow.WithObserver(d.observer()))
	started := "call start wf runs=1 told=1 existing=false err=<nil> child=false in call start"
	d.want(t, "call start", started, strings.Replace(started, "existing=false", "existing=true", 1),
		strings.Replace(started, "runs=1 told=1", "runs=2 told=2", 1), started, started)
	if canceled := d.with("call cancel"); len(canceled) != 2 || !strings.Contains(canceled[1], "not found") {
		t.Errorf("%q", canceled)
	}
	d.want(t, "call signal", "call signal nobody runs=0 told=0 existing=false err=<nil> child=false in call signal")
}

// An observer that panics, or returns no context, changes nothing.
func TestObserverThatPanics(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zap.ErrorLevel)
	bad := openworkflow.Observer{
		CallStarted:   func(context.Context, openworkflow.ObservedCall) context.Context { panic("call") },
		CallEnded:     func(context.Context, openworkflow.ObservedCall, openworkflow.ObservedCallEnd) { panic("call ended") },
		Carrier:       func(context.Context) map[string]string { panic("carrier") },
		SliceStarted:  func(context.Context, *openworkflow.ObservedSlice) context.Context { return nil },
		SliceEnded:    func(context.Context, *openworkflow.ObservedSlice, openworkflow.ObservedSliceEnd) { panic("slice") },
		StepStarted:   func(context.Context, *openworkflow.ObservedStep) context.Context { panic("step") },
		StepEnded:     func(context.Context, *openworkflow.ObservedStep, openworkflow.ObservedStepEnd) { panic("step ended") },
		Claimed:       func(openworkflow.ObservedClaim) { panic("claimed") },
		Flushed:       func(openworkflow.ObservedFlush) { panic("flushed") },
		Extended:      func(openworkflow.ObservedHeartbeat) { panic("extended") },
		WorkerStarted: func(*openworkflow.Worker) { panic("started") },
		WorkerStopped: func(*openworkflow.Worker) { panic("stopped") },
	}
	var d diary
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		wf := openworkflow.Define("wf", func(ctx openworkflow.Context, _ openworkflow.None) (string, error) {
			return step.Run(ctx, "slow", func(context.Context) (string, error) {
				time.Sleep(time.Minute) // heartbeats
				return "done", nil
			})
		})
		stop := startWorker(t, c, wf)
		if out, err := result(t, c, wf, nil); err != nil || out != "done" {
			t.Error(out, err)
		}
		stop()
	}, openworkflow.WithObserver(bad), openworkflow.WithObserver(d.observer()), openworkflow.WithLogger(zap.New(core)))
	d.want(t, "step", "step slow function 1 completed retry=false after 1m0s in step slow in slice 1")
	panics := make(map[any]bool)
	for _, e := range logged.FilterMessage("an observer panicked").All() {
		panics[e.ContextMap()["panic"]] = true
	}
	if len(panics) != 11 {
		t.Errorf("logged panics: %v", panics)
	}
}

// workflowtest replays every run that has ended: its observers hear of nothing twice.
func TestObserverHearsNoReplay(t *testing.T) { //nolint:tparallel // what the subtest leaves is looked at after it
	t.Parallel()
	var d diary
	t.Run("env", func(t *testing.T) {
		wf := openworkflow.Define("wf", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
			return step.Run(ctx, "a", func(context.Context) (int, error) { return 1, nil })
		})
		env := workflowtest.NewWithOptions(t, workflowtest.Options{Client: []openworkflow.ClientOption{openworkflow.WithObserver(d.observer())}}, wf)
		h, err := wf.Run(t.Context(), env.Client(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Result(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if slices, steps := d.with("slice wf"), d.with("step"); len(slices) != 1 || len(steps) != 1 {
		t.Errorf("%q, %q", slices, steps)
	}
}

func TestWorkerStatus(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		wf := openworkflow.Define("wf", func(ctx openworkflow.Context, in string) (openworkflow.None, error) {
			if in == "nap" {
				return nil, step.Sleep(ctx, "nap", time.Hour)
			}
			return nil, step.Do(ctx, "slow", func(context.Context) error { time.Sleep(time.Hour); return nil })
		})
		w, err := c.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(wf), Concurrency: 3})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Ready(); err == nil || w.Status().State != openworkflow.WorkerNew {
			t.Errorf("not started: %v, %+v", err, w.Status())
		}
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, in := range []string{"nap", "nap", "slow"} {
			if _, err := wf.Run(t.Context(), c, in); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		want := openworkflow.WorkerStatus{
			ID: w.ID(), State: openworkflow.WorkerClaiming, Concurrency: 3, Executing: 1, Holding: 1, Resident: 2, Claimed: 3,
		}
		if got := w.Status(); got != want || w.Ready() != nil || w.ID() == "" {
			t.Errorf("%+v, %v; want %+v", got, w.Ready(), want)
		}
		stopped := make(chan error)
		go func() { stopped <- w.Stop(t.Context()) }()
		synctest.Wait()
		if err := w.Ready(); err == nil || w.Status().State != openworkflow.WorkerStopping {
			t.Errorf("stopping: %v, %+v", err, w.Status())
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if err := w.Ready(); err == nil || w.Status().State != openworkflow.WorkerStopped {
			t.Errorf("stopped: %v, %+v", err, w.Status())
		}
	})
}
