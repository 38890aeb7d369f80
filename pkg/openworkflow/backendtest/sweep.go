package backendtest

import (
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func sweepCases() []testCase {
	return []testCase{
		{"Deadlines", sweepDeadlines},
		{"Limit", sweepLimit},
		{"NothingToDo", sweepNothing},
		{"AtOnce", sweepAtOnce},
		{"SatisfiedParks", sweepSatisfied},
		{"RetryAfterDeadline", sweepRetried},
	}
}

func (f *fixture) withDeadline(at time.Time) func(*backend.NewRun) {
	return func(n *backend.NewRun) { n.DeadlineAt = at }
}

func sweepDeadlines(f *fixture) {
	at := f.now().Add(500 * time.Millisecond)
	pending := f.create(f.withDeadline(at), func(n *backend.NewRun) { n.StartAt = time.Now().Add(nextHour) })
	owned, l0 := f.owned(f.withDeadline(at))
	open := startStep(l0, "open")
	f.ok(open)
	parked, l1 := f.owned(f.withDeadline(at))
	f.ok(openWait(l1, "s"), parkLong(l1))
	ended, l2 := f.owned(f.withDeadline(at))
	f.ok(complete(l2, `1`))
	later := f.create(f.withDeadline(at.Add(nextHour)))
	f.pass(at)
	expired := []backend.Run{f.get(pending.ID), f.get(owned.ID), f.get(parked.ID)}
	var res backend.SweepResult
	s := f.during(func() { res = f.sweep(100) })
	if res.Expired != 3 || res.More || res.Now.IsZero() {
		f.Errorf("sweep: %+v, want 3 expired", res)
	}
	failure := backend.DeadlineFailure()
	for _, want := range expired {
		backend.ApplyEnd(&want, backend.RunFailed, &failure, moment)
		f.sameRow("a run whose deadline passed", s, f.get(want.ID), want)
	}
	if a, b := f.get(ended.ID), f.get(later.ID); a.Status != backend.RunCompleted || b.Status != backend.RunPending {
		f.Errorf("the ended run is %s, the one with time left %s", a.Status, b.Status)
	}
	if a := f.attempt(owned.ID, open.Attempt.ID); a.Status != backend.StepFailed || !a.Final {
		f.Errorf("the open step of a run whose deadline passed is %s", a.Status)
	}
	f.isErr("what its owner writes", f.commit(complete(l0, `1`))[0].Err, backend.ErrLeaseLost)
	f.sameIDs("a signal for the ended run's wait", f.deliver(backend.Signal{Name: "s"}), nil)
}

func sweepLimit(f *fixture) {
	past := time.Now().Add(-time.Minute)
	for range 5 {
		f.create(f.withDeadline(past))
	}
	var got []string
	for range 4 {
		res := f.sweep(2)
		got = append(got, fmt.Sprint(res.Expired, res.More))
		if !res.More {
			break
		}
	}
	f.sameIDs("five by twos (expired, more)", got, []string{"2 true", "2 true", "1 false"})
}

func sweepNothing(f *fixture) {
	_, l := f.owned()
	f.ok(openWait(l, "s"), parkLong(l))
	f.create()
	f.unchanged("a sweep with nothing to do", func() {
		res := f.sweep(10)
		res.Now = time.Time{}
		if res != (backend.SweepResult{}) {
			f.Errorf("it did %+v", res)
		}
	})
}

func sweepAtOnce(f *fixture) {
	past := time.Now().Add(-time.Minute)
	for range 20 {
		f.create(f.withDeadline(past))
	}
	type answer struct {
		res backend.SweepResult
		err error
	}
	total := 0
	for _, a := range together(4, func(int) answer {
		res, err := f.b.Sweep(f.ctx, backend.SweepRequest{Workflows: []backend.WorkflowKey{f.key}, Limit: 100})
		return answer{res, err}
	}) {
		f.noError(a.err, "Sweep beside others")
		total += a.res.Expired
	}
	if total != 20 {
		f.Errorf("sweeps at once say that they failed %d runs of 20", total)
	}
}

// sweepSatisfied: two steps share a child, by its key. Its end wakes its parent; the sweep, at the latest,
// finds the other.
func sweepSatisfied(f *fixture) {
	first, child := f.parentAndChild()
	_, l := f.owned()
	second := f.startChild(l)
	second.Child.IdempotencyKey = first.Child.IdempotencyKey
	f.ok(second)
	f.linked(second, first.Child.ID)
	f.ok(parkLong(l))
	f.ok(complete(child, `1`))
	f.sweep(10)
	want := sorted([]string{first.Lease.RunID, l.RunID})
	f.sameIDs("due after the sweep", sorted(runIDs(f.tryClaim(f.claimRequest(10)).Runs)), want)
}

func sweepRetried(f *fixture) {
	at := f.now().Add(300 * time.Millisecond)
	r, l := f.owned(f.withDeadline(at))
	f.ok(retry(l, at.Add(-10*time.Millisecond)))
	f.pass(at)
	f.claimNone()
	if res := f.sweep(10); res.Expired != 1 {
		f.Errorf("sweep: %+v, want 1 expired", res)
	}
	if got := f.get(r.ID); got.Error == nil || got.Error.Code != backend.DeadlineFailure().Code || got.Failures != 1 {
		f.Errorf("the run ended as %+v with %d failures", got.Error, got.Failures)
	}
}
