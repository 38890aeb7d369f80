package pgstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func plain(ts ...domain.Transition) []domain.Transition {
	for i := range ts {
		ts[i].Plain = true
	}
	return ts
}

// Runs that move while the statement waits for one of them, as a heartbeat moves all of a worker's, are ended all
// the same.
func TestPlainBesideAHeartbeat(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	leases := ownedMany(t, st.s, 8)
	st.begin()
	st.holdRun(leases[3].RunID)
	var ts []domain.Transition
	for i, l := range leases {
		if i%2 == 0 {
			ts = append(ts, finished(l))
		} else {
			ts = append(ts, complete(l))
		}
	}
	beat := later(st, func(ctx context.Context) (ports.LeaseResult, error) {
		return st.s.ExtendLeases(ctx, ports.LeaseRequest{WorkerID: "w", Leases: leases, Duration: time.Hour})
	})
	st.queued(1)
	committed := st.commit(plain(ts...)...)
	st.queued(2)
	st.end()
	if lost := beat().Lost; len(lost) > 0 {
		t.Errorf("the heartbeat lost %v", lost)
	}
	for i, v := range committed() {
		if v.Err != nil {
			t.Errorf("transition %d: %v", i, v.Err)
		}
	}
	st.written(4, 4)
}

func (st *stage) written(completed, attempts int64) {
	st.Helper()
	counts, err := st.s.CountRuns(testContext(st.T))
	if err != nil || counts.Completed != completed {
		st.Errorf("runs: %+v, %v; want %d completed", counts, err, completed)
	}
	if got := scalar[int64](st.T, st.watch, `select count(*) from "`+st.schema+`".step_attempts where status = 'completed'`); got != attempts {
		st.Errorf("%d attempts completed, want %d", got, attempts)
	}
}

// A run that is canceled while the statement waits for it is not ended; its neighbours are.
func TestPlainBesideACancel(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	leases := ownedMany(t, st.s, 3)
	st.begin()
	st.holdRun(leases[1].RunID)
	canceled := later(st, func(ctx context.Context) (domain.Run, error) { return st.s.CancelRun(ctx, leases[1].RunID) })
	st.queued(1)
	committed := st.commit(plain(finished(leases[0]), complete(leases[0]), finished(leases[1]), complete(leases[1]), complete(leases[2]))...)
	st.queued(2)
	st.end()
	if got := canceled().Status; got != domain.RunCanceled {
		t.Errorf("the run is %s", got)
	}
	for i, v := range committed() {
		if lost := i == 2 || i == 3; errors.Is(v.Err, domain.ErrLeaseLost) != lost || (!lost && v.Err != nil) {
			t.Errorf("transition %d: %v", i, v.Err)
		}
	}
	st.written(2, 1)
}

// What was written of a batch whose answer was lost is not written again, and the rest is.
func TestPlainAgain(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	leases := ownedMany(t, st.s, 3)
	first := plain(finished(leases[0]), complete(leases[1]))
	st.ok(first...)
	before := st.dump()
	st.ok(first...)
	if after := st.dump(); after != before {
		t.Errorf("the tables changed\nfrom %s\n  to %s", before, after)
	}
	st.ok(append(first, plain(complete(leases[0]), finished(leases[2]))...)...)
	st.written(2, 2)
}

// A step that is committed alone has the row that it has in a batch, whatever it lacks.
func TestPlainStepAlone(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	l := st.owned("w")
	began := time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.UTC)
	variants := map[string]func(*domain.StepAttempt){
		"completed":            func(*domain.StepAttempt) {},
		"no output":            func(a *domain.StepAttempt) { a.Output = nil },
		"no start":             func(a *domain.StepAttempt) { a.StartedAt = time.Time{} },
		"no end":               func(a *domain.StepAttempt) { a.FinishedAt = time.Time{} },
		"all but the status":   func(a *domain.StepAttempt) { a.Status = domain.StepFailed },
		"all but the error":    func(a *domain.StepAttempt) { a.Error = &domain.Failure{Message: "no"} },
		"all but its finality": func(a *domain.StepAttempt) { a.Final = true },
		"all but a retry":      func(a *domain.StepAttempt) { a.RetryAt = began },
		"failed": func(a *domain.StepAttempt) {
			a.Status, a.Output, a.Error = domain.StepFailed, nil, &domain.Failure{Message: "no"}
		},
		"failed last": func(a *domain.StepAttempt) {
			a.Status, a.Final, a.Error = domain.StepFailed, true, &domain.Failure{Message: "no"}
		},
		"to be retried": func(a *domain.StepAttempt) {
			a.Status, a.RetryAt, a.Error = domain.StepFailed, began.Add(time.Hour), &domain.Failure{Message: "no"}
		},
	}
	for name, change := range variants {
		var ts []domain.Transition
		for range 3 {
			step := finished(l)
			step.Attempt.StartedAt, step.Attempt.FinishedAt = began, began.Add(time.Second)
			change(&step.Attempt)
			ts = append(ts, step)
		}
		st.ok(plain(ts[0])...)
		st.ok(plain(ts[1:]...)...)
		rows := scalar[string](t, st.watch, `select json_agg(distinct (to_jsonb(a) - 'id' - 'updated_at') ||
				jsonb_build_object('started_at', nullif(started_at, updated_at), 'finished_at', nullif(finished_at, updated_at),
					'created_at', nullif(created_at, date_trunc('milliseconds', updated_at))))::text
			from "`+st.schema+`".step_attempts a where id = any($1)`, []string{ts[0].Attempt.ID, ts[1].Attempt.ID, ts[2].Attempt.ID})
		var found []map[string]any
		if err := json.Unmarshal([]byte(rows), &found); err != nil || len(found) != 1 {
			t.Errorf("%s: not one row for all: %s, %v", name, rows, err)
		}
	}
	stale := finished(domain.Lease{RunID: l.RunID, WorkerID: l.WorkerID, Epoch: l.Epoch + 1})
	stale.Attempt.StartedAt, stale.Attempt.FinishedAt = began, began
	if v := st.commit(plain(stale)...)(); !errors.Is(v[0].Err, domain.ErrLeaseLost) {
		t.Errorf("by a lease that the row does not grant: %v", v[0].Err)
	}
	poison := finished(l)
	poison.Attempt.StartedAt, poison.Attempt.FinishedAt, poison.Attempt.Output = began, began, []byte(`{"a":`)
	if v := st.commit(plain(poison)...)(); !errors.Is(v[0].Err, domain.ErrRejected) {
		t.Errorf("what is no JSON: %v", v[0].Err)
	}
}

// A run that has completed keeps its worker and its epoch, and still gets no step.
func TestPlainStepAfterTheEnd(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	l := st.owned("w")
	st.ok(plain(complete(l))...)
	if v := st.commit(plain(finished(l))...)(); !errors.Is(v[0].Err, domain.ErrLeaseLost) {
		t.Errorf("a step of a run that has completed: %v", v[0].Err)
	}
	st.written(1, 0)
}

// Poison among plain transitions is answered alone.
func TestPlainPoison(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	leases := ownedMany(t, st.s, 9)
	var ts []domain.Transition
	for _, l := range leases {
		ts = append(ts, finished(l), complete(l))
	}
	ts[4].Attempt.Output, ts[13].Output = []byte(`{"a":`), []byte(`"\u0000"`)
	for i, v := range st.commit(plain(ts...)...)() {
		if poison := i == 4 || i == 13; errors.Is(v.Err, domain.ErrRejected) != poison || (!poison && v.Err != nil) {
			t.Errorf("transition %d: %v", i, v.Err)
		}
	}
	st.written(8, 8)
}

// What is kept for a run goes with its plain end, and stays if the lease was lost, whether or not others end with it.
func TestPlainEndDropsSignals(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	leases := ownedMany(t, st.s, 3)
	for _, l := range leases {
		signal := domain.Signal{ID: domain.NewID(), Name: "s", Key: domain.NewID(), RunID: l.RunID}
		if _, err := st.s.SendSignals(testContext(t), []domain.Signal{signal}); err != nil {
			t.Fatal(err)
		}
	}
	stale := leases[0]
	stale.Epoch--
	if v := st.commit(plain(complete(stale), complete(leases[1]))...)(); !errors.Is(v[0].Err, domain.ErrLeaseLost) || v[1].Err != nil {
		t.Errorf("verdicts %+v", v)
	}
	if v := st.commit(plain(complete(stale))...)(); !errors.Is(v[0].Err, domain.ErrLeaseLost) {
		t.Errorf("alone: %+v", v)
	}
	st.ok(plain(complete(leases[2]))...)
	left := scalar[string](t, st.watch, `select string_agg(workflow_run_id, ' ') from "`+st.schema+`".workflow_signal_buffer`)
	if left != leases[0].RunID {
		t.Errorf("signals are kept for %q, want %q", left, leases[0].RunID)
	}
}

// A transition that comes alone has a statement of its own.
func TestPlainAlone(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	leases := ownedMany(t, st.s, 6)
	alone := func(tr domain.Transition) error { return st.commit(plain(tr)...)()[0].Err }
	failed := domain.Transition{Kind: domain.FailRun, Lease: leases[2], Error: &domain.Failure{Message: "no"}}
	for i, tr := range []domain.Transition{finished(leases[0]), complete(leases[1]), failed} {
		for range 2 { // the second as if the first's answer was lost
			if err := alone(tr); err != nil {
				t.Errorf("transition %d: %v", i, err)
			}
		}
	}
	bad := complete(leases[3])
	bad.Output = []byte(`{"a":`)
	if err := alone(bad); !errors.Is(err, domain.ErrRejected) {
		t.Errorf("poison: %v", err)
	}
	stale := leases[3]
	stale.Epoch--
	stranger := leases[3]
	stranger.WorkerID = "another"
	for _, l := range []domain.Lease{stale, stranger} {
		if err := errors.Join(alone(finished(l)), alone(complete(l))); !errors.Is(err, domain.ErrLeaseLost) {
			t.Errorf("lease %+v: %v", l, err)
		}
	}
	for i, tr := range []domain.Transition{finished(leases[4]), complete(leases[5])} {
		st.begin()
		st.holdRun(leases[4+i].RunID)
		beat := later(st, func(ctx context.Context) (ports.LeaseResult, error) {
			return st.s.ExtendLeases(ctx, ports.LeaseRequest{WorkerID: "w", Leases: leases[4+i : 5+i], Duration: time.Hour})
		})
		st.queued(1)
		committed := st.commit(plain(tr)...)
		st.queued(2)
		st.end()
		if lost := beat().Lost; len(lost) > 0 {
			t.Errorf("the heartbeat lost %v", lost)
		}
		if v := committed()[0]; v.Err != nil {
			t.Errorf("beside a heartbeat: %v", v.Err)
		}
	}
	st.written(2, 2)
}

// An attempt without an id is a step, not a run's end.
func TestPlainStepWithoutAnID(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	leases := ownedMany(t, st.s, 2)
	nameless := finished(leases[0])
	nameless.Attempt.ID = ""
	st.ok(plain(nameless, finished(leases[1]))...)
	st.written(0, 2)
}
