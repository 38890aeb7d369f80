package backendtest

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func leaseCases() []testCase {
	return []testCase{
		{"HoldsWhileItLasts", leaseHolds},
		{"Takeover", leaseTakeover},
		{"RecoveryDelay", leaseRecoveryDelay},
		{"RecoveryDelayAmongOthers", leaseRecoveryDelayAmongOthers},
		{"ProgressClearsRecoveries", leaseProgress},
		{"Extend", leaseExtend},
		{"ExtendRevives", leaseRevive},
		{"ExtendNamesTheLost", leaseLost},
		{"ExpiredButUnclaimedCommits", leaseExpiredCommits},
	}
}

const shortLease = 150 * time.Millisecond

// abandoned creates a run and claims it for a worker that will not be heard of again.
func (f *fixture) abandoned() (backend.Run, backend.Lease) {
	f.Helper()
	r := f.create()
	req := f.claimRequest(1)
	req.LeaseDuration, req.WorkerID = shortLease, backend.NewID()
	res := f.tryClaim(req)
	if len(res.Runs) != 1 || res.Runs[0].ID != r.ID {
		f.Fatalf("claimed %v, want %s", runIDs(res.Runs), r.ID)
	}
	return res.Runs[0], leaseOf(res.Runs[0])
}

func leaseHolds(f *fixture) {
	f.owned()
	req := f.claimRequest(1)
	req.WorkerID = backend.NewID()
	if res := f.tryClaim(req); len(res.Runs) > 0 {
		f.Errorf("claimed a run that another worker holds")
	}
}

func leaseTakeover(f *fixture) {
	first, dead := f.abandoned()
	r, now := f.claimEventually(f.claimRequest(1), first.ID)
	if now.Before(first.AvailableAt.Add(-precision)) {
		f.Errorf("taken over at %v, before the lease ended at %v", now, first.AvailableAt)
	}
	if r.Attempts != 2 || r.Recoveries != 1 || r.WorkerID != f.worker || r.Status != backend.RunRunning {
		f.Errorf("taken over as %+v", r)
	}
	f.unchanged("what the dead worker writes", func() {
		f.isErr("its park", f.commit(parkLong(dead))[0].Err, backend.ErrLeaseLost)
	})
	f.ok(complete(leaseOf(r), `1`))
}

func leaseRecoveryDelay(f *fixture) {
	r, _ := f.abandoned()
	req := f.claimRequest(1)
	req.LeaseDuration = shortLease
	second, _ := f.claimEventually(req, r.ID)
	var third backend.Run
	var now time.Time
	nextDue := time.Time{}
	f.eventually("the third worker gets the run", func() bool {
		res := f.tryClaim(req)
		now = res.Now
		if len(res.Runs) == 1 {
			third = res.Runs[0]
			return true
		}
		nextDue = res.NextDue
		return false
	})
	due := second.AvailableAt.Add(backend.RecoveryDelay(1))
	if now.Before(due.Add(-precision)) {
		f.Errorf("claimed at %v, want not before %v: a run whose owners keep dying waits", now, due)
	}
	if !(span{}).sameTime(nextDue, due) {
		f.Errorf("next due was %v, want %v", nextDue, due)
	}
	if third.Recoveries != 2 || third.Attempts != 3 {
		f.Errorf("recoveries %d at epoch %d, want 2 at 3", third.Recoveries, third.Attempts)
	}
}

// leaseRecoveryDelayAmongOthers asks what is due next: the run whose owners die is, once it has waited, or whatever is due before.
func leaseRecoveryDelayAmongOthers(f *fixture) {
	r, _ := f.abandoned()
	again, _ := f.claimEventually(f.claimRequest(1), r.ID)
	leaseEnd := again.AvailableAt
	due := leaseEnd.Add(backend.RecoveryDelay(1))
	next := func(what string, want time.Time) {
		f.Helper()
		if res := f.tryClaim(f.claimRequest(1)); len(res.Runs) > 0 || !(span{}).sameTime(res.NextDue, want) {
			f.Errorf("%s: claimed %v, next due %v, want none and %v", what, runIDs(res.Runs), res.NextDue, want)
		}
	}
	starting := func(at time.Time) { f.create(func(n *backend.NewRun) { n.StartAt = at }) }
	next("alone", due)
	starting(due.Add(time.Hour))
	next("another after it", due)
	starting(leaseEnd.Add(due.Sub(leaseEnd) / 2))
	next("another while it waits", leaseEnd.Add(due.Sub(leaseEnd)/2))
	starting(leaseEnd.Add(-time.Second))
	next("another before its lease ends", leaseEnd.Add(-time.Second))
}

func leaseProgress(f *fixture) {
	first, _ := f.abandoned()
	r, _ := f.claimEventually(f.claimRequest(1), first.ID)
	t := finished(leaseOf(r), "a", `1`)
	f.ok(t)
	if got := f.get(r.ID).Recoveries; got != 1 {
		f.Errorf("a step without progress left %d recoveries, want 1", got)
	}
	t = finished(leaseOf(r), "b", `1`)
	t.Progress, t.Plain = true, true // which is not only its own row
	f.ok(t)
	if got := f.get(r.ID).Recoveries; got != 0 {
		f.Errorf("a step with progress left %d recoveries, want 0", got)
	}
}

func (f *fixture) extend(d time.Duration, leases ...backend.Lease) backend.LeaseResult {
	f.Helper()
	res, err := f.b.ExtendLeases(f.ctx, backend.LeaseRequest{WorkerID: leases[0].WorkerID, Leases: leases, Duration: d})
	f.noError(err, "ExtendLeases")
	return res
}

func leaseExtend(f *fixture) {
	r, l := f.owned()
	before := f.get(r.ID)
	res := f.extend(2*nextHour, l)
	if len(res.Lost) > 0 {
		f.Fatalf("lost %v, want none", res.Lost)
	}
	after := f.get(r.ID)
	if d := after.AvailableAt.Sub(res.Now.Add(2 * nextHour)).Abs(); d > 2*precision {
		f.Errorf("the lease ends at %v, want two hours after %v", after.AvailableAt, res.Now)
	}
	before.AvailableAt, before.UpdatedAt = after.AvailableAt, after.UpdatedAt
	f.sameRow("the run after a heartbeat", span{}, after, before)
}

func leaseRevive(f *fixture) {
	r, l := f.abandoned()
	f.pass(r.AvailableAt)
	if res := f.extend(longLease, l); len(res.Lost) > 0 {
		f.Fatalf("an expired lease that nobody claimed was not revived")
	}
	if res := f.tryClaim(f.claimRequest(1)); len(res.Runs) > 0 {
		f.Errorf("claimed a run whose lease was revived")
	}
	f.ok(complete(l, `1`))
}

func leaseLost(f *fixture) {
	parked, l0 := f.owned()
	f.ok(parkLong(l0))
	ended, l1 := f.owned()
	f.ok(complete(l1, `1`))
	canceled, l2 := f.owned()
	_, err := f.b.CancelRun(f.ctx, canceled.ID)
	f.noError(err, "CancelRun")
	again, stale := f.owned()
	f.ok(park(stale, time.Time{}))
	f.claim(again.ID)
	held, good := f.owned()
	foreign, l3 := f.owned()
	unknown := backend.Lease{RunID: backend.NewID(), WorkerID: f.worker, Epoch: 1}
	before := f.get(held.ID).AvailableAt
	res := f.extend(2*nextHour, l0, l1, l2, stale, good, unknown)
	want := []string{parked.ID, ended.ID, canceled.ID, again.ID, unknown.RunID}
	f.sameIDs("lost", sorted(res.Lost), sorted(want))
	if got := f.get(held.ID).AvailableAt; !got.After(before) {
		f.Errorf("the lease beside the lost ones was not extended: %v, before %v", got, before)
	}
	f.unchanged("a heartbeat without a lease", func() {
		l3.WorkerID = backend.NewID()
		res := f.extend(2*nextHour, l3)
		f.sameIDs("lost to another worker", res.Lost, []string{foreign.ID})
		f.extend(2*nextHour, stale)
		f.extend(2*nextHour, l1)
	})
}

func leaseExpiredCommits(f *fixture) {
	r, l := f.abandoned()
	f.pass(r.AvailableAt)
	f.ok(finished(l, "late", `1`), complete(l, `"late"`))
	if got := f.get(r.ID); got.Status != backend.RunCompleted {
		f.Errorf("the run is %s: an expired lease that nobody claimed is still good", got.Status)
	}
}
