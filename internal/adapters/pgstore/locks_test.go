package pgstore_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// inBothOrders lines two calls up behind a lock, each first once.
func inBothOrders(t *testing.T, play func(t *testing.T, swapped bool)) {
	t.Helper()
	for name, swapped := range map[string]bool{"as named": false, "the other way round": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, swapped)
		})
	}
}

func lineUp(st *stage, swapped bool, first, second func()) {
	if swapped {
		first, second = second, first
	}
	first()
	st.queued(1)
	second()
	st.queued(2)
}

func TestParkAgainstSignal(t *testing.T) {
	t.Parallel()
	inBothOrders(t, func(t *testing.T, swapped bool) {
		st := newStage(t)
		l := st.owned("w")
		st.ok(waitFor(l, "go"))
		st.begin()
		st.holdRun(l.RunID)
		var parked func() []domain.Verdict
		var sent func() []ports.SignalResult
		lineUp(st, swapped, func() { parked = st.commit(park(l)) }, func() { sent = st.signal("go") })
		st.end()
		if v := parked()[0]; v.Err != nil {
			t.Fatal(v.Err)
		}
		if r := sent()[0]; r.Err != nil || len(r.RunIDs) != 1 {
			t.Fatalf("signal: %+v", r)
		}
		st.isDue(l.RunID)
	})
}

// A signal that is sent while a wait opens is delivered to it if its sender was told so, and only then.
func TestOpeningAgainstBufferedSignal(t *testing.T) {
	t.Parallel()
	inBothOrders(t, func(t *testing.T, swapped bool) {
		st := newStage(t)
		l := st.owned("w")
		other := st.owned("other")
		st.ok(waitFor(other, "go")) // makes the sender lock a run that the stage holds
		st.ok(timedOut(waitFor(other, "none")))
		st.begin()
		st.holdRun(l.RunID)
		st.holdRun(other.RunID)
		wait := waitFor(l, "go")
		var opened func() []domain.Verdict
		var sent func() []ports.SignalResult
		lineUp(st, swapped, func() { opened = st.commit(wait) }, func() { sent = st.signal("go") })
		st.end()
		if v := opened()[0]; v.Err != nil {
			t.Fatal(v.Err)
		}
		r := sent()[0]
		if r.Err != nil || !slices.Contains(r.RunIDs, other.RunID) {
			t.Errorf("signal: %+v, want it delivered to the wait that was open", r)
		}
		h, err := st.s.LoadHistories(testContext(t), ports.HistoryRequest{RunIDs: []string{l.RunID}})
		if err != nil {
			t.Fatal(err)
		}
		if _, got := h.Histories[0].Signals[wait.Attempt.ID]; got != slices.Contains(r.RunIDs, l.RunID) {
			t.Errorf("the wait that opened has the signal: %v, but the sender was told %v", got, r.RunIDs)
		}
	})
}

func TestParkAgainstChildCompletion(t *testing.T) {
	t.Parallel()
	inBothOrders(t, func(t *testing.T, swapped bool) {
		st := newStage(t)
		parent := st.owned("parent")
		st.ok(startChild(parent, "child"))
		child := st.claim("child")
		st.begin()
		st.holdRun(parent.RunID)
		var parked, ended func() []domain.Verdict
		lineUp(st, swapped, func() { parked = st.commit(park(parent)) }, func() { ended = st.commit(complete(child)) })
		st.end()
		for _, answer := range []func() []domain.Verdict{parked, ended} {
			if v := answer()[0]; v.Err != nil {
				t.Fatal(v.Err)
			}
		}
		st.isDue(parent.RunID)
	})
}

func TestTimeoutAgainstSignal(t *testing.T) {
	t.Parallel()
	inBothOrders(t, func(t *testing.T, swapped bool) {
		st := newStage(t)
		l := st.owned("w")
		wait := waitFor(l, "go")
		st.ok(wait)
		st.begin()
		st.holdRun(l.RunID)
		var ended func() []domain.Verdict
		var sent func() []ports.SignalResult
		lineUp(st, swapped, func() { ended = st.commit(timedOut(wait)) }, func() { sent = st.signal("go") })
		st.end()
		timeout, delivered := ended()[0].Err == nil, len(sent()[0].RunIDs) == 1
		if timeout == delivered {
			t.Errorf("timed out: %v, delivered: %v; want one of them", timeout, delivered)
		}
	})
}

// Two flushes, each of which completes a child of a run that the other one writes to.
func TestFlushesThatTouchEachOthersParents(t *testing.T) {
	t.Parallel()
	inBothOrders(t, func(t *testing.T, swapped bool) {
		st := newStage(t)
		a, b := st.owned("a"), st.owned("b")
		st.ok(startChild(a, "child of a"), startChild(b, "child of b"))
		childOfA, childOfB := st.claim("child of a"), st.claim("child of b")
		st.begin()
		st.holdRun(a.RunID)
		var one, two func() []domain.Verdict
		lineUp(st, swapped,
			func() { one = st.commit(finished(a), park(a), complete(childOfB)) },
			func() { two = st.commit(complete(childOfA), finished(b), park(b)) })
		deadlocks := `select deadlocks from pg_stat_database where datname = current_database()`
		before := scalar[int64](t, st.watch, deadlocks)
		st.end()
		for _, answer := range []func() []domain.Verdict{one, two} {
			for i, v := range answer() {
				if v.Err != nil {
					t.Errorf("transition %d: %v", i, v.Err)
				}
			}
		}
		if after := scalar[int64](t, st.watch, deadlocks); after != before {
			t.Logf("%d deadlocks meanwhile, here or in other tests", after-before)
		}
		st.isDue(a.RunID)
		st.isDue(b.RunID)
	})
}

// TypeScript's sender locks waits, delivers, and then wakes runs that nobody owns.
func TestParkAgainstTypeScriptSignal(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	l := st.owned("w")
	wait := waitFor(l, "go")
	st.ok(wait)
	st.begin()
	st.holdAttempt(wait.Attempt.ID)
	parked := st.commit(park(l))
	st.queued(1)
	execute(t, st.conn, `insert into "`+st.schema+`".workflow_signals (namespace_id, id, signal, data, workflow_run_id, step_attempt_id)
		values ('default', gen_random_uuid(), 'go', '1', $1, $2)`, l.RunID, wait.Attempt.ID)
	st.typeScriptWakes(l.RunID, 0)
	st.end()
	if v := parked()[0]; v.Err != nil || !v.Woke {
		t.Errorf("park: %+v, want it due", v)
	}
	st.isDue(l.RunID)
}

// typeScriptWakes does what TypeScript does for a run that is not owned.
func (st *stage) typeScriptWakes(id string, want int64) {
	st.Helper()
	tag, err := st.conn.Exec(testContext(st.T), `update "`+st.schema+`".workflow_runs set available_at = now(), updated_at = now()
		where id = $1 and status in ('pending', 'running', 'sleeping') and worker_id is null`, id)
	if err != nil || tag.RowsAffected() != want {
		st.Fatalf("TypeScript woke %d runs, want %d: %v", tag.RowsAffected(), want, err)
	}
}

// TypeScript ends a child and wakes its parent in two transactions, both after the park looked and before
// it committed: only the look after the commit finds out.
func TestParkAgainstTypeScriptChild(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	parent := st.owned("parent")
	st.ok(startChild(parent, "child"))
	child := st.claim("child")
	other := st.owned("other")
	open := waitFor(other, "never")
	st.ok(open)
	st.begin()
	st.holdAttempt(open.Attempt.ID) // the flush comes to it when it closes the other run's waits: after the park
	flush := st.commit(park(parent), complete(other))
	st.queued(1)
	execute(t, st.watch, `update "`+st.schema+`".workflow_runs set status = 'completed', output = '1', worker_id = null, available_at = null, finished_at = now() where id = $1`, child.RunID)
	tag, err := st.watch.Exec(testContext(t), `update "`+st.schema+`".workflow_runs set available_at = now() where id = $1 and status = 'running' and worker_id is null`, parent.RunID)
	if err != nil || tag.RowsAffected() != 0 {
		t.Fatalf("TypeScript woke %d parents, want none yet: %v", tag.RowsAffected(), err)
	}
	st.end()
	if v := flush()[0]; v.Err != nil || !v.Woke {
		t.Errorf("park: %+v, want it due", v)
	}
	st.isDue(parent.RunID)
}

// A lease that is taken over while its flush waits commits nothing.
func TestTakeoverAgainstFlush(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	l := st.owned("w")
	st.begin()
	st.holdRun(l.RunID)
	flush := st.commit(finished(l), complete(l))
	st.queued(1)
	execute(t, st.conn, `update "`+st.schema+`".workflow_runs set attempts = attempts + 1, worker_id = 'other' where id = $1`, l.RunID)
	st.end()
	for i, v := range flush() {
		if !errors.Is(v.Err, domain.ErrLeaseLost) {
			t.Errorf("transition %d: %v, want the lease lost", i, v.Err)
		}
	}
}
