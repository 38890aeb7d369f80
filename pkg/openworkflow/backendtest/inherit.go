package backendtest

import (
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// inheritCases: runs that begin with the history of another one.
func inheritCases() []testCase {
	return []testCase{
		{"Rows", inheritRows},
		{"IsReadByWhoeverClaims", inheritReplayed},
		{"MadeOnce", inheritOnce},
		{"NotForARunThatWasFound", inheritFound},
		{"Refused", inheritRefused},
		{"ChildOfAnother", inheritChild},
	}
}

// past is an attempt of an hour ago.
func past(name, output string, change ...func(*backend.StepAttempt)) backend.StepAttempt {
	at := time.Now().Add(-nextHour).Truncate(time.Millisecond).Add(300 * time.Microsecond)
	a := backend.StepAttempt{
		ID: backend.NewID(), StepName: name, Kind: backend.KindFunction, Status: backend.StepCompleted, Output: json.RawMessage(output),
		StartedAt: at, FinishedAt: at.Add(time.Second), CreatedAt: at.Truncate(time.Millisecond),
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func withHistory(attempts ...backend.StepAttempt) func(*backend.NewRun) {
	return func(n *backend.NewRun) {
		n.Config, n.History = json.RawMessage(`{"rerunOf":"another","fromStep":"next","kept":[1]}`), attempts
	}
}

func inheritRows(f *fixture) {
	retried := past("flaky", "", func(a *backend.StepAttempt) {
		a.Status, a.Output, a.Error, a.RetryAt = backend.StepFailed, nil, someFailure(), a.FinishedAt.Add(time.Second)
	})
	given := []backend.StepAttempt{
		past("a", `{"x":9007199254740993}`, func(a *backend.StepAttempt) { a.Config = json.RawMessage(`{"c":1}`) }),
		past("nothing", `null`, func(a *backend.StepAttempt) { a.Output = nil }),
		retried,
		past("flaky", "", func(a *backend.StepAttempt) {
			a.Status, a.Output, a.Error, a.Final = backend.StepFailed, nil, someFailure(), true
			a.CreatedAt = a.CreatedAt.Add(time.Minute)
		}),
		past("nap", `null`, func(a *backend.StepAttempt) {
			a.Kind, a.Context = backend.KindSleep, waitContext(backend.WaitContext{Kind: backend.KindSleep, ResumeAt: a.FinishedAt})
			a.CreatedAt = a.CreatedAt.Add(2 * time.Minute)
		}),
		past("old", `1`, func(a *backend.StepAttempt) { a.StartedAt, a.FinishedAt = time.Time{}, time.Time{} }),
	}
	n := f.newRun(withHistory(given...))
	var r backend.Run
	s := f.during(func() { r = f.createAll(n)[0] })
	f.sameRow("the run", s, r, backend.Run{
		NamespaceID: f.b.Namespace(), ID: n.ID, WorkflowName: n.WorkflowName, Status: backend.RunPending, Config: n.Config, Input: n.Input,
		AvailableAt: moment, CreatedAt: moment, UpdatedAt: moment,
	})
	if got := f.attempts(r.ID); len(got) != len(given) {
		f.Fatalf("the run begins with %d attempts, want %d", len(got), len(given))
	}
	for _, want := range given {
		want.NamespaceID, want.RunID, want.UpdatedAt = f.b.Namespace(), r.ID, moment
		if want.Config == nil {
			want.Config = json.RawMessage(`{}`)
		}
		f.sameRow("attempt "+want.StepName, s, f.attempt(r.ID, want.ID), want)
	}
}

func inheritReplayed(f *fixture) {
	kept := past("a", `"kept"`)
	r := f.claim(f.create(withHistory(kept)).ID)
	if !r.BeganWithHistory() {
		f.Errorf("the claimed run does not say that it began with a history: its config is %s", r.Config)
	}
	h := f.history(r.ID)
	if len(h.Attempts) != 1 || h.Attempts[0].ID != kept.ID || !sameJSON(h.Attempts[0].Output, kept.Output) {
		f.Errorf("the history is %+v", h.Attempts)
	}
	f.ok(finished(leaseOf(r), "b", `2`), complete(leaseOf(r), `3`))
	if got := f.attempt(r.ID, kept.ID); got.Status != backend.StepCompleted || got.Error != nil {
		f.Errorf("the run's end made the attempt %s", got.Status)
	}
}

func inheritOnce(f *fixture) {
	n := f.newRun(withHistory(past("a", `1`)))
	f.createAll(n)
	f.unchanged("creating it again", func() { f.createAll(n) })
	twice := f.newRun(withHistory(past("a", `1`)))
	f.createAll(twice, twice)
	if got := f.attempts(twice.ID); len(got) != 1 {
		f.Errorf("asked for twice in a batch, it has %d attempts", len(got))
	}
	r := f.claim(n.ID)
	f.ok(finished(leaseOf(r), "b", `2`))
	other := n
	other.History = []backend.StepAttempt{past("c", `3`)}
	f.unchanged("creating it again with another history", func() { f.createAll(other) })
}

func inheritFound(f *fixture) {
	found := f.create(withKey("k"))
	kept := past("a", `1`)
	n := f.newRun(withKey("k"), withHistory(kept))
	f.unchanged("a key that is known", func() {
		if got := f.createAll(n)[0]; got.ID != found.ID {
			f.Errorf("got run %s, want %s", got.ID, found.ID)
		}
	})
	if got := f.create(withHistory(kept)); len(f.attempts(got.ID)) != 1 { // its id is still free
		f.Errorf("the attempt went elsewhere")
	}
}

func inheritRefused(f *fixture) {
	_, l := f.owned()
	taken := finished(l, "taken", `1`)
	f.ok(taken)
	twin := past("twin", `1`)
	for what, change := range map[string]func(*backend.NewRun){
		"an attempt that has not ended":        withHistory(past("a", ``, func(a *backend.StepAttempt) { a.Status, a.Output = backend.StepRunning, nil })),
		"an attempt without a time":            withHistory(past("a", `1`, func(a *backend.StepAttempt) { a.CreatedAt = time.Time{} })),
		"an attempt without an id":             withHistory(past("a", `1`, func(a *backend.StepAttempt) { a.ID = "" })),
		"two attempts with one id":             withHistory(twin, twin),
		"an attempt whose id another run has":  withHistory(past("a", `1`, func(a *backend.StepAttempt) { a.ID = taken.Attempt.ID })),
		"a child that does not exist":          withHistory(past("a", `1`, func(a *backend.StepAttempt) { a.ChildNamespaceID, a.ChildRunID = f.b.Namespace(), "nobody" })),
		"an output that cannot be stored":      withHistory(past("a", `"\u0000"`)),
		"a config that says nothing about it":  func(n *backend.NewRun) { n.History = []backend.StepAttempt{past("a", `1`)} },
		"a config that cannot be stored":       func(n *backend.NewRun) { n.Config = json.RawMessage(`{"a":`) },
		"one sound attempt and one that isn't": withHistory(past("a", `1`), past("b", `1`, func(a *backend.StepAttempt) { a.StepName = "" })),
	} {
		f.unchanged(what, func() {
			_, err := f.b.CreateRuns(f.ctx, []backend.NewRun{f.newRun(change)})
			f.isErr(what, err, backend.ErrRejected)
		})
	}
}

// inheritChild: the child stays its parent's; its end concerns nobody else.
func inheritChild(f *fixture) {
	_, parent := f.owned()
	step := f.startChild(parent)
	f.ok(step, parkLong(parent))
	heir := f.claim(f.create(withHistory(past("child", `1`, func(a *backend.StepAttempt) {
		a.Kind, a.ChildNamespaceID, a.ChildRunID = backend.KindWorkflow, f.b.Namespace(), step.Child.ID
	}))).ID)
	f.ok(parkLong(leaseOf(heir)))
	before := f.get(heir.ID)
	f.cancel(step.Child.ID)
	f.sameRow("the run with the inherited step", span{}, f.get(heir.ID), before)
	if woken := f.get(parent.RunID); woken.AvailableAt.After(f.now()) {
		f.Errorf("the parent sleeps until %v although its child ended", woken.AvailableAt)
	}
	if res := f.sweep(100); res.Woken > 0 {
		f.Errorf("a sweep woke %d runs", res.Woken)
	}
}
