package backendtest

import (
	"errors"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func reclaimCases() []testCase {
	return []testCase{
		{"BeforeItIsDue", reclaimParked},
		{"Again", reclaimAgain},
		{"Refused", reclaimRefused},
		{"AgainstClaims", reclaimRace},
		{"Several", reclaimSeveral},
		{"SeveralAgainstClaims", reclaimSeveralRace},
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

func (f *fixture) batchReclaimer() backend.BatchReclaimer {
	f.Helper()
	b, ok := f.b.(backend.BatchReclaimer)
	if !ok {
		f.Skip("the backend is no BatchReclaimer")
	}
	return b
}

func (f *fixture) reclaimRuns(b backend.BatchReclaimer, leases ...backend.Lease) (backend.ClaimResult, error) {
	reqs := make([]backend.ReclaimRequest, len(leases))
	for i, l := range leases {
		reqs[i] = f.reclaimRequest(l)
	}
	return b.ReclaimRuns(f.ctx, reqs)
}

func reclaimSeveral(f *fixture) {
	b := f.batchReclaimer()
	var leases []backend.Lease
	parked := make(map[string]backend.Run)
	for range 5 {
		r, l := f.owned()
		f.ok(parkLong(l))
		leases, parked[r.ID] = append(leases, l), f.get(r.ID)
	}
	_, owned := f.owned()
	_, ended := f.owned()
	f.ok(complete(ended, `1`))
	_, later := f.owned()
	f.ok(parkLong(later))
	later.Epoch++
	unknown := backend.Lease{RunID: backend.NewID(), WorkerID: f.worker, Epoch: 1}
	slices.Reverse(leases)
	var res backend.ClaimResult
	var err error
	s := f.during(func() { res, err = f.reclaimRuns(b, append(leases, owned, ended, later, unknown)...) })
	f.noError(err, "ReclaimRuns")
	if len(res.Runs) != len(leases) || !s.sameTime(res.Now, moment) {
		f.Fatalf("took %d of %d runs back, now %v", len(res.Runs), len(leases), res.Now)
	}
	for _, got := range res.Runs {
		want := parked[got.ID]
		backend.ApplyClaim(&want, f.worker, longLease, moment)
		want.AvailableAt = got.AvailableAt
		f.sameRow("a run taken back", s, got, want)
		f.sameRow("the run read back", span{}, f.get(got.ID), got)
		f.ok(complete(leaseOf(got), `1`))
	}
	f.unchanged("a reclaim of what is gone", func() {
		again, err := f.reclaimRuns(b, append(leases, owned)...)
		f.noError(err, "ReclaimRuns")
		if len(again.Runs) != 0 {
			f.Errorf("took %d runs back twice", len(again.Runs))
		}
	})
}

// reclaimSeveralRace lets the worker that parked many runs and others that claim them run into each other.
func reclaimSeveralRace(f *fixture) {
	b := f.batchReclaimer()
	var leases []backend.Lease
	for range 40 {
		_, l := f.owned()
		leases = append(leases, l)
	}
	for _, l := range leases {
		f.ok(park(l, time.Time{}))
	}
	got := together(4, func(i int) []backend.Run {
		req := f.claimRequest(len(leases))
		req.WorkerID = backend.NewID()
		call := func() (backend.ClaimResult, error) { return f.b.ClaimRuns(f.ctx, req) }
		if i == 0 {
			call = func() (backend.ClaimResult, error) { return f.reclaimRuns(b, leases...) }
		}
		res, err := call()
		if err != nil {
			f.Error(err)
		}
		return res.Runs
	})
	owners := make(map[string]string)
	for _, runs := range got {
		for _, r := range runs {
			if other, twice := owners[r.ID]; twice {
				f.Errorf("run %s was given to %s and to %s", r.ID, other, r.WorkerID)
			}
			owners[r.ID] = r.WorkerID
		}
	}
	for _, l := range leases {
		if end := f.get(l.RunID); end.Attempts != 2 || end.WorkerID != owners[l.RunID] {
			f.Errorf("run %s is %s's at epoch %d; it was given to %q", l.RunID, end.WorkerID, end.Attempts, owners[l.RunID])
		}
	}
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
