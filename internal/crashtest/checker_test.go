//go:build unix

package crashtest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

const ms = int64(time.Millisecond)

// healthy is the evidence of a few runs that went as they should, one of them through the hands of two workers.
func healthy() *evidence {
	e := &evidence{
		lease: time.Second,
		runs: []openworkflow.Run{
			{ID: "chain-1", WorkflowName: "chain", IdempotencyKey: "c", Status: openworkflow.RunCompleted, Output: json.RawMessage(`{"one":"1-1","nap":"slept"}`)},
			{ID: "doomed-1", WorkflowName: "doomed", IdempotencyKey: "d", Status: openworkflow.RunFailed, Error: &openworkflow.RunError{Code: "planned"}},
			{ID: "stubborn-1", WorkflowName: "stubborn", IdempotencyKey: "s", Status: openworkflow.RunCompleted, Failures: 2, Output: json.RawMessage(`{"one":"1-9"}`)},
			{ID: "endless-1", WorkflowName: "endless", IdempotencyKey: "e", Status: openworkflow.RunCanceled},
			{ID: "inbox-1", WorkflowName: "inbox", IdempotencyKey: "i", Status: openworkflow.RunCompleted, Output: json.RawMessage(`{"note":"b","note:1":"a"}`)},
			{ID: "receiver-1", WorkflowName: "receiver", IdempotencyKey: "pair-1-to", Status: openworkflow.RunCompleted, Output: json.RawMessage(`{"receive":"pair-1","twice":"timed out"}`)},
			{ID: "news-1", WorkflowName: "news", IdempotencyKey: "n", Status: openworkflow.RunCompleted, Output: json.RawMessage(`{"news":"news 1","news:1":"timed out"}`)},
			{ID: "family-1", WorkflowName: "family", IdempotencyKey: "f", Status: openworkflow.RunCompleted, Output: json.RawMessage(`{"good":"x"}`)},
			{ID: "child-1", WorkflowName: "child", ParentAttemptID: "fa1", Status: openworkflow.RunCompleted, Output: json.RawMessage(`{"first":"1-7"}`)},
			{ID: "child-2", WorkflowName: "bad-child", ParentAttemptID: "fa2", Status: openworkflow.RunFailed, Error: &openworkflow.RunError{Code: "planned"}},
		},
		created:  []creation{{"c", "chain", []string{"chain-1", "chain-1"}}, {"e", "endless", []string{"endless-1"}}},
		signals:  map[string][]string{"inbox-1": {"a", "b"}},
		news:     map[string]bool{"news 1": true},
		canceled: map[string]int64{"endless-1": 100 * ms},
		results:  map[string]report{"chain-1": {"one": "1-1", "nap": "slept"}},
		fates:    map[int]*fate{1: {frozen: []span{{500 * ms, 600 * ms}}}, 2: {}},
	}
	e.step("chain-1", "one", "ca1", "1-1", 1)
	e.see("chain-1", "one", "1-1", 30, 2) // replayed in the other worker
	e.effects = append(e.effects, effect{At: 40 * ms, Mark: markCall, Run: "chain-1", Step: "nap", Due: 140 * ms})
	e.wait("chain-1", "nap", openworkflow.KindSleep, "slept", 141)
	for i := range doomedBudget {
		e.fail("doomed-1", "fails", fmt.Sprintf("da%d", i), int64(10+i))
	}
	e.step("stubborn-1", "one", "sa1", "1-9", 1)
	e.step("endless-1", "round-0/tick", "ea1", "1-5", 1)
	e.wait("inbox-1", "note", openworkflow.KindSignalWait, "b", 10)
	e.wait("inbox-1", "note:1", openworkflow.KindSignalWait, "a", 20)
	e.wait("receiver-1", "receive", openworkflow.KindSignalWait, "pair-1", 10)
	e.wait("receiver-1", "twice", openworkflow.KindSignalWait, timedOut, 20)
	e.wait("news-1", "news", openworkflow.KindSignalWait, "news 1", 10)
	e.wait("news-1", "news:1", openworkflow.KindSignalWait, timedOut, 20)
	e.wait("family-1", "good", openworkflow.KindWorkflow, "x", 30)
	e.step("child-1", "first", "ka1", "1-7", 1)
	for i := range badChildBudget {
		e.fail("child-2", "fails", fmt.Sprintf("ba%d", i), int64(10+i))
	}
	e.attempts = append(e.attempts, openworkflow.StepAttempt{ID: "fa2", RunID: "family-1", StepName: "bad", Kind: openworkflow.KindWorkflow,
		Status: openworkflow.StepFailed, Error: &openworkflow.RunError{Code: "planned"}, ChildRunID: "child-2"})
	e.row("good").ID, e.row("good").ChildRunID = "fa1", "child-1"
	return e
}

// step adds a function step that a worker executed at 10 ms.
func (e *evidence) step(run, name, attempt, value string, worker int) {
	e.effects = append(e.effects,
		effect{At: 10 * ms, Worker: worker, Mark: markStart, Run: run, Step: name, Attempt: attempt},
		effect{At: 11 * ms, Worker: worker, Mark: markEnd, Run: run, Step: name, Attempt: attempt, Value: value})
	e.see(run, name, value, 12, worker)
	e.attempts = append(e.attempts, openworkflow.StepAttempt{ID: attempt, RunID: run, StepName: name,
		Kind: openworkflow.KindFunction, Status: openworkflow.StepCompleted, Output: json.RawMessage(fmt.Sprintf("%q", value))})
}

func (e *evidence) see(run, name, value string, at int64, worker int) {
	e.effects = append(e.effects, effect{At: at * ms, Worker: worker, Mark: markAck, Run: run, Step: name, Value: value})
}

func (e *evidence) fail(run, name, attempt string, at int64) {
	e.effects = append(e.effects,
		effect{At: at * ms, Worker: 1, Mark: markStart, Run: run, Step: name, Attempt: attempt},
		effect{At: at * ms, Worker: 1, Mark: markEnd, Run: run, Step: name, Attempt: attempt, Failed: true})
	e.attempts = append(e.attempts, openworkflow.StepAttempt{ID: attempt, RunID: run, StepName: name,
		Kind: openworkflow.KindFunction, Status: openworkflow.StepFailed, Error: &openworkflow.RunError{Code: "planned"}})
}

func (e *evidence) wait(run, name string, kind openworkflow.StepKind, value string, at int64) {
	e.see(run, name, value, at, 1)
	e.attempts = append(e.attempts, openworkflow.StepAttempt{ID: run + name, RunID: run, StepName: name, Kind: kind, Status: openworkflow.StepCompleted})
}

func (e *evidence) row(step string) *openworkflow.StepAttempt {
	for i := range e.attempts {
		if e.attempts[i].StepName == step {
			return &e.attempts[i]
		}
	}
	return nil
}

func (e *evidence) runOf(workflow string) *openworkflow.Run {
	for i := range e.runs {
		if e.runs[i].WorkflowName == workflow {
			return &e.runs[i]
		}
	}
	return nil
}

// TestCheckerFindsFaults: the checker says nothing about healthy evidence, and names each fault in it.
func TestCheckerFindsFaults(t *testing.T) {
	t.Parallel()
	closed := domain.InterruptedFailure()
	tests := []struct {
		name  string
		spoil func(e *evidence)
		want  string // "": still healthy
	}{
		{"healthy", func(*evidence) {}, ""},
		{"lost run", func(e *evidence) { e.runs = e.runs[1:] }, "S1: run chain-1"},
		{"key made two runs", func(e *evidence) { e.runs = append(e.runs, *e.runOf("chain")); e.runs[len(e.runs)-1].ID = "chain-2" }, "S1: key c has 2"},
		{"key answered twice", func(e *evidence) { e.created[0].ids[1] = "doomed-1" }, "S1: key c was answered"},
		{"run failed by a crash", func(e *evidence) { e.runOf("chain").Status = openworkflow.RunFailed }, "S5: run chain-1"},
		{"wrong error", func(e *evidence) { e.runOf("doomed").Error.Code = "" }, "S5: run doomed-1"},
		{"sleep cost a workflow retry", func(e *evidence) { e.runOf("chain").Failures = 1 }, "S6: run chain-1"},
		{"workflow gave up early", func(e *evidence) { e.runOf("stubborn").Failures = 1 }, "S6: run stubborn-1"},
		{"output differs", func(e *evidence) { e.runOf("stubborn").Output = json.RawMessage(`{"one":"2-2"}`) }, "S4: run stubborn-1"},
		{"client was told otherwise", func(e *evidence) { e.results["chain-1"] = report{"one": "1-1"} }, "S2: the client was told"},
		{"cancel undone", func(e *evidence) { e.runOf("endless").Status = openworkflow.RunCompleted }, "S2: the cancel of run endless-1"},
		{"works on after cancel", func(e *evidence) {
			e.effects = append(e.effects, effect{At: 1101 * ms, Mark: markStart, Run: "endless-1", Step: "round-9/tick", Attempt: "ea9"})
		}, "S2: step round-9/tick"},
		{"completed twice", func(e *evidence) { e.step("chain-1", "one", "ca2", "1-1", 2) }, "S4: step one of run chain-1 completed 2"},
		{"row left open", func(e *evidence) { e.row("one").Status = openworkflow.StepRunning }, "has a running attempt"},
		{"crash was the function's failure", func(e *evidence) {
			e.attempts = append(e.attempts, openworkflow.StepAttempt{ID: "x", RunID: "chain-1", StepName: "one", Kind: openworkflow.KindFunction,
				Status: openworkflow.StepFailed, Error: &openworkflow.RunError{Message: "context canceled"}})
		}, "S5: attempt x"},
		{"crash closed by the next worker", func(e *evidence) {
			e.attempts = append(e.attempts, openworkflow.StepAttempt{ID: "x", RunID: "chain-1", StepName: "one", Kind: openworkflow.KindFunction,
				Status: openworkflow.StepFailed, Error: &openworkflow.RunError{Code: closed.Code}})
		}, ""},
		{"row is not what the function returned", func(e *evidence) { e.row("one").Output = json.RawMessage(`"1-2"`) }, "S4: attempt ca1"},
		{"started again", func(e *evidence) {
			e.effects = append(e.effects, effect{At: 13 * ms, Worker: 2, Mark: markStart, Run: "chain-1", Step: "one", Attempt: "ca9"})
		}, "S4: step one of run chain-1 started in worker 2"},
		{"started again after a freeze", func(e *evidence) {
			e.effects = append(e.effects, effect{At: 601 * ms, Worker: 1, Mark: markStart, Run: "chain-1", Step: "one", Attempt: "ca9"})
		}, ""},
		{"many started again after a freeze", func(e *evidence) {
			for range 2 {
				e.effects = append(e.effects, effect{At: 601 * ms, Worker: 1, Mark: markStart, Run: "chain-1", Step: "one", Attempt: "ca9"})
			}
		}, "S4: step one of run chain-1 started in worker 1"},
		{"replay saw another value", func(e *evidence) { e.see("chain-1", "one", "2-8", 50, 2) }, "was seen as"},
		{"seen but not recorded", func(e *evidence) { e.see("chain-1", "two", "2-8", 50, 2) }, "has no completed attempt"},
		{"one failure too many", func(e *evidence) { e.fail("doomed-1", "fails", "da9", 20) }, "S6: step fails of run doomed-1 of doomed failed 7"},
		{"gave up early", func(e *evidence) {
			for i := range e.attempts {
				if e.attempts[i].ID == "da2" {
					e.attempts = append(e.attempts[:i], e.attempts[i+1:]...)
					return
				}
			}
		}, "gave up after 5"},
		{"two children", func(e *evidence) {
			e.attempts = append(e.attempts, openworkflow.StepAttempt{ID: "fa9", RunID: "family-1", StepName: "good", Kind: openworkflow.KindWorkflow, Status: openworkflow.StepCompleted, ChildRunID: "child-9"})
			e.runs = append(e.runs, openworkflow.Run{ID: "child-9", WorkflowName: "child", ParentAttemptID: "fa9", Status: openworkflow.RunCompleted, Output: json.RawMessage(`{}`)})
		}, "S9: step good of run family-1 has the children"},
		{"orphan", func(e *evidence) { e.runOf("child").ParentAttemptID = "" }, "S9: child run child-1 has no parent"},
		{"child not linked", func(e *evidence) { e.row("good").ChildRunID = "" }, "S9: run child-1"},
		{"signal twice", func(e *evidence) { e.effects = nil; e.see("receiver-1", "twice", "pair-1", 20, 1) }, "S8: run receiver-1 received its signal twice"},
		{"another's signal", func(e *evidence) { e.effects = nil; e.see("receiver-1", "receive", "pair-2", 20, 1) }, "S8: run receiver-1 with key"},
		{"signal lost", func(e *evidence) { e.signals["inbox-1"] = []string{"a", "c"} }, "S8: run inbox-1 was sent"},
		{"news to two waits", func(e *evidence) {
			e.effects = nil
			e.see("news-1", "news", "news 1", 1, 1)
			e.see("news-1", "news:1", "news 1", 2, 1)
		}, "S8: two waits"},
		{"news from nowhere", func(e *evidence) { e.news = nil }, "which nobody sent"},
		{"slept too short", func(e *evidence) { e.see("chain-1", "nap", "slept", 130, 2) }, "S10: sleep nap of run chain-1 ended 10ms early"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := healthy()
			test.spoil(e)
			found := check(e)
			switch {
			case test.want == "" && len(found) > 0:
				t.Errorf("found %q", found)
			case test.want != "" && !strings.Contains(strings.Join(found, "\n"), test.want):
				t.Errorf("found %q, want %q", found, test.want)
			}
		})
	}
}

// TestSamplerFindsChanges: a row that has ended and changes, or is gone, is noticed.
func TestSamplerFindsChanges(t *testing.T) {
	t.Parallel()
	s := &sampler{ended: map[string]string{}}
	ended := openworkflow.Run{ID: "a", Status: openworkflow.RunCompleted}
	open := openworkflow.Run{ID: "b", Status: openworkflow.RunRunning}
	s.compare([]openworkflow.Run{ended, open})
	open.Status = openworkflow.RunFailed
	s.compare([]openworkflow.Run{ended, open})
	if len(s.changed) != 0 {
		t.Fatalf("found %q", s.changed)
	}
	ended.Output = json.RawMessage("1")
	s.compare([]openworkflow.Run{ended, open})
	s.compare([]openworkflow.Run{open})
	if len(s.changed) != 2 || !strings.HasPrefix(s.changed[0], "S2: run a") || !strings.HasPrefix(s.changed[1], "S1:") {
		t.Errorf("found %q", s.changed)
	}
}
