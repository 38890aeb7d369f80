package backendtest

import (
	"errors"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func reclaimCases() []testCase {
	return []testCase{
		{"BeforeItIsDue", reclaimParked},
		{"Again", reclaimAgain},
		{"Refused", reclaimRefused},
		{"AgainstClaims", reclaimRace},
	}
}

func (f *fixture) reclaimRequest(l backend.Lease) backend.ReclaimRequest {
	return backend.ReclaimRequest{RunID: l.RunID, WorkerID: l.WorkerID, Epoch: l.Epoch, LeaseDuration: longLease}
}

func reclaimParked(f *fixture) {
	r, l := f.owned()
	f.ok(parkLong(l))
	parked := f.get(r.ID)
	var res backend.ReclaimResult
	var err error
	s := f.during(func() { res, err = f.b.ReclaimRun(f.ctx, f.reclaimRequest(l)) })
	f.noError(err, "ReclaimRun")
	want := parked
	backend.ApplyClaim(&want, l.WorkerID, longLease, moment)
	want.AvailableAt = res.Run.AvailableAt
	f.sameRow("the reclaimed run", s, res.Run, want)
	if !s.sameTime(res.Run.AvailableAt.Add(-longLease), moment) || !s.sameTime(res.Now, moment) {
		f.Errorf("lease end %v, now %v", res.Run.AvailableAt, res.Now)
	}
	f.sameRow("the run read back", span{}, f.get(r.ID), res.Run)
	f.ok(complete(leaseOf(res.Run), `1`))
}

func reclaimAgain(f *fixture) {
	_, l := f.owned()
	f.ok(parkLong(l))
	first, err := f.b.ReclaimRun(f.ctx, f.reclaimRequest(l))
	f.noError(err, "ReclaimRun")
	again, err := f.b.ReclaimRun(f.ctx, f.reclaimRequest(l))
	f.noError(err, "ReclaimRun after a lost answer")
	if again.Run.Attempts != first.Run.Attempts || !again.Run.Owned(leaseOf(first.Run)) {
		f.Errorf("the repeated call answered epoch %d, want %d", again.Run.Attempts, first.Run.Attempts)
	}
}

func reclaimRefused(f *fixture) {
	_, l0 := f.owned()
	_, l1 := f.owned()
	f.ok(complete(l1, `1`))
	_, l2 := f.owned()
	f.ok(retry(l2, time.Now().Add(nextHour)))
	claimed, l3 := f.owned()
	f.ok(park(l3, time.Time{}))
	other := *f
	other.worker = backend.NewID()
	other.claim(claimed.ID)
	_, l4 := f.owned()
	f.ok(parkLong(l4))
	l4.Epoch++
	_, l5 := f.owned()
	f.ok(park(l5, time.Time{}))
	l6 := leaseOf(f.claim(l5.RunID))
	f.ok(parkLong(l6))
	f.unchanged("a reclaim that is refused", func() {
		for what, l := range map[string]backend.Lease{
			"an owned run": l0, "an ended run": l1, "a run that waits for its retry": l2, "a run that another claimed": l3,
			"a later epoch than the park's": l4, "an earlier epoch than the park's": l5,
			"an unknown run": {RunID: backend.NewID(), WorkerID: f.worker, Epoch: 1},
		} {
			_, err := f.b.ReclaimRun(f.ctx, f.reclaimRequest(l))
			f.isErr(what, err, backend.ErrLeaseLost)
		}
	})
}

// reclaimRace lets the worker that parked the run and others that claim it run into each other.
func reclaimRace(f *fixture) {
	for range 20 {
		r, l := f.owned()
		f.ok(park(l, time.Time{}))
		got := together(4, func(i int) string {
			if i == 0 {
				res, err := f.b.ReclaimRun(f.ctx, f.reclaimRequest(l))
				return owner(res.Run, err)
			}
			req := f.claimRequest(1)
			req.WorkerID = backend.NewID()
			res, err := f.b.ClaimRuns(f.ctx, req)
			if err != nil || len(res.Runs) == 0 {
				return owner(backend.Run{}, err)
			}
			return owner(res.Runs[0], nil)
		})
		winners := 0
		for _, w := range got {
			if w != "" {
				winners++
			}
		}
		if end := f.get(r.ID); winners != 1 || end.Attempts != 2 {
			f.Fatalf("winners: %q; the run ended at epoch %d", got, end.Attempts)
		}
	}
}

func owner(r backend.Run, err error) string {
	if err != nil && !errors.Is(err, backend.ErrLeaseLost) {
		return "error: " + err.Error()
	}
	return r.WorkerID
}
