package backendtest

import (
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// stepCases compare what a transition leaves in step_attempts with what backend.ApplyStep makes of it.
func stepCases() []testCase {
	return []testCase{
		{"Effects", stepEffects},
		{"FinishOverRunning", stepFinishRunning},
		{"FailOverRunning", stepFailRunning},
		{"WaitContexts", stepWaits},
		{"LongNames", stepNames},
		{"HistoryOrder", stepHistory},
		{"OpenOnly", stepOpenOnly},
		{"UnknownHistory", stepUnknownHistory},
	}
}

// effect commits a transition about a step and compares the rows with the pure function's.
func (f *fixture) effect(what string, t backend.Transition, before *backend.StepAttempt) backend.Verdict {
	f.Helper()
	run := f.get(t.Lease.RunID)
	want, err := backend.ApplyStep(&run, before, &t, false, moment)
	f.noError(err, "the pure function, "+what)
	var v backend.Verdict
	s := f.during(func() { v = f.ok(t)[0] })
	got := f.attempt(run.ID, t.Attempt.ID)
	if t.Kind == backend.StartChild {
		want.ChildNamespaceID, want.ChildRunID = f.b.Namespace(), t.Child.ID
	}
	f.sameRow(what, s, got, *want)
	f.sameRow(what+": the run", s, f.get(run.ID), run)
	return v
}

func stepEffects(f *fixture) {
	_, l := f.owned()
	for _, s := range f.stepSamples() {
		v := f.effect(s.name, s.make(l), nil)
		if v.Satisfied {
			f.Errorf("%s: satisfied, but it waits for no signal", s.name)
		}
		if wantWoke := s.name == "StartChild"; v.Woke != wantWoke {
			f.Errorf("%s: woke is %v", s.name, v.Woke)
		}
	}
	t := finished(l, "with everything", `{"x":[1,2]}`)
	t.Attempt.Config, t.Attempt.Context = json.RawMessage(`{"retry":3}`), json.RawMessage(`{"k":"v"}`)
	t.Attempt.FinishedAt = t.Attempt.StartedAt.Add(time.Second)
	f.effect("FinishStep with everything", t, nil)
	t = finished(l, "will be retried", `null`)
	t.Attempt.Status, t.Attempt.Output, t.Attempt.Error = backend.StepFailed, nil, someFailure()
	t.Attempt.RetryAt = time.Now().Add(nextHour)
	f.effect("FinishStep with a retry", t, nil)
	t.Attempt.ID, t.Attempt.RetryAt, t.Attempt.Final = backend.NewID(), time.Time{}, true
	f.effect("FinishStep, final", t, nil)
	t = startStep(l, "no start time")
	t.Attempt.StartedAt = time.Time{}
	f.effect("StartStep without a time", t, nil)
}

func stepFinishRunning(f *fixture) {
	_, l := f.owned()
	for _, output := range []string{`"out"`, `null`, ``} {
		started := startStep(l, "step "+output)
		started.Attempt.Config, started.Attempt.Context = json.RawMessage(`{"c":1}`), json.RawMessage(`{"d":2}`)
		f.ok(started)
		stored := f.attempt(l.RunID, started.Attempt.ID)
		t := finish(started, output)
		if output == "" {
			t.Attempt.Output = nil
		}
		f.effect("finished with output "+output, t, &stored)
	}
}

func stepFailRunning(f *fixture) {
	_, l := f.owned()
	started := startStep(l, "a")
	f.ok(started)
	stored := f.attempt(l.RunID, started.Attempt.ID)
	t := finish(started, `null`)
	t.Attempt.Status, t.Attempt.Output, t.Attempt.Error = backend.StepFailed, nil, someFailure()
	t.Attempt.Final = true
	f.effect("failed", t, &stored)
}

func stepWaits(f *fixture) {
	_, l := f.owned()
	at := time.Now().Add(nextHour).Truncate(time.Millisecond)
	for _, w := range []backend.WaitContext{
		{Kind: backend.KindSleep, ResumeAt: at},
		{Kind: backend.KindSignalWait, Signal: `quote"and\slash`, TimeoutAt: at},
		{Kind: backend.KindSignalWait, Signal: "sí – ☃ 😀", TimeoutAt: at},
	} {
		a := newAttempt("wait", w.Kind)
		a.Context = waitContext(w)
		f.effect("a wait", backend.Transition{Kind: backend.StartStep, Lease: l, Attempt: a}, nil)
		stored := f.attempt(l.RunID, a.ID)
		got, err := stored.Wait()
		f.noError(err, "reading the wait")
		if got.Signal != w.Signal || !got.WakeAt().Equal(w.WakeAt()) {
			f.Errorf("read %+v, wrote %+v", got, w)
		}
	}
}

func stepNames(f *fixture) {
	_, l := f.owned()
	long := make([]byte, 2000)
	for i := range long {
		long[i] = 'x'
	}
	for _, name := range []string{"a/b", "a:1", "with 'quotes' and \"more\"", "日本語", string(long)} {
		t := finished(l, name, `1`)
		f.ok(t)
		if got := f.attempt(l.RunID, t.Attempt.ID).StepName; got != name {
			f.Errorf("step name %.40q came back as %.40q", name, got)
		}
	}
}

func stepHistory(f *fixture) {
	_, l := f.owned()
	at := time.Now().Truncate(time.Millisecond)
	var ts []backend.Transition
	var want []string
	for i := range 6 {
		t := finished(l, "step", `1`)
		t.Attempt.StartedAt = at.Add(time.Duration(i/2) * time.Second) // pairs begin together
		ts, want = append(ts, t), append(want, t.Attempt.ID)
	}
	for i := 0; i < len(want); i += 2 {
		if want[i] > want[i+1] {
			want[i], want[i+1] = want[i+1], want[i]
		}
	}
	ts[0], ts[5] = ts[5], ts[0]
	f.ok(ts...)
	got := make([]string, 0, len(want))
	for _, a := range f.history(l.RunID).Attempts {
		got = append(got, a.ID)
	}
	f.sameIDs("history", got, want)
}

func stepOpenOnly(f *fixture) {
	_, l := f.owned()
	open, wait := startStep(l, "open"), openWait(l, "s")
	f.ok(open, wait, finished(l, "done", `1`))
	res, err := f.b.LoadHistories(f.ctx, backend.HistoryRequest{RunIDs: []string{l.RunID}, OpenOnly: true})
	f.noError(err, "LoadHistories")
	if len(res.Histories) != 1 {
		f.Fatalf("%d histories, want 1", len(res.Histories))
	}
	got := make([]string, 0, 2)
	for _, a := range res.Histories[0].Attempts {
		got = append(got, a.ID)
	}
	f.sameIDs("open attempts", sorted(got), sorted([]string{open.Attempt.ID, wait.Attempt.ID}))
}

func stepUnknownHistory(f *fixture) {
	r := f.create()
	res, err := f.b.LoadHistories(f.ctx, backend.HistoryRequest{RunIDs: []string{backend.NewID(), r.ID}})
	f.noError(err, "LoadHistories")
	if len(res.Histories) != 1 || res.Histories[0].RunID != r.ID || len(res.Histories[0].Attempts) != 0 {
		f.Errorf("histories of one new and one unknown run: %+v", res.Histories)
	}
	page, err := f.b.ListStepAttempts(f.ctx, backend.NewID(), backend.PageRequest{Limit: 10})
	f.noError(err, "ListStepAttempts")
	if len(page.Items) > 0 || page.HasNext || page.HasPrev {
		f.Errorf("attempts of an unknown run: %+v", page)
	}
}
