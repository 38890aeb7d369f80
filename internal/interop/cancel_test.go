package interop_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// TestCancel: one language cancels what the other one has pending, executes, or has parked.
func TestCancel(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		canceler, worker := w.side(t, from), w.side(t, to)
		pending := worker.start(t, "w", ops(op{Do: "run", Name: "a"}), startOptions{after: time.Hour})
		worker.work(t, workOptions{workflows: workflows("w").workflows, lease: 3 * time.Second})
		running := run(t, worker, "w", ops(op{Do: "run", Name: "a", Gate: to}, op{Do: "run", Name: "b"}))
		asleep := run(t, worker, "w", ops(op{Do: "sleep", Name: "nap", MS: millis(time.Hour)}, op{Do: "run", Name: "b"}))
		waiting := run(t, worker, "w", ops(op{Do: "wait", Signal: "s"}, op{Do: "run", Name: "b"}))
		done := run(t, worker, "w", ops())
		w.awaitGate(t, "0")
		w.awaitParked(t, asleep)
		w.awaitParked(t, waiting)
		if _, err := canceler.result(t, "w", done); err != nil {
			t.Fatal(err)
		}
		for name, id := range map[string]string{"pending": pending, "running": running, "asleep": asleep, "waiting": waiting} {
			for range 2 { // again is harmless
				if err := canceler.cancel(id); err != nil {
					t.Errorf("cancelling the run that is %s: %v", name, err)
				}
			}
			for _, reader := range []side{canceler, worker} {
				if _, err := reader.result(t, "w", id); err == nil || !contains(err.Error(), "canceled") {
					t.Errorf("the result of the canceled run that was %s: %v", name, err)
				}
			}
		}
		if err := canceler.cancel(done); err == nil {
			t.Error("a completed run was canceled")
		}
		if told := canceler.signal(t, "s", nil, ""); from == "go" && len(told) != 0 {
			t.Errorf("a signal reached the canceled runs %v", told)
		}
		if to == "go" { // the context of its step ends; TypeScript's go on, and are not recorded
			w.awaitGate(t, "0 canceled")
		}
		worker.open(t)
		after := run(t, canceler, "w", ops(op{Do: "run", Name: "after"}))
		wantResult(t, canceler, "w", after, to, did(to, nil))
		worker.stop(t)
		for _, id := range []string{pending, running, asleep, waiting} {
			if r := canceler.read(t, id); r.Status != "canceled" || r.Output != nil {
				t.Errorf("a canceled run became %s with output %v", r.Status, r.Output)
			}
		}
		w.wantExecutions(t, running, "1")
	})
}

// TestDeadline: a deadline that one language sets holds in the other.
func TestDeadline(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		client, worker := w.side(t, from), w.side(t, to)
		worker.work(t, workOptions{workflows: workflows("w").workflows, lease: 3 * time.Second})
		soon := startOptions{deadline: 2 * time.Second}
		runs := map[string]string{
			"asleep":  client.start(t, "w", ops(op{Do: "sleep", Name: "nap", MS: millis(time.Hour)}), soon),
			"waiting": client.start(t, "w", ops(op{Do: "wait", Signal: "s"}), soon),
			"pending": client.start(t, "w", ops(), startOptions{deadline: 2 * time.Second, after: time.Hour}),
			"retried": client.start(t, "w", ops(op{Do: "run", Name: "a", Fail: to, Message: "no luck", Attempts: 1000}), soon),
		}
		long := client.start(t, "w", ops(op{Do: "sleep", Name: "nap", MS: millis(100 * time.Millisecond)}), startOptions{deadline: time.Hour})
		wantResult(t, client, "w", long, to, nil)
		for name, id := range runs {
			for _, reader := range []side{client, worker} {
				_, err := reader.result(t, "w", id)
				if name == "retried" { // its last failure, if the next try would be too late, or the deadline
					if err == nil {
						t.Error("a run that was retried beyond its deadline did not fail")
					}
					continue
				}
				wantFailure(t, err, "deadline exceeded")
				if _, inGo := reader.(*goSide); inGo && !errors.Is(err, openworkflow.ErrDeadlineExceeded) {
					t.Errorf("%s: Go's client gives %v", name, err)
				}
			}
		}
	})
}

// TestCancelRace: Go cancels runs while TypeScript sends them what they wait for. TypeScript, which does not try
// again after a deadlock, meets no error.
func TestCancelRace(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		inGo.work(t, workflows("w"))
		var list []op
		for range 20 {
			list = append(list, op{Do: "wait", Signal: "s"})
		}
		var ids []string
		for range 20 {
			ids = append(ids, run(t, inGo, "w", ops(list...)))
		}
		w.awaitOpen(t, "s", len(ids))
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					inTS.signal(t, "s", nil, "")
				}
			}
		}()
		canceled := int64(0)
		for _, id := range ids {
			if err := inGo.cancel(id); err == nil {
				canceled++
			} else if !errors.Is(err, openworkflow.ErrRunFinished) {
				t.Error(err)
			}
		}
		close(stop)
		<-stopped
		w.eventually(t, "all runs have ended", func() bool {
			inTS.signal(t, "s", nil, "")
			c := inGo.counts(t)
			return c.Canceled == canceled && c.Completed == int64(len(ids))-canceled
		})
		w.completedOnce(t)
	})
}
