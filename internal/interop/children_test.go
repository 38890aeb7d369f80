package interop_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// TestChildren: a parent in one language runs children that only the other one executes, in one namespace.
func TestChildren(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		parents, children := w.side(t, from), w.side(t, to)
		parents.work(t, workflows("parent"))
		children.work(t, workOptions{workflows: []registration{{Name: "child"}, {Name: "child", Version: "v2"}, {Name: "echo"}}})
		failing := ops(op{Do: "throw", Fail: to, Message: "no luck", Type: "thrownError"})
		id := run(t, parents, "parent", ops(
			op{Do: "child", Workflow: "echo", Input: map[string]any{"é": []any{nil, 1.5}}},
			op{Do: "child", Name: "named", Workflow: "child", Version: "v2", Input: ops(op{Do: "run", Name: "a"}, op{Do: "sleep", Name: "s", MS: millis(50 * time.Millisecond)})},
			op{Do: "child", Workflow: "child", Input: failing, Catch: true},
		))
		failed := run(t, parents, "parent", ops(op{Do: "child", Workflow: "child", Input: failing}))
		wantResult(t, parents, "parent", id, from,
			map[string]any{"é": []any{nil, 1.5}},
			report{By: to, Results: []any{did(to, nil), nil}},
			map[string]any{"caught": "no luck", "type": "thrownError"})
		_, err := parents.result(t, "parent", failed)
		wantFailure(t, err, "no luck")
		if n := w.count(`SELECT count(*) FROM {}.workflow_runs WHERE parent_step_attempt_id IS NOT NULL`); n != 4 {
			t.Errorf("there are %d children, want 4", n)
		}
		w.completedOnce(t)
	})
}

// wantFailure checks the error that a client gives for a failed run.
func wantFailure(t *testing.T, err error, message string) {
	t.Helper()
	if err == nil || !contains(err.Error(), message) {
		t.Errorf("the client's error is %v; it does not say %q", err, message)
	}
}

// TestChildOutcomes: what becomes of a child that is canceled, or not done in time, reaches the parent.
func TestChildOutcomes(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		parents, others := w.side(t, from), w.side(t, to)
		parents.work(t, workflows("parent"))
		child := func() string {
			var id string
			w.eventually(t, "there is a child", func() bool {
				runs := parents.list(t, "child", 10)
				if len(runs) > 0 {
					id = runs[0]
				}
				return id != ""
			})
			return id
		}
		id := run(t, parents, "parent", ops(op{Do: "child", Workflow: "child", Catch: true, Input: ops()}))
		w.awaitParked(t, id)
		if err := others.cancel(child()); err != nil {
			t.Fatal(err)
		}
		got, err := parents.result(t, "parent", id)
		if err != nil || !contains(canonical(t, got), "canceled") {
			t.Errorf("the parent of a canceled child: %v, %v", got, err)
		}
		late := run(t, parents, "parent", ops(op{Do: "child", Workflow: "late child", MS: millis(500 * time.Millisecond), Input: ops()}))
		_, err = others.result(t, "parent", late)
		if err == nil {
			t.Error("the parent of a child that is late did not fail")
		}
		if from == "go" { // its timeout has an identity that survives the reader in TypeScript
			_, err := parents.result(t, "parent", late)
			if !errors.Is(err, openworkflow.ErrStepTimeout) {
				t.Errorf("the client's error is %v", err)
			}
		}
	})
}

// TestMixedNames: workers of both languages in one namespace, registered for different workflows. TypeScript takes
// whatever is due and puts off what it does not know, for longer each time; Go's sweep calls that back.
func TestMixedNames(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		names := []registration{{Name: "only go"}, {Name: "only go", Version: "v1"}}
		in := ops(op{Do: "run", Name: "a"}, op{Do: "sleep", Name: "s", MS: millis(300 * time.Millisecond)}, op{Do: "run", Name: "b"})
		inTS.work(t, workflows("only ts"))
		var ids []string
		for i := range 12 {
			ids = append(ids, inTS.start(t, "only go", in, startOptions{version: names[i%2].Version}))
		}
		w.eventually(t, "TypeScript puts the runs off", func() bool {
			return w.count(`SELECT count(*) FROM {}.workflow_runs WHERE error ->> 'message' LIKE '%is not registered'`) == len(ids)
		})
		// As after a few more rounds, when the next one is minutes away.
		w.exec(`UPDATE ` + w.schema + `.workflow_runs SET attempts = 7, available_at = now() + interval '5 minutes' WHERE status = 'pending'`)
		inGo.work(t, workOptions{workflows: names})
		began := time.Now()
		for i := range 6 {
			ids = append(ids, inGo.start(t, "only ts", in, startOptions{}), inGo.start(t, "only go", in, startOptions{version: names[i%2].Version}))
		}
		for i, id := range ids {
			by, name := "go", "only go"
			if i >= 12 && i%2 == 0 {
				by, name = "ts", "only ts"
			}
			wantResult(t, inGo, name, id, by, did(by, nil), nil, did(by, nil))
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %v: the runs waited for TypeScript's back-off", took)
		}
		w.completedOnce(t)
	})
}

// TestManyChildren: parents and children of both languages, all in one namespace.
func TestManyChildren(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		inGo.work(t, workflows("go parent", "echo go"))
		inTS.work(t, workflows("ts parent", "echo ts"))
		ids := map[string]string{}
		for i := range 8 {
			lang := sides[i%2]
			in := ops(
				op{Do: "child", Workflow: "echo " + other(lang), Input: i},
				op{Do: "child", Workflow: "echo " + lang, Input: i + 1},
				op{Do: "child", Workflow: "echo " + other(lang), Input: i + 2},
			)
			ids[run(t, []side{inGo, inTS}[i/4], lang+" parent", in)] = fmt.Sprint(lang, " ", i)
		}
		for id, what := range ids {
			var lang string
			var i int
			if _, err := fmt.Sscan(what, &lang, &i); err != nil {
				t.Fatal(err)
			}
			wantResult(t, inGo, lang+" parent", id, lang, i, i+1, i+2)
		}
		w.completedOnce(t)
	})
}

// TestDeadlineOfUnknown pins a limit of TypeScript's: it fails a run that it does not know when the deadline comes
// before its next try, whoever else knows the workflow.
func TestDeadlineOfUnknown(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		inTS.work(t, workflows("only ts"))
		id := inGo.start(t, "only go", ops(), startOptions{deadline: 4 * time.Second})
		_, err := inGo.result(t, "only go", id)
		wantFailure(t, err, `Workflow "only go" is not registered`)
	})
}
