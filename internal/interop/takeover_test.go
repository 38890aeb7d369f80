package interop_test

import (
	"testing"
	"time"
)

// TestKilledWorker: a worker dies in the middle of a step, and the other language finishes the run. What was
// completed is not done again, the step under way is, and names that repeat mean the same in both.
func TestKilledWorker(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		first := w.side(t, from)
		first.work(t, workflows("w"))
		id := run(t, first, "w", ops(
			op{Do: "run", Name: "a", Value: map[string]any{"n": 1}},
			op{Do: "run", Name: "a", Value: nil},
			op{Do: "run", Name: "b", Gate: from},
			op{Do: "run", Name: "a", Value: "last"},
		))
		w.awaitGate(t, "2")
		w.eventually(t, "the step under way has its row", func() bool {
			return w.count(`SELECT count(*) FROM {}.step_attempts WHERE step_name = 'b' AND status = 'running'`) == 1
		})
		first.crash()
		w.expireLease(id)
		second := w.side(t, to)
		second.work(t, workflows("w"))
		wantResult(t, second, "w", id, to, did(from, map[string]any{"n": 1}), did(from, nil), did(to, nil), did(to, "last"))
		w.wantExecutions(t, id, "0", from)
		w.wantExecutions(t, id, "1", from)
		w.wantExecutions(t, id, "2", from, to)
		w.wantExecutions(t, id, "3", to)
		w.completedOnce(t)
		if n := w.count(`SELECT count(*) FROM {}.step_attempts WHERE status = 'completed' AND step_name IN ('a', 'a:1', 'a:2', 'b')`); n != 4 {
			t.Errorf("%d steps are completed under the names of both languages, want 4", n)
		}
	})
}

// TestStoppedWorker: a Go worker gives its runs back between steps, a TypeScript worker when they are parked.
func TestStoppedWorker(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		first := w.side(t, from)
		first.work(t, workflows("w"))
		id := run(t, first, "w", ops(
			op{Do: "run", Name: "a", Gate: from},
			op{Do: "sleep", Name: "nap", MS: millis(10 * time.Millisecond)},
			op{Do: "run", Name: "b"},
		))
		w.awaitGate(t, "0")
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			first.stop(t)
		}()
		first.open(t)
		<-stopped
		second := w.side(t, to)
		second.work(t, workflows("w"))
		wantResult(t, second, "w", id, to, did(from, nil), nil, did(to, nil))
		w.wantExecutions(t, id, "0", from)
		w.wantExecutions(t, id, "2", to)
		w.completedOnce(t)
	})
}

// parking is what a run waits for while it changes its language.
type parking struct {
	op      op
	settled func(t *testing.T, w *world) // before its first worker stops
	arrive  func(t *testing.T, from, to side)
	also    []string // what the second worker executes besides
	want    func(w *world, run string) any
}

func parkings() map[string]parking {
	is := func(want any) func(*world, string) any { return func(*world, string) any { return want } }
	return map[string]parking{
		"sleep": {
			op:   op{Do: "sleep", Name: "nap", MS: millis(2 * time.Second)},
			want: is(nil),
		},
		"signal": {
			op:     op{Do: "wait", Signal: "go on"},
			arrive: func(t *testing.T, _, to side) { to.signal(t, "go on", map[string]any{"ok": true}, "") },
			want:   is(got(map[string]any{"ok": true})),
		},
		"signal timeout": {
			op:   op{Do: "wait", Name: "other name", Signal: "never", MS: millis(2 * time.Second)},
			want: is(nil),
		},
		"child": {
			op:   op{Do: "child", Workflow: "echo", Input: "child"},
			also: []string{"echo"},
			want: is("child"),
		},
		"child of the first": {
			op:     op{Do: "child", Name: "named", Workflow: "echo", Input: []any{1}},
			arrive: func(t *testing.T, from, _ side) { from.work(t, workflows("echo")) },
			want:   is([]any{1}),
		},
		"branches": {
			op: op{Do: "all", Ops: []op{
				{Do: "wait", Signal: "go on"}, {Do: "run", Name: "beside"}, {Do: "sleep", Name: "nap", MS: millis(time.Second)},
			}},
			settled: func(t *testing.T, w *world) { w.awaitOpen(t, "go on", 1) },
			arrive:  func(t *testing.T, from, _ side) { from.signal(t, "go on", nil, "") },
			want: func(w *world, run string) any { // TypeScript drops the branches that are under way when a run parks
				by := w.executions(run, "1.1")
				return []any{got(nil), did(by[len(by)-1], nil), nil}
			},
		},
	}
}

// TestParkedRuns: a run parks in one language, and the other one goes on when what it waits for is there.
func TestParkedRuns(t *testing.T) {
	t.Parallel()
	for name, p := range parkings() {
		t.Run(name, func(t *testing.T) {
			directions(t, func(t *testing.T, w *world, from, to string) { parked(t, w, p, from, to) })
		})
	}
}

func parked(t *testing.T, w *world, p parking, from, to string) {
	t.Helper()
	first := w.side(t, from)
	first.work(t, workflows("w"))
	id := run(t, first, "w", ops(op{Do: "run", Name: "a"}, p.op, op{Do: "run", Name: "a"}))
	w.awaitParked(t, id)
	if p.settled != nil {
		p.settled(t, w)
	}
	first.stop(t)
	second := w.side(t, to)
	if p.arrive != nil {
		p.arrive(t, first, second)
	}
	second.work(t, workflows(append(p.also, "w")...))
	out, err := second.result(t, "w", id)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON(t, out, report{By: to, Results: []any{did(from, nil), p.want(w, id), did(to, nil)}})
	w.wantExecutions(t, id, "0", from)
	w.wantExecutions(t, id, "2", to)
	w.completedOnce(t)
	w.wantNoEarlyEnd(t)
	if n := w.count(`SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM {}.step_attempts WHERE kind <> 'function' GROUP BY step_name) s`); n != 1 {
		t.Errorf("a wait has %d attempts: it began anew", n)
	}
}

// wantNoEarlyEnd checks that no sleep or timeout ended before its time.
func (w *world) wantNoEarlyEnd(t *testing.T) {
	t.Helper()
	if n := w.count(`SELECT count(*) FROM {}.step_attempts WHERE kind <> 'function' AND output IS NOT DISTINCT FROM 'null'
		AND finished_at < coalesce(context ->> 'resumeAt', context ->> 'timeoutAt')::timestamptz`); n != 0 {
		t.Errorf("%d waits ended before their time", n)
	}
}

// TestBackAndForth: a run changes its language at every wait.
func TestBackAndForth(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		var list []op
		for range 4 {
			list = append(list, op{Do: "run", Name: "step"}, op{Do: "wait", Signal: "next"})
		}
		langs := []string{from, to, from, to}
		var id string
		var want []any
		for i, lang := range langs {
			s := w.side(t, lang)
			if i == 0 {
				id = run(t, s, "w", ops(list...))
			} else {
				s.signal(t, "next", i, "")
			}
			s.work(t, workflows("w"))
			w.eventually(t, "the run waits again", func() bool {
				return w.count(`SELECT count(*) FROM {}.step_attempts WHERE kind = 'signal-wait' AND status = 'running'
					AND NOT EXISTS (SELECT FROM {}.workflow_signals s WHERE s.step_attempt_id = step_attempts.id)`) == 1
			})
			w.awaitParked(t, id)
			s.stop(t)
			want = append(want, did(lang, nil), got(i+1))
		}
		last := w.side(t, from)
		last.signal(t, "next", len(langs), "")
		last.work(t, workflows("w"))
		wantResult(t, last, "w", id, from, want...)
		w.completedOnce(t)
	})
}
