package backendtest

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// fencingCases: whatever a worker writes under a lease that is not the run's any more is refused and
// changes nothing, for every kind of transition.
func fencingCases() []testCase {
	return []testCase{
		{"StaleEpoch", fencedEpoch},
		{"OtherWorker", fencedWorker},
		{"FutureEpoch", fencedFuture},
		{"Parked", fencedParked},
		{"Pending", fencedPending},
		{"Ended", fencedEnded},
		{"Canceled", fencedCanceled},
		{"UnknownRun", fencedUnknown},
		{"RunningAttempt", fencedRunningAttempt},
		{"FinalAttempt", fencedFinal},
		{"AttemptOfAnotherRun", fencedForeign},
	}
}

// fenced commits one transition of every kind, alone each, and wants all of them refused.
func (f *fixture) fenced(l backend.Lease, except ...string) {
	f.Helper()
	skip := make(map[string]bool)
	for _, name := range except {
		skip[name] = true
	}
	for _, s := range f.samples() {
		if skip[s.name] {
			continue
		}
		f.unchanged(s.name, func() {
			if err := f.commit(s.make(l))[0].Err; err == nil {
				f.Errorf("%s was accepted under a lease that is not the run's", s.name)
			} else {
				f.isErr(s.name, err, backend.ErrLeaseLost)
			}
		})
	}
}

func fencedEpoch(f *fixture) {
	r, stale := f.owned()
	f.ok(park(stale, time.Time{}))
	f.claim(r.ID)
	f.fenced(stale)
}

func fencedWorker(f *fixture) {
	_, l := f.owned()
	l.WorkerID = backend.NewID()
	f.fenced(l)
	l.WorkerID = ""
	f.fenced(l)
}

func fencedFuture(f *fixture) {
	_, l := f.owned()
	l.Epoch++
	f.fenced(l)
}

func fencedParked(f *fixture) {
	_, l := f.owned()
	f.ok(parkLong(l))
	f.fenced(l, "ParkRun") // that one is a repetition
	l.WorkerID = ""
	f.fenced(l, "ParkRun")
}

func fencedPending(f *fixture) {
	r := f.create()
	f.fenced(backend.Lease{RunID: r.ID, Epoch: 0}, "RetryRun") // pending at this epoch: the state it asks for
	f.fenced(backend.Lease{RunID: r.ID, WorkerID: f.worker, Epoch: 1})
}

func fencedEnded(f *fixture) {
	_, done := f.owned()
	f.ok(complete(done, `1`))
	f.fenced(done, "CompleteRun")
	_, failed := f.owned()
	f.ok(fail(failed))
	f.fenced(failed, "FailRun")
}

func fencedCanceled(f *fixture) {
	r, l := f.owned()
	_, err := f.b.CancelRun(f.ctx, r.ID)
	f.noError(err, "CancelRun")
	f.fenced(l)
}

func fencedUnknown(f *fixture) {
	f.create()
	f.fenced(backend.Lease{RunID: backend.NewID(), WorkerID: f.worker, Epoch: 1})
}

func fencedRunningAttempt(f *fixture) {
	r, stale := f.owned()
	started := startStep(stale, "a")
	f.ok(started, park(stale, time.Time{}))
	f.claim(r.ID)
	f.unchanged("finishing a running attempt under an old epoch", func() {
		f.isErr("FinishStep", f.commit(finish(started, `1`))[0].Err, backend.ErrLeaseLost)
	})
}

// fencedFinal: an attempt that is final stays as it is, the owner's own words included.
func fencedFinal(f *fixture) {
	_, l := f.owned()
	done := finished(l, "a", `"first"`)
	f.ok(done)
	other := done
	other.Attempt.Status, other.Attempt.Output, other.Attempt.Error = backend.StepFailed, nil, someFailure()
	f.unchanged("finishing a completed attempt as failed", func() {
		f.isErr("FinishStep", f.commit(other)[0].Err, backend.ErrLeaseLost)
	})
	f.unchanged("finishing a completed attempt with another output", func() {
		f.isErr("FinishStep", f.commit(finish(done, `"second"`))[0].Err, backend.ErrLeaseLost)
	})
}

func fencedForeign(f *fixture) {
	_, mine := f.owned()
	_, theirs := f.owned()
	open, done := startStep(theirs, "open"), finished(theirs, "done", `1`)
	f.ok(open, done)
	f.unchanged("writing another run's attempt", func() {
		for _, t := range []backend.Transition{open, done, finish(open, `2`), finish(done, `2`)} {
			t.Lease = mine
			f.isErr(kindName(t.Kind)+" of another run's attempt", f.commit(t)[0].Err, backend.ErrLeaseLost)
		}
	})
}
