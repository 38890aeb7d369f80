package backendtest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func kindName(k backend.TransitionKind) string {
	names := map[backend.TransitionKind]string{
		backend.StartStep: "StartStep", backend.StartChild: "StartChild", backend.FinishStep: "FinishStep",
		backend.ParkRun: "ParkRun", backend.CompleteRun: "CompleteRun", backend.FailRun: "FailRun", backend.RetryRun: "RetryRun",
	}
	return names[k]
}

func newAttempt(name string, kind backend.StepKind) backend.StepAttempt {
	return backend.StepAttempt{ID: backend.NewID(), StepName: name, Kind: kind, StartedAt: time.Now()}
}

func startStep(l backend.Lease, name string) backend.Transition {
	return backend.Transition{Kind: backend.StartStep, Lease: l, Attempt: newAttempt(name, backend.KindFunction)}
}

func finished(l backend.Lease, name, output string) backend.Transition {
	a := newAttempt(name, backend.KindFunction)
	a.Status, a.Output = backend.StepCompleted, json.RawMessage(output)
	return backend.Transition{Kind: backend.FinishStep, Lease: l, Attempt: a}
}

// finish ends a started attempt as completed.
func finish(started backend.Transition, output string) backend.Transition {
	t := started
	t.Kind, t.Child = backend.FinishStep, nil
	t.Attempt.Status, t.Attempt.Output = backend.StepCompleted, json.RawMessage(output)
	return t
}

// waitContext is the context column of a wait.
func waitContext(w backend.WaitContext) json.RawMessage {
	raw, err := json.Marshal(w)
	if err != nil {
		return json.RawMessage(fmt.Sprintf("no context: %v", err)) // not JSON: the backend refuses it
	}
	return raw
}

// openWait opens a wait for the signal.
func openWait(l backend.Lease, signal string) backend.Transition {
	a := newAttempt("wait-"+signal, backend.KindSignalWait)
	a.Context = waitContext(backend.WaitContext{Kind: backend.KindSignalWait, Signal: signal, TimeoutAt: time.Now().Add(nextHour)})
	return backend.Transition{Kind: backend.StartStep, Lease: l, Attempt: a}
}

// timedOut ends a wait because its time is up.
func timedOut(wait backend.Transition) backend.Transition {
	t := finish(wait, "null")
	t.Timeout = true
	return t
}

// startChild starts a child of the other workflow.
func (f *fixture) startChild(l backend.Lease) backend.Transition {
	a := newAttempt("child", backend.KindWorkflow)
	a.Context = waitContext(backend.WaitContext{Kind: backend.KindWorkflow, TimeoutAt: time.Now().Add(nextHour)})
	child := f.newRun()
	child.WorkflowName = childWorkflow
	child.IdempotencyKey = backend.ChildKey(f.b.Namespace(), a.ID)
	child.ParentNamespaceID, child.ParentAttemptID = f.b.Namespace(), a.ID
	return backend.Transition{Kind: backend.StartChild, Lease: l, Attempt: a, Child: &child}
}

const childWorkflow = "child"

// claimChild claims the only due run of the child workflow.
func (f *fixture) claimChild(id string) backend.Lease {
	f.Helper()
	req := f.claimRequest(1)
	req.Workflows = []backend.WorkflowKey{{Name: childWorkflow}}
	res := f.tryClaim(req)
	if len(res.Runs) != 1 || res.Runs[0].ID != id {
		f.Fatalf("claimed %v of the child workflow, want %s", runIDs(res.Runs), id)
	}
	return leaseOf(res.Runs[0])
}

func park(l backend.Lease, wakeAt time.Time) backend.Transition {
	return backend.Transition{Kind: backend.ParkRun, Lease: l, WakeAt: wakeAt}
}

// parkLong parks for so long that only a wake can make the run due.
func parkLong(l backend.Lease) backend.Transition { return park(l, time.Now().Add(nextHour)) }

func complete(l backend.Lease, output string) backend.Transition {
	return backend.Transition{Kind: backend.CompleteRun, Lease: l, Output: json.RawMessage(output)}
}

func fail(l backend.Lease) backend.Transition {
	return backend.Transition{Kind: backend.FailRun, Lease: l, Error: someFailure()}
}

func retry(l backend.Lease, at time.Time) backend.Transition {
	return backend.Transition{Kind: backend.RetryRun, Lease: l, Error: someFailure(), WakeAt: at}
}

func someFailure() *backend.Failure {
	return &backend.Failure{Name: "TypeError", Message: "it broke", Stack: "at a\nat b", Code: "BROKEN"}
}

// sample is a transition of one kind that the lease allows.
type sample struct {
	name string
	make func(backend.Lease) backend.Transition
}

// samples has one of every kind.
func (f *fixture) samples() []sample {
	return append(f.stepSamples(), []sample{
		{"ParkRun", parkLong},
		{"CompleteRun", func(l backend.Lease) backend.Transition { return complete(l, `{"done":true}`) }},
		{"FailRun", fail},
		{"RetryRun", func(l backend.Lease) backend.Transition { return retry(l, time.Now().Add(nextHour)) }},
	}...)
}

func (f *fixture) stepSamples() []sample {
	return []sample{
		{"StartStep", func(l backend.Lease) backend.Transition { return startStep(l, "started") }},
		{"StartChild", f.startChild},
		{"FinishStep", func(l backend.Lease) backend.Transition { return finished(l, "finished", `"out"`) }},
		{"FinishStepFailed", func(l backend.Lease) backend.Transition {
			t := finished(l, "failed", `null`)
			t.Attempt.Status, t.Attempt.Output, t.Attempt.Error = backend.StepFailed, nil, someFailure()
			return t
		}},
	}
}
