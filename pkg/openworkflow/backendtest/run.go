package backendtest

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// runCases compare what a transition leaves in workflow_runs with what backend.ApplyRun makes of it.
func runCases() []testCase {
	return []testCase{
		{"Effects", runEffects},
		{"ErrorOfTheLastFailureIsCleared", runCompletesAfterRetry},
		{"EndClosesOpenAttempts", runClosesAttempts},
		{"ParkedRunWakesInTime", runWakes},
		{"RetriedRunWaits", runRetryWaits},
	}
}

type runSample struct {
	name string
	make func(backend.Lease) backend.Transition
	woke bool
}

func runSamples() []runSample {
	soon := time.Now().Add(nextHour)
	return []runSample{
		{"ParkRun", func(l backend.Lease) backend.Transition { return park(l, soon) }, false},
		{"ParkRun until now", func(l backend.Lease) backend.Transition { return park(l, time.Time{}) }, true},
		{"CompleteRun", func(l backend.Lease) backend.Transition { return complete(l, `{"x":[1,null]}`) }, false},
		{"CompleteRun without output", func(l backend.Lease) backend.Transition {
			return backend.Transition{Kind: backend.CompleteRun, Lease: l}
		}, false},
		{"FailRun", fail, false},
		{"RetryRun", func(l backend.Lease) backend.Transition { return retry(l, soon) }, false},
		{"RetryRun now", func(l backend.Lease) backend.Transition { return retry(l, time.Time{}) }, true},
	}
}

func runEffects(f *fixture) {
	for i, sample := range runSamples() {
		f.key.Name = "workflow-" + string(rune('a'+i))
		_, l := f.owned()
		f.runEffect(sample, l)
	}
}

func (f *fixture) runEffect(sample runSample, l backend.Lease) {
	f.Helper()
	want, t := f.get(l.RunID), sample.make(l)
	if _, err := backend.ApplyRun(&want, &t, false, moment); err != nil {
		f.Fatalf("the pure function, %s: %v", sample.name, err)
	}
	var v backend.Verdict
	s := f.during(func() { v = f.ok(t)[0] })
	f.sameRow(sample.name, s, f.get(l.RunID), want)
	if v.Woke != sample.woke || v.Satisfied {
		f.Errorf("%s: verdict %+v, want woke %v", sample.name, v, sample.woke)
	}
}

func runCompletesAfterRetry(f *fixture) {
	r, l := f.owned()
	f.ok(retry(l, time.Time{}))
	f.ok(complete(leaseOf(f.claim(r.ID)), `1`))
	if got := f.get(r.ID); got.Error != nil || got.Failures != 1 {
		f.Errorf("completed with error %+v and %d failures, want none and 1", got.Error, got.Failures)
	}
}

func runClosesAttempts(f *fixture) {
	for _, end := range []func(backend.Lease) backend.Transition{
		func(l backend.Lease) backend.Transition { return complete(l, `1`) }, fail,
	} {
		r, l := f.owned()
		open, wait, child, done := startStep(l, "open"), openWait(l, "s"), f.startChild(l), finished(l, "done", `1`)
		f.ok(open, wait, child, done)
		want := f.attempts(r.ID)
		t := end(l)
		s := f.during(func() { f.ok(t) })
		for i := range want {
			backend.ApplyClose(&want[i], f.get(r.ID).Status, moment)
			f.sameRow("attempt "+want[i].StepName+" after "+kindName(t.Kind), s, f.attempt(r.ID, want[i].ID), want[i])
		}
		if kept := f.get(child.Child.ID); kept.Status != backend.RunPending {
			f.Errorf("the parent's end made its child %s", kept.Status)
		}
		f.sameIDs("a signal for the closed wait", f.deliver(backend.Signal{Name: "s"}), nil)
	}
}

func runWakes(f *fixture) {
	r, l := f.owned()
	at := f.now().Add(400 * time.Millisecond)
	f.ok(park(l, at))
	again, now := f.claimEventually(f.claimRequest(1), r.ID)
	if now.Before(at.Add(-precision)) {
		f.Errorf("claimed at %v, want not before %v", now, at)
	}
	if again.Attempts != 2 || again.Recoveries != 0 {
		f.Errorf("claimed at epoch %d with %d recoveries", again.Attempts, again.Recoveries)
	}
}

func runRetryWaits(f *fixture) {
	r, l := f.owned()
	at := f.now().Add(400 * time.Millisecond)
	f.ok(retry(l, at))
	if _, now := f.claimEventually(f.claimRequest(1), r.ID); now.Before(at.Add(-precision)) {
		f.Errorf("claimed at %v, want not before %v", now, at)
	}
}
