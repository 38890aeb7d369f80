package interop_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// TestSignals: clients and steps of one language signal runs that the other one executes.
func TestSignals(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		sender, waiter := w.side(t, from), w.side(t, to)
		waiter.work(t, workflows("w"))
		data := map[string]any{"text": "é🙂", "list": []any{nil, 1.5}}
		var ids []string
		for range 3 {
			ids = append(ids, run(t, waiter, "w", ops(op{Do: "wait", Signal: "s"}, op{Do: "wait", Signal: "s"}, op{Do: "wait", Name: "n", Signal: "t"})))
		}
		for _, id := range ids {
			w.awaitParked(t, id)
		}
		slices.Sort(ids)
		if told := sender.signal(t, "s", data, "once"); !slices.Equal(told, ids) {
			t.Errorf("the first signal reached %v, want %v", told, ids)
		}
		if told := sender.signal(t, "s", "again", "once"); !slices.Equal(told, ids) {
			t.Errorf("the same signal again reached %v, want %v", told, ids)
		}
		if told := waiter.signal(t, "s", "again", "once"); !slices.Equal(told, ids) {
			t.Errorf("the same signal from the other language reached %v, want %v", told, ids)
		}
		if told := sender.signal(t, "nobody waits", nil, ""); len(told) != 0 {
			t.Errorf("a signal that nobody waits for reached %v", told)
		}
		w.awaitOpen(t, "s:1", 3)
		if told := sender.signal(t, "s", nil, ""); !slices.Equal(told, ids) {
			t.Errorf("the second signal reached %v, want %v", told, ids)
		}
		w.awaitOpen(t, "n", 3)
		sender.work(t, workflows("sender"))
		sent := run(t, sender, "sender", ops(op{Do: "send", Signal: "t", Value: 7}, op{Do: "send", Name: "named", Signal: "t"}))
		wantResult(t, sender, "sender", sent, from, ids, []any{})
		for _, id := range ids {
			wantResult(t, waiter, "w", id, to, got(data), got(nil), got(7))
		}
		w.completedOnce(t)
	})
}

// awaitOpen waits until so many waits of the name are open.
func (w *world) awaitOpen(t *testing.T, step string, n int) {
	t.Helper()
	w.eventually(t, "the waits "+step+" are open", func() bool {
		return w.count(`SELECT count(*) FROM {}.step_attempts a JOIN {}.workflow_runs r ON r.id = a.workflow_run_id
			WHERE a.step_name = $1 AND a.status = 'running' AND r.worker_id IS NULL`, step) == n
	})
}

// TestSentOnce: a step that sent its signal and died before it said so sends it again in the other language, with
// the same key.
func TestSentOnce(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		first := w.side(t, from)
		first.work(t, workflows("sender", "waiter"))
		waiting := run(t, first, "waiter", ops(op{Do: "wait", Signal: "s"}, op{Do: "wait", Signal: "s", MS: millis(3 * time.Second)}))
		w.awaitParked(t, waiting)
		sent := run(t, first, "sender", ops(op{Do: "send", Signal: "s", Value: 1}, op{Do: "run", Name: "a", Gate: from}))
		w.awaitGate(t, "1")
		w.awaitOpen(t, "s:1", 1)
		first.crash()
		// As if it had died before it recorded that the signal was sent.
		w.exec(`UPDATE `+w.schema+`.step_attempts SET status = 'running', output = NULL, finished_at = NULL WHERE workflow_run_id = $1 AND kind = 'signal-send'`, sent)
		w.expireLease(sent)
		second := w.side(t, to)
		second.work(t, workflows("sender", "waiter"))
		wantResult(t, second, "sender", sent, to, []any{waiting}, did(to, nil))
		wantResult(t, second, "waiter", waiting, to, got(1), nil)
	})
}

// TestKeptSignals: signals that Go keeps, for one run or for whoever waits next, reach waits of TypeScript.
func TestKeptSignals(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.golang(t), w.side(t, "ts")
		inGo.work(t, workflows("some Go workflow")) // the sweep is a worker's
		in := ops(op{Do: "run", Name: "a"}, op{Do: "wait", Signal: "mine"}, op{Do: "wait", Signal: "anyone's"})
		id := run(t, inGo, "w", in)
		h := openworkflow.Declare[any, any]("w").Handle(inGo.client, id)
		if err := h.Signal(testContext(t), "mine", "kept"); err != nil {
			t.Fatal(err)
		}
		if _, err := inGo.client.SendSignal(testContext(t), "anyone's", "buffered", openworkflow.WithBuffer(time.Hour)); err != nil {
			t.Fatal(err)
		}
		inTS.work(t, workflows("w"))
		wantResult(t, inTS, "w", id, "ts", did("ts", nil), got("kept"), got("buffered"))
	})
}

// TestSignalRace: both languages send to the same waits at once. Every wait gets one signal, and neither sender
// meets an error.
func TestSignalRace(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		const rounds = 15
		var list []op
		for range rounds {
			list = append(list, op{Do: "wait", Signal: "s"})
		}
		inGo.work(t, workflows("w"))
		inTS.work(t, workflows("w"))
		var ids []string
		for i := range 6 {
			ids = append(ids, run(t, []side{inGo, inTS}[i%2], "w", ops(list...)))
		}
		finished := make(chan struct{})
		sending := make(chan int, 2)
		for _, s := range []side{inGo, inTS} {
			go func() {
				told := 0
				defer func() { sending <- told }()
				for i := 0; ; i++ {
					select {
					case <-finished:
						return
					default:
						told += len(s.signal(t, "s", i, ""))
					}
				}
			}()
		}
		for _, id := range ids {
			if _, err := inGo.result(t, "w", id); err != nil {
				t.Error(err)
			}
		}
		close(finished)
		if told := <-sending + <-sending; told != rounds*len(ids) {
			t.Errorf("the senders were told of %d deliveries, want %d", told, rounds*len(ids))
		}
		w.completedOnce(t)
	})
}
