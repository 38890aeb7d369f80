package interop_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// TestGoErrors: what failed in Go is read in TypeScript, and its identity survives.
func TestGoErrors(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		inGo.work(t, workflows("w"))
		coded := func(do string) script {
			return ops(op{Do: do, Name: "a", Fail: "go", Message: "card é", Code: "card-declined", Attempts: 1})
		}
		ofStep, ofRun := run(t, inTS, "w", coded("run")), run(t, inTS, "w", coded("throw"))
		typed := run(t, inTS, "w", ops(op{Do: "throw", Fail: "go", Message: "typed", Type: "thrownError"}))
		for _, id := range []string{ofStep, ofRun} {
			_, err := inTS.result(t, "w", id)
			wantFailure(t, err, "card é")
			wantFailure(t, err, `"code":"card-declined"`)
			_, err = inGo.result(t, "w", id)
			var failed *openworkflow.RunFailedError
			if !errors.As(err, &failed) || !errors.Is(err, openworkflow.ErrorCode("card-declined")) || !contains(failed.Message, "card é") {
				t.Errorf("Go's client gives %v", err)
			}
		}
		_, err := inTS.result(t, "w", typed)
		wantFailure(t, err, `"name":"thrownError"`)
	})
}

// TestTypeScriptErrors: what failed in TypeScript is read in Go.
func TestTypeScriptErrors(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		inTS.work(t, workflows("w"))
		inGo.work(t, workflows("parent"))
		var failures, parents []string
		for _, do := range []string{"run", "throw"} {
			in := ops(op{Do: do, Name: "a", Fail: "ts", Message: "no é", Type: "RangeError", Attempts: 1})
			failures = append(failures, run(t, inGo, "w", in))
			parents = append(parents, run(t, inGo, "parent", ops(op{Do: "child", Workflow: "w", Input: in, Catch: true})))
		}
		for _, id := range failures {
			_, err := inGo.result(t, "w", id)
			var failed *openworkflow.RunFailedError
			if !errors.As(err, &failed) || failed.Type != "RangeError" || failed.Message != "no é" || failed.RunID != id {
				t.Errorf("Go's client gives %#v", err)
			}
			if r := inGo.read(t, id); r.Error == nil || r.Error.Stack == "" {
				t.Errorf("the stack of TypeScript's error is lost: %v", r.Error)
			}
		}
		for _, id := range parents {
			wantResult(t, inGo, "parent", id, "go", map[string]any{"caught": "no é", "type": "RangeError"})
		}
	})
}

// TestStepRetries: a step's failures in one language count in the other.
func TestStepRetries(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		const budget = 6
		first := w.side(t, from)
		first.work(t, workflows("w"))
		failing := run(t, first, "w", ops(op{Do: "run", Name: "a"}, op{Do: "run", Name: "b", Fail: "both", Message: "no luck", Attempts: budget}))
		healed := run(t, first, "w", ops(op{Do: "run", Name: "a"}, op{Do: "run", Name: "b", Fail: from, Message: "no luck", Attempts: 1000}))
		w.eventually(t, "two attempts have failed", func() bool {
			return w.count(`SELECT count(*) FROM {}.step_attempts WHERE status = 'failed' AND workflow_run_id = $1`, failing) >= 2 &&
				w.count(`SELECT count(*) FROM {}.step_attempts WHERE status = 'failed' AND workflow_run_id = $1`, healed) >= 2
		})
		first.stop(t)
		second := w.side(t, to)
		second.work(t, workflows("w"))
		wantResult(t, second, "w", healed, to, did(from, nil), did(to, nil))
		_, err := second.result(t, "w", failing)
		wantFailure(t, err, "no luck")
		if n := len(w.executions(failing, "1")); n != budget {
			t.Errorf("the step was tried %d times, want its budget of %d", n, budget)
		}
		w.wantExecutions(t, failing, "0", from)
		w.completedOnce(t)
	})
}

// TestRetryLeftToTheOther: the failures are one language's, the next try is the other one's from the start.
func TestRetryLeftToTheOther(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		first := w.side(t, from)
		first.work(t, workflows("w"))
		id := run(t, first, "w", ops(
			op{Do: "run", Name: "flaky", Fail: from, Message: "no luck"}, // the default policy: again after 1 s, 2 s, …
			op{Do: "run", Name: "flaky"},
		))
		w.eventually(t, "an attempt has failed", func() bool {
			return w.count(`SELECT count(*) FROM {}.step_attempts WHERE status = 'failed'`) == 1
		})
		first.stop(t)
		second := w.side(t, to)
		second.work(t, workflows("w"))
		wantResult(t, second, "w", id, to, did(to, nil), did(to, nil))
		if n := w.count(`SELECT (extract(epoch FROM max(started_at) - min(finished_at)) * 1000)::int FROM {}.step_attempts WHERE step_name = 'flaky'`); n < 900 {
			t.Errorf("the retry came after %d ms, before its time", n)
		}
	})
}

// TestWorkflowRetries: a workflow that failed in one language is tried again in the other.
func TestWorkflowRetries(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		first, second := w.side(t, from), w.side(t, to)
		patient := workOptions{workflows: []registration{{Name: "w", Attempts: 1000}}}
		first.work(t, patient)
		id := run(t, first, "w", ops(op{Do: "run", Name: "a"}, op{Do: "throw", Fail: from, Message: "no luck"}))
		w.eventually(t, "the workflow is retried", func() bool {
			return w.count(`SELECT count(*) FROM {}.workflow_runs WHERE attempts >= 2 AND error ->> 'message' = 'no luck'`) == 1
		})
		first.stop(t)
		second.work(t, patient)
		wantResult(t, second, "w", id, to, did(from, nil), nil)
		w.wantExecutions(t, id, "0", from)
		if r := second.read(t, id); r.Error != nil {
			t.Errorf("the completed run keeps the error %v", r.Error)
		}
	})
}

// TestStepLimit: a run that one language made longer than the other one allows ends with an error that both know.
func TestStepLimit(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		id := run(t, inGo, "w", ops(op{Do: "sleep", Name: "s", MS: millis(time.Millisecond)}, op{Do: "run", Name: "a"}))
		w.exec(`INSERT INTO `+w.schema+`.step_attempts (namespace_id, id, workflow_run_id, step_name, kind, status, config, output, started_at, finished_at, created_at, updated_at)
			SELECT 'default', 'made-' || i, $1, 'made:' || i, 'function', 'completed', '{}', 'null', now(), now(), now(), now() FROM generate_series(1, 1000) i`, id)
		inTS.work(t, workflows("w"))
		_, err := inGo.result(t, "w", id)
		if !errors.Is(err, openworkflow.ErrStepLimitExceeded) {
			t.Errorf("Go's client gives %v", err)
		}
	})
}
