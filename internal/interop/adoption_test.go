package interop_test

import (
	"testing"
	"time"
)

// TestAdoption: Go adopts a database in which TypeScript has left runs in every state. Both read all of it alike,
// and finish what is open.
//
// TypeScript services are stopped meanwhile, as they have to be: the driver postgres.js 3.4.9 encodes JSON twice
// when it repeats a statement whose result got new columns.
func TestAdoption(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ts")
	first := w.side(t, "ts")
	first.work(t, workflows("w"))
	open := map[string]string{
		"sleeping": run(t, first, "w", ops(op{Do: "run", Name: "a"}, op{Do: "sleep", Name: "nap", MS: millis(3 * time.Second)})),
		"waiting":  run(t, first, "w", ops(op{Do: "run", Name: "a"}, op{Do: "wait", Signal: "s"})),
		"parent":   run(t, first, "w", ops(op{Do: "run", Name: "a"}, op{Do: "child", Workflow: "echo", Input: "child"})),
		"retrying": run(t, first, "w", ops(op{Do: "run", Name: "a"}, op{Do: "run", Name: "b", Fail: "ts", Message: "no luck", Attempts: 1000})),
		"dead":     run(t, first, "w", ops(op{Do: "run", Name: "a"}, op{Do: "run", Name: "b", Gate: "ts"})),
	}
	completed := run(t, first, "w", ops(op{Do: "run", Name: "a", Value: "é"}))
	failed := run(t, first, "w", ops(op{Do: "throw", Fail: "ts", Message: "no luck"}))
	canceled := first.start(t, "w", ops(), startOptions{after: time.Hour})
	if err := first.cancel(canceled); err != nil {
		t.Fatal(err)
	}
	open["pending"] = first.start(t, "w", ops(op{Do: "run", Name: "a"}), startOptions{after: 2 * time.Second})
	for _, run := range []string{open["sleeping"], open["waiting"], open["parent"]} {
		w.awaitParked(t, run)
	}
	w.awaitGate(t, "1")
	w.eventually(t, "a run has ended each way", func() bool {
		c := first.counts(t)
		return c.Completed == 1 && c.Failed == 1 && c.Canceled == 1
	})
	before := first.counts(t)
	steps := first.steps(t, completed, 10)
	first.crash()

	inGo := w.side(t, "go") // migrates
	if c := inGo.counts(t); c.Completed+c.Failed+c.Canceled != before.Completed+before.Failed+before.Canceled ||
		c.Pending+c.Running != before.Pending+before.Running {
		t.Errorf("Go counts %+v, TypeScript had counted %+v", c, before)
	}
	wantResult(t, inGo, "w", completed, "ts", did("ts", "é"))
	wantJSON(t, inGo.steps(t, completed, 10), steps)
	_, err := inGo.result(t, "w", failed)
	wantFailure(t, err, "no luck")
	if r := inGo.read(t, canceled); r.Status != "canceled" {
		t.Errorf("the canceled run is %s", r.Status)
	}
	for _, run := range open {
		w.expireLease(run)
	}
	inGo.signal(t, "s", 1, "")
	inGo.work(t, workflows("w", "echo"))
	inTS := w.side(t, "ts")
	inTS.work(t, workflows("w", "echo"))
	for name, id := range open {
		if _, err := inGo.result(t, "w", id); err != nil {
			t.Errorf("the run that was %s: %v", name, err)
		}
		if name != "pending" {
			w.wantExecutions(t, id, "0", "ts")
		}
	}
	w.completedOnce(t)
}
