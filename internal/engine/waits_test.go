package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

func (h *house) signal(s domain.Signal) []string {
	h.t.Helper()
	s.ID, s.Key = domain.NewID(), domain.NewID()
	res, err := h.store.SendSignals(context.Background(), []domain.Signal{s})
	if err != nil || res[0].Err != nil {
		h.t.Fatal(err, res)
	}
	return res[0].RunIDs
}

func waitFor(s *engine.Scope, name string, timeout time.Duration) (string, bool, error) {
	raw, ok, err := s.WaitForSignal(s.Context(), engine.WaitCall{StepName: name, Signal: name, Timeout: timeout})
	return string(raw), ok, err
}

func TestSleepFreesTheSlotAndGoesOnWithoutReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t,
			workflow("sleeper", func(s *engine.Scope) (string, error) {
				calls.add("entered")
				begin := time.Now()
				if err := s.Sleep(s.Context(), "nap", 30*24*time.Hour); err != nil {
					return "", err
				}
				if slept := time.Since(begin); slept < 30*24*time.Hour || slept > 30*24*time.Hour+time.Second {
					t.Errorf("slept %v", slept)
				}
				return "awake", nil
			}),
			workflow("quick", func(*engine.Scope) (string, error) { return "done", nil }))
		h.conf = func(c *engine.WorkerConfig) { c.Concurrency = 1 }
		w := h.start()
		defer h.stop(w)
		ids := make([]string, 20)
		for i := range ids {
			ids[i] = h.create(domain.NewRun{WorkflowName: "sleeper"})
		}
		synctest.Wait()
		h.completed(h.create(domain.NewRun{WorkflowName: "quick"}), "done")
		time.Sleep(30 * 24 * time.Hour)
		for _, id := range ids {
			h.completed(id, "awake")
			if run := h.run(id); run.Attempts != 2 || run.Recoveries != 0 {
				t.Errorf("a sleep took %d claims, %d of them recoveries", run.Attempts, run.Recoveries)
			}
		}
		if calls.of("entered") != len(ids) {
			t.Errorf("%d runs entered their function %d times", len(ids), calls.of("entered"))
		}
	})
}

func TestParkedRunGoesOnInAnotherWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			a, err := step(s, "a", calls.constant("x"))
			if err != nil {
				return "", err
			}
			if err := s.Sleep(s.Context(), "nap", time.Hour); err != nil {
				return "", err
			}
			b, err := step(s, "b", calls.constant("y"))
			return a + b, err
		}))
		w := h.start()
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		h.stop(w)
		if run := h.run(id); !run.Parked() || run.AvailableAt.Before(time.Now().Add(59*time.Minute)) {
			t.Fatalf("after the stop the run is %+v", run)
		}
		second := h.start()
		defer h.stop(second)
		h.completed(id, "xy")
		if calls.of("x") != 1 || calls.of("y") != 1 {
			t.Errorf("steps ran %d and %d times", calls.of("x"), calls.of("y"))
		}
	})
}

func TestSignals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			data, ok, err := waitFor(s, "go", time.Hour)
			return fmt.Sprint(data, " ", ok), err
		}))
		w := h.start()
		defer h.stop(w)
		first, second := h.create(domain.NewRun{WorkflowName: "w"}), h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		if got := h.signal(domain.Signal{Name: "go", Data: json.RawMessage(`{"n":1}`)}); len(got) != 2 {
			t.Errorf("delivered to %v", got)
		}
		h.completed(first, `{"n":1} true`)
		h.completed(second, `{"n":1} true`)

		late := h.create(domain.NewRun{WorkflowName: "w"})
		begin := time.Now()
		h.completed(late, " false")
		if d := time.Since(begin); d < time.Hour || d > time.Hour+2*time.Second {
			t.Errorf("timed out after %v", d)
		}

		h.signal(domain.Signal{Name: "go", Buffer: 10 * time.Hour})
		h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "null true")

		addressed := h.create(domain.NewRun{WorkflowName: "w", StartAfter: time.Minute})
		h.signal(domain.Signal{Name: "go", RunID: addressed, Data: json.RawMessage(`7`)})
		h.completed(addressed, "7 true")
	})
}

func TestSignalReachesAWaitBesideWorkingBranches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			var answer string
			work := s.Go(s.Context(), engine.StepCall{Name: "work", Fn: encoded(func(context.Context) (string, error) {
				time.Sleep(10 * time.Minute)
				return "worked", nil
			})})
			begin := time.Now()
			data, _, err := waitFor(s, "go", 0)
			if err != nil {
				return "", err
			}
			if d := time.Since(begin); d > 2*time.Minute {
				t.Errorf("the signal came after %v", d)
			}
			answer, err = decoded(work.Wait())
			return data + answer, err
		}))
		w := h.start()
		defer h.stop(w)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		time.Sleep(time.Minute)
		if run := h.run(id); run.Parked() {
			t.Error("parked although a step is running")
		}
		h.signal(domain.Signal{Name: "go", Data: json.RawMessage(`1`)})
		h.completed(id, "1worked")
	})
}

func TestChildren(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		child := func(s *engine.Scope, name string, timeout time.Duration) (string, error) {
			return decoded(s.RunWorkflow(s.Context(), engine.ChildCall{StepName: name, Workflow: name, Timeout: timeout}))
		}
		var got error
		parent := func(name string, timeout time.Duration) engine.Definition {
			return workflow("parent-of-"+name, func(s *engine.Scope) (string, error) {
				out, err := child(s, name, timeout)
				got = err
				return out, err
			})
		}
		h := newHouse(t,
			workflow("good", func(s *engine.Scope) (string, error) { return "fine", s.Sleep(s.Context(), "nap", time.Hour) }),
			workflow("bad", func(*engine.Scope) (string, error) { return "", coded("declined") }),
			workflow("slow", func(s *engine.Scope) (string, error) { return "", s.Sleep(s.Context(), "nap", 20*time.Hour) }),
			parent("good", 0), parent("bad", 0), parent("slow", 2*time.Hour))
		w := h.start()
		defer h.stop(w)
		h.completed(h.create(domain.NewRun{WorkflowName: "parent-of-good"}), "fine")
		h.failed(h.create(domain.NewRun{WorkflowName: "parent-of-bad"}), nil)
		if !errors.Is(got, coded("declined")) {
			t.Errorf("the parent saw %v", got)
		}
		h.failed(h.create(domain.NewRun{WorkflowName: "parent-of-slow"}), domain.ErrStepTimeout)

		id := h.create(domain.NewRun{WorkflowName: "parent-of-slow"})
		synctest.Wait()
		childID := h.attempts(id)[0].ChildRunID
		if _, err := h.store.CancelRun(context.Background(), childID); err != nil {
			t.Fatal(err)
		}
		h.failed(id, domain.ErrRunCanceled)
	})
}

func TestParallelBranchesBesideFewSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls tally
		h := newHouse(t,
			workflow("child", func(s *engine.Scope) (string, error) { return "c", s.Sleep(s.Context(), "nap", time.Minute) }),
			workflow("w", func(s *engine.Scope) (string, error) {
				out := make([]string, 30)
				errs := make([]error, 30)
				var g sync.WaitGroup
				for i := range out {
					g.Go(func() {
						b := s.Branch(fmt.Sprint("branch", i))
						switch i % 3 {
						case 0:
							errs[i] = b.Sleep(b.Context(), "nap", time.Duration(i)*time.Second)
						case 1:
							out[i], errs[i] = decoded(b.RunWorkflow(b.Context(), engine.ChildCall{StepName: "child", Workflow: "child"}))
							return
						}
						if errs[i] == nil {
							out[i], errs[i] = step(b, "work", calls.constant("x"))
						}
					})
				}
				g.Wait()
				return strings.Join(out, ""), errors.Join(errs...)
			}))
		h.conf = func(c *engine.WorkerConfig) { c.Concurrency = 2 }
		w := h.start()
		defer h.stop(w)
		ids := []string{h.create(domain.NewRun{WorkflowName: "w"}), h.create(domain.NewRun{WorkflowName: "w"}), h.create(domain.NewRun{WorkflowName: "w"})}
		for _, id := range ids {
			h.completed(id, strings.Repeat("xcx", 10))
		}
		if calls.of("x") != 60 {
			t.Errorf("60 steps ran %d times", calls.of("x"))
		}
	})
}

func TestSendSignalStepWakesAnotherRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t,
			workflow("waiter", func(s *engine.Scope) (string, error) {
				data, _, err := waitFor(s, "go", 0)
				return data, err
			}),
			workflow("sender", func(s *engine.Scope) (string, error) {
				ids, err := s.SendSignal(s.Context(), engine.SendCall{StepName: "send", Signal: "go", Data: json.RawMessage(`"hi"`)})
				return strings.Join(ids, ","), err
			}))
		w := h.start()
		defer h.stop(w)
		waiter := h.create(domain.NewRun{WorkflowName: "waiter"})
		synctest.Wait()
		h.completed(h.create(domain.NewRun{WorkflowName: "sender"}), waiter)
		h.completed(waiter, `"hi"`)
	})
}
