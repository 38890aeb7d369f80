package domain_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

var (
	now   = time.Date(2026, 5, 6, 7, 8, 9, 123_456_789, time.UTC)
	later = now.Add(time.Hour)
	mine  = domain.Lease{RunID: "run", WorkerID: "me", Epoch: 3}
)

func ownedRun() *domain.Run {
	return &domain.Run{
		NamespaceID: "ns", ID: "run", Status: domain.RunRunning, WorkerID: "me", Attempts: 3, Failures: 1, Recoveries: 2,
		AvailableAt: later, StartedAt: now.Add(-time.Hour), CreatedAt: now.Add(-2 * time.Hour),
	}
}

func parkedRun() *domain.Run {
	r := ownedRun()
	r.WorkerID = ""
	return r
}

func endedRun(s domain.RunStatus) *domain.Run {
	r := ownedRun()
	r.Status, r.AvailableAt = s, time.Time{}
	return r
}

func attempt(s domain.StepStatus) *domain.StepAttempt {
	return &domain.StepAttempt{NamespaceID: "ns", ID: "a", RunID: "run", StepName: "step", Kind: domain.KindFunction, Status: s, StartedAt: now.Add(-time.Minute)}
}

func linkedAttempt() *domain.StepAttempt {
	a := attempt(domain.StepRunning)
	a.ChildRunID = "child"
	return a
}

func foreign(s domain.StepStatus) *domain.StepAttempt {
	a := attempt(s)
	a.RunID = "another"
	return a
}

// The order of verdicts: what is done is done, whoever asks; then the lease; then the rest.
func TestApplyStepVerdicts(t *testing.T) {
	t.Parallel()
	stale := domain.Lease{RunID: "run", WorkerID: "me", Epoch: 2}
	start, child, finish := domain.StartStep, domain.StartChild, domain.FinishStep
	for _, c := range []struct {
		name      string
		kind      domain.TransitionKind
		run       *domain.Run
		stored    *domain.StepAttempt
		lease     domain.Lease
		timeout   bool
		delivered bool
		wrote     bool
		err       error
	}{
		{"new, owned", start, ownedRun(), nil, mine, false, false, true, nil},
		{"new, stale", start, ownedRun(), nil, stale, false, false, false, domain.ErrLeaseLost},
		{"new, no run", start, nil, nil, mine, false, false, false, domain.ErrLeaseLost},
		{"new, parked", start, parkedRun(), nil, mine, false, false, false, domain.ErrLeaseLost},
		{"new, parked, without a worker", start, parkedRun(), nil, domain.Lease{RunID: "run", Epoch: 3}, false, false, false, domain.ErrLeaseLost},
		{"exists running, owned", start, ownedRun(), attempt(domain.StepRunning), mine, false, false, false, nil},
		{"exists running, stale", start, ownedRun(), attempt(domain.StepRunning), stale, false, false, false, nil},
		{"exists completed, ended", start, endedRun(domain.RunCompleted), attempt(domain.StepCompleted), mine, false, false, false, nil},
		{"exists in another run", start, ownedRun(), foreign(domain.StepRunning), mine, false, false, false, domain.ErrLeaseLost},

		{"child, new", child, ownedRun(), nil, mine, false, false, true, nil},
		{"child, unlinked, owned", child, ownedRun(), attempt(domain.StepRunning), mine, false, false, false, nil},
		{"child, unlinked, stale", child, ownedRun(), attempt(domain.StepRunning), stale, false, false, false, domain.ErrLeaseLost},
		{"child, linked, stale", child, ownedRun(), linkedAttempt(), stale, false, false, false, nil},
		{"child, ended step, stale", child, ownedRun(), attempt(domain.StepFailed), stale, false, false, false, nil},

		{"finish, inserted", finish, ownedRun(), nil, mine, false, false, true, nil},
		{"finish, over running", finish, ownedRun(), attempt(domain.StepRunning), mine, false, false, true, nil},
		{"finish, over running, stale", finish, ownedRun(), attempt(domain.StepRunning), stale, false, false, false, domain.ErrLeaseLost},
		{"finish, done before, stale", finish, ownedRun(), attempt(domain.StepCompleted), stale, false, false, false, nil},
		{"finish, done before, no run", finish, nil, attempt(domain.StepCompleted), mine, false, false, false, nil},
		{"finish, done otherwise", finish, ownedRun(), attempt(domain.StepFailed), mine, false, false, false, domain.ErrLeaseLost},
		{"finish, another run's", finish, ownedRun(), foreign(domain.StepCompleted), mine, false, false, false, domain.ErrLeaseLost},
		{"timeout", finish, ownedRun(), attempt(domain.StepRunning), mine, true, false, true, nil},
		{"timeout, delivered", finish, ownedRun(), attempt(domain.StepRunning), mine, true, true, false, domain.ErrWaitSatisfied},
		{"timeout, delivered, stale", finish, ownedRun(), attempt(domain.StepRunning), stale, true, true, false, domain.ErrLeaseLost},
		{"timeout, recorded before the delivery", finish, ownedRun(), attempt(domain.StepCompleted), mine, true, true, false, nil},
		{"no timeout, delivered", finish, ownedRun(), attempt(domain.StepRunning), mine, false, true, true, nil},
	} {
		tr := domain.Transition{Kind: c.kind, Lease: c.lease, Timeout: c.timeout, Progress: true, Attempt: domain.StepAttempt{ID: "a", Status: domain.StepCompleted}}
		before := copyOf(c.run)
		got, err := domain.ApplyStep(c.run, c.stored, &tr, c.delivered, now)
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || (got != nil) != c.wrote {
			t.Errorf("%s: wrote %v, error %v; want %v, %v", c.name, got != nil, err, c.wrote, c.err)
		}
		if !c.wrote && !reflect.DeepEqual(c.run, before) {
			t.Errorf("%s: nothing was written, but the run became %+v", c.name, c.run)
		}
	}
}

func copyOf[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func TestApplyStepRows(t *testing.T) {
	t.Parallel()
	began := now.Add(-time.Minute)
	start := domain.Transition{Kind: domain.StartStep, Lease: mine, Attempt: domain.StepAttempt{
		ID: "a", StepName: "s", Kind: domain.KindSleep, Context: json.RawMessage(`{"kind":"sleep"}`), StartedAt: began,
		Status: domain.StepCompleted, Output: json.RawMessage(`1`), Error: &domain.Failure{}, FinishedAt: now,
		Final: true, RetryAt: later,
	}}
	run := ownedRun()
	got, err := domain.ApplyStep(run, nil, &start, false, now)
	want := domain.StepAttempt{
		NamespaceID: "ns", ID: "a", RunID: "run", StepName: "s", Kind: domain.KindSleep, Status: domain.StepRunning, Config: json.RawMessage(`{}`),
		Context: start.Attempt.Context, StartedAt: began, CreatedAt: began.Truncate(time.Millisecond), UpdatedAt: now,
	}
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("started as %+v (%v), want %+v", got, err, want)
	}
	if run.Recoveries != 2 {
		t.Errorf("a start changed the recoveries to %d", run.Recoveries)
	}
	finish := domain.Transition{Kind: domain.FinishStep, Lease: mine, Attempt: domain.StepAttempt{
		ID: "a", StepName: "other", Status: domain.StepFailed, Error: &domain.Failure{Message: "m"}, Final: true, RetryAt: later, Context: json.RawMessage(`1`),
	}}
	got, err = domain.ApplyStep(run, &want, &finish, false, later)
	end := want
	end.Status, end.Error, end.Final, end.RetryAt, end.FinishedAt, end.UpdatedAt = domain.StepFailed, finish.Attempt.Error, true, later, later, later
	if err != nil || !reflect.DeepEqual(*got, end) {
		t.Errorf("finished as %+v (%v), want %+v", got, err, end)
	}
	finish.Progress = true
	if _, err := domain.ApplyStep(run, &want, &finish, false, later); err != nil || run.Recoveries != 0 {
		t.Errorf("progress left %d recoveries (%v)", run.Recoveries, err)
	}
}

func TestApplyRunVerdicts(t *testing.T) {
	t.Parallel()
	pending := ownedRun()
	pending.Status, pending.WorkerID = domain.RunPending, ""
	stale := domain.Lease{RunID: "run", WorkerID: "me", Epoch: 2}
	other := domain.Lease{RunID: "run", WorkerID: "you", Epoch: 3}
	lost := domain.ErrLeaseLost
	for _, c := range []struct {
		name    string
		kind    domain.TransitionKind
		run     *domain.Run
		lease   domain.Lease
		applied bool
		err     error
	}{
		{"no run", domain.CompleteRun, nil, mine, false, lost},
		{"park owned", domain.ParkRun, ownedRun(), mine, true, nil},
		{"park parked", domain.ParkRun, parkedRun(), mine, false, nil},
		{"park parked, of an older epoch", domain.ParkRun, parkedRun(), stale, false, lost},
		{"park another's", domain.ParkRun, ownedRun(), other, false, lost},
		{"park without a worker", domain.CompleteRun, parkedRun(), domain.Lease{RunID: "run", Epoch: 3}, false, lost},
		{"complete owned", domain.CompleteRun, ownedRun(), mine, true, nil},
		{"complete stale", domain.CompleteRun, ownedRun(), stale, false, lost},
		{"complete completed", domain.CompleteRun, endedRun(domain.RunCompleted), mine, false, nil},
		{"complete completed, older epoch", domain.CompleteRun, endedRun(domain.RunCompleted), stale, false, lost},
		{"complete failed", domain.CompleteRun, endedRun(domain.RunFailed), mine, false, lost},
		{"complete canceled", domain.CompleteRun, endedRun(domain.RunCanceled), mine, false, lost},
		{"complete parked", domain.CompleteRun, parkedRun(), mine, false, lost},
		{"fail failed", domain.FailRun, endedRun(domain.RunFailed), mine, false, nil},
		{"fail completed", domain.FailRun, endedRun(domain.RunCompleted), mine, false, lost},
		{"retry owned", domain.RetryRun, ownedRun(), mine, true, nil},
		{"retry pending", domain.RetryRun, pending, mine, false, nil},
		{"park pending", domain.ParkRun, pending, mine, false, lost},
	} {
		before := copyOf(c.run)
		applied, err := domain.ApplyRun(c.run, &domain.Transition{Kind: c.kind, Lease: c.lease}, false, now)
		if applied != c.applied || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: applied %v, error %v; want %v, %v", c.name, applied, err, c.applied, c.err)
		}
		if !applied && !reflect.DeepEqual(c.run, before) {
			t.Errorf("%s: not applied, but the run became %+v", c.name, c.run)
		}
	}
}

func TestApplyRunRows(t *testing.T) {
	t.Parallel()
	failure := &domain.Failure{Message: "m"}
	for _, c := range []struct {
		name      string
		t         domain.Transition
		satisfied bool
		change    func(*domain.Run)
	}{
		{"park", domain.Transition{Kind: domain.ParkRun, WakeAt: later}, false, func(r *domain.Run) { r.WorkerID, r.AvailableAt = "", later }},
		{"park until now", domain.Transition{Kind: domain.ParkRun}, false, func(r *domain.Run) { r.WorkerID, r.AvailableAt = "", now }},
		{"park, satisfied", domain.Transition{Kind: domain.ParkRun, WakeAt: later}, true, func(r *domain.Run) { r.WorkerID, r.AvailableAt = "", now }},
		{"complete", domain.Transition{Kind: domain.CompleteRun, Output: json.RawMessage(`1`)}, false, func(r *domain.Run) {
			r.Status, r.Output, r.Error, r.AvailableAt, r.FinishedAt = domain.RunCompleted, json.RawMessage(`1`), nil, time.Time{}, now
		}},
		{"complete without output", domain.Transition{Kind: domain.CompleteRun}, false, func(r *domain.Run) {
			r.Status, r.Output, r.Error, r.AvailableAt, r.FinishedAt = domain.RunCompleted, json.RawMessage(`null`), nil, time.Time{}, now
		}},
		{"fail", domain.Transition{Kind: domain.FailRun, Error: failure}, false, func(r *domain.Run) {
			r.Status, r.WorkerID, r.Error, r.AvailableAt, r.FinishedAt = domain.RunFailed, "", failure, time.Time{}, now
		}},
		{"retry", domain.Transition{Kind: domain.RetryRun, Error: failure, WakeAt: later}, true, func(r *domain.Run) {
			r.Status, r.WorkerID, r.Error, r.AvailableAt, r.StartedAt, r.Failures = domain.RunPending, "", failure, later, time.Time{}, 2
		}},
		{"retry now", domain.Transition{Kind: domain.RetryRun, Error: failure}, false, func(r *domain.Run) {
			r.Status, r.WorkerID, r.Error, r.AvailableAt, r.StartedAt, r.Failures = domain.RunPending, "", failure, now, time.Time{}, 2
		}},
	} {
		got, want := ownedRun(), ownedRun()
		got.Error, want.Error = &domain.Failure{Message: "old"}, &domain.Failure{Message: "old"}
		want.Recoveries, want.UpdatedAt = 0, now
		c.change(want)
		c.t.Lease = mine
		if applied, err := domain.ApplyRun(got, &c.t, c.satisfied, now); !applied || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the run became %+v (%v), want %+v", c.name, got, err, want)
		}
	}
}

func TestClaimable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*domain.Run)
		want   bool
	}{
		{"due", func(*domain.Run) {}, true},
		{"not due", func(r *domain.Run) { r.AvailableAt = now.Add(1) }, false},
		{"never due", func(r *domain.Run) { r.AvailableAt = time.Time{} }, false},
		{"before its deadline", func(r *domain.Run) { r.DeadlineAt = now.Add(1) }, true},
		{"at its deadline", func(r *domain.Run) { r.DeadlineAt = now }, false},
		{"ended", func(r *domain.Run) { r.Status = domain.RunFailed }, false},
		{"abandoned the first time", func(r *domain.Run) { r.Status, r.WorkerID = domain.RunRunning, "w" }, true},
		{"abandoned again", func(r *domain.Run) { r.Status, r.WorkerID, r.Recoveries = domain.RunRunning, "w", 1 }, false},
		{"abandoned again, after the delay", func(r *domain.Run) {
			r.Status, r.WorkerID, r.Recoveries, r.AvailableAt = domain.RunRunning, "w", 1, now.Add(-2*time.Second)
		}, true},
		{"parked after recoveries", func(r *domain.Run) { r.Status, r.Recoveries = domain.RunRunning, 5 }, true},
	} {
		r := &domain.Run{Status: domain.RunPending, AvailableAt: now}
		c.change(r)
		if got := domain.Claimable(r, now); got != c.want {
			t.Errorf("%s: claimable is %v", c.name, got)
		}
	}
}

func TestApplyClaim(t *testing.T) {
	t.Parallel()
	fresh := &domain.Run{Status: domain.RunPending, AvailableAt: now}
	domain.ApplyClaim(fresh, "w", time.Minute, now)
	if want := (domain.Run{Status: domain.RunRunning, WorkerID: "w", Attempts: 1, AvailableAt: now.Add(time.Minute), StartedAt: now, UpdatedAt: now}); !reflect.DeepEqual(*fresh, want) {
		t.Errorf("a new run was claimed as %+v", fresh)
	}
	started := fresh.StartedAt
	domain.ApplyClaim(fresh, "v", time.Minute, later)
	if fresh.Recoveries != 1 || fresh.Attempts != 2 || fresh.WorkerID != "v" || !fresh.StartedAt.Equal(started) {
		t.Errorf("taken over as %+v", fresh)
	}
	parked := parkedRun()
	domain.ApplyClaim(parked, "w", time.Minute, now)
	if parked.Recoveries != 2 || parked.Attempts != 4 {
		t.Errorf("a parked run was claimed as %+v", parked)
	}
}

func TestApplyEndCloseAndWake(t *testing.T) {
	t.Parallel()
	canceled := ownedRun()
	canceled.Error = &domain.Failure{Message: "old"}
	domain.ApplyEnd(canceled, domain.RunCanceled, nil, now)
	if canceled.Status != domain.RunCanceled || canceled.WorkerID != "" || !canceled.AvailableAt.IsZero() || !canceled.FinishedAt.Equal(now) || canceled.Error.Message != "old" {
		t.Errorf("canceled as %+v", canceled)
	}
	done := attempt(domain.StepCompleted)
	domain.ApplyClose(done, domain.RunCanceled, now)
	if !reflect.DeepEqual(done, attempt(domain.StepCompleted)) {
		t.Errorf("a completed attempt was closed as %+v", done)
	}
	open := attempt(domain.StepRunning)
	domain.ApplyClose(open, domain.RunCanceled, now)
	if open.Status != domain.StepFailed || !open.Final || open.Error == nil || !open.FinishedAt.Equal(now) {
		t.Errorf("an open attempt was closed as %+v", open)
	}
	if r := ownedRun(); domain.ApplyWake(r, now) || !reflect.DeepEqual(r, ownedRun()) {
		t.Errorf("an owned run was woken to %+v", r)
	}
	if r := parkedRun(); !domain.ApplyWake(r, now) || !r.AvailableAt.Equal(now) {
		t.Errorf("a parked run was woken to %+v", r)
	}
	early := parkedRun()
	early.AvailableAt = now.Add(-time.Minute)
	if domain.ApplyWake(early, now); !early.AvailableAt.Equal(now.Add(-time.Minute)) {
		t.Errorf("a wake made a due run due later: %v", early.AvailableAt)
	}
}

func TestCheckBatch(t *testing.T) {
	t.Parallel()
	step := func(id string) domain.Transition {
		return domain.Transition{Kind: domain.FinishStep, Lease: mine, Attempt: domain.StepAttempt{ID: id}}
	}
	end := domain.Transition{Kind: domain.CompleteRun, Lease: mine}
	if err := domain.CheckBatch([]domain.Transition{step("a"), end, step("b"), step("run")}); err != nil {
		t.Errorf("a good batch: %v", err)
	}
	for _, bad := range [][]domain.Transition{{step("a"), end, step("a")}, {end, {Kind: domain.ParkRun, Lease: mine}}} {
		if domain.CheckBatch(bad) == nil {
			t.Errorf("a batch with two transitions of one row is accepted: %+v", bad)
		}
	}
}
