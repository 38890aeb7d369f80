package backendtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func claimCases() []testCase {
	return []testCase{
		{"Row", claimRow},
		{"Exclusive", claimExclusive},
		{"ExclusiveForOneRun", claimExclusiveOne},
		{"OnceInOneAnswer", claimOnce},
		{"DueOrder", claimDueOrder},
		{"Turns", claimTurns},
		{"NullVersionMatchesNull", claimVersions},
		{"OnlyWhatIsNamed", claimNamed},
		{"Exclude", claimExclude},
		{"NextDue", claimNextDue},
		{"Deadline", claimDeadline},
		{"ParkedRunCostsNothing", claimParked},
		{"RetriedRun", claimRetried},
		{"NothingAsked", claimNothing},
	}
}

func claimRow(f *fixture) {
	created := f.create()
	var got backend.Run
	s := f.during(func() { got = f.claim(created.ID) })
	want := created
	backend.ApplyClaim(&want, f.worker, longLease, moment)
	lease := got.AvailableAt
	want.AvailableAt, got.AvailableAt = time.Time{}, time.Time{}
	f.sameRow("the claimed run", s, got, want)
	if !s.sameTime(lease.Add(-longLease), moment) {
		f.Errorf("the lease ends at %v, want %v after the claim", lease, longLease)
	}
	got.AvailableAt = lease
	f.sameRow("the run read back", span{}, f.get(got.ID), got)
}

func claimExclusive(f *fixture) {
	const n = 150
	asked := make([]backend.NewRun, n)
	for i := range asked {
		asked[i] = f.newRun()
	}
	f.createAll(asked...)
	got := together(8, func(i int) []string {
		var ids []string
		req := f.claimRequest(7)
		req.WorkerID = backend.NewID()
		for {
			res, err := f.b.ClaimRuns(f.ctx, req)
			if err != nil {
				return []string{fmt.Sprint("error: ", err)}
			}
			if len(res.Runs) == 0 {
				return ids
			}
			for _, r := range res.Runs {
				ids = append(ids, r.ID)
				if r.Attempts != 1 || r.WorkerID != req.WorkerID {
					ids = append(ids, fmt.Sprintf("run %s claimed at epoch %d for %s", r.ID, r.Attempts, r.WorkerID))
				}
			}
		}
	})
	all := slices.Concat(got...)
	// A worker may have met only rows that others were just claiming: the rest is still to be had.
	for res := f.tryClaim(f.claimRequest(50)); len(res.Runs) > 0; res = f.tryClaim(f.claimRequest(50)) {
		all = append(all, runIDs(res.Runs)...)
	}
	want := make([]string, n)
	for i := range asked {
		want[i] = asked[i].ID
	}
	f.sameIDs("claimed by all workers together", sorted(all), sorted(want))
}

func claimExclusiveOne(f *fixture) {
	for range 15 {
		r := f.create()
		got := together(6, func(i int) int {
			req := f.claimRequest(1)
			req.WorkerID = backend.NewID()
			res, err := f.b.ClaimRuns(f.ctx, req)
			if err != nil {
				return 100
			}
			return len(res.Runs)
		})
		sum := 0
		for _, n := range got {
			sum += n
		}
		if sum != 1 {
			f.Fatalf("run %s was claimed %d times (claims per worker: %v)", r.ID, sum, got)
		}
	}
}

// claimOnce: not even a lease that ends at once lets a run come twice in one answer.
func claimOnce(f *fixture) {
	ids := f.backlog(4)
	req := f.claimRequest(50)
	req.LeaseDuration = time.Microsecond
	f.sameIDs("claimed", runIDs(f.tryClaim(req).Runs), ids)
}

// backlog creates runs that have been due since distinct times, the first longest, in another order.
func (f *fixture) backlog(n int, change ...func(*backend.NewRun)) []string {
	f.Helper()
	since := time.Now().Add(-nextHour).Truncate(time.Millisecond)
	asked, ids := make([]backend.NewRun, n), make([]string, n)
	for i := range n {
		asked[i] = f.newRun(append(change, func(r *backend.NewRun) { r.StartAt = since.Add(time.Duration(i) * time.Second) })...)
		ids[i] = asked[i].ID
	}
	slices.Reverse(asked)
	asked[0], asked[n/2] = asked[n/2], asked[0]
	f.createAll(asked...)
	return ids
}

func claimDueOrder(f *fixture) {
	ids := f.backlog(7)
	f.sameIDs("first claim", runIDs(f.tryClaim(f.claimRequest(3)).Runs), ids[:3])
	f.sameIDs("second claim", runIDs(f.tryClaim(f.claimRequest(10)).Runs), ids[3:])
}

func claimTurns(f *fixture) {
	a := f.backlog(6)
	b := f.backlog(6, func(n *backend.NewRun) { n.WorkflowName = "b" })
	req := f.claimRequest(6)
	req.Workflows = []backend.WorkflowKey{f.key, {Name: "b"}}
	res := f.tryClaim(req)
	f.sameIDs("a turn for each", sorted(runIDs(res.Runs)), sorted(append(slices.Clone(a[:3]), b[:3]...)))
	req.Workflows, req.Limit = []backend.WorkflowKey{{Name: "b"}, f.key}, 1
	f.sameIDs("the first named comes first", runIDs(f.tryClaim(req).Runs), b[3:4])
	req.Limit = 10
	if res := f.tryClaim(req); len(res.Runs) != 5 {
		f.Errorf("a workflow with fewer runs held the other back: got %d of 5", len(res.Runs))
	}
}

func claimVersions(f *fixture) {
	plain := f.create()
	v1 := f.create(func(n *backend.NewRun) { n.Version = "v1" })
	req := f.claimRequest(10)
	req.Workflows = []backend.WorkflowKey{{Name: f.key.Name, Version: "v2"}}
	f.sameIDs("v2", runIDs(f.tryClaim(req).Runs), []string{})
	req.Workflows = []backend.WorkflowKey{{Name: f.key.Name}}
	f.sameIDs("unversioned", runIDs(f.tryClaim(req).Runs), []string{plain.ID})
	req.Workflows = []backend.WorkflowKey{{Name: f.key.Name, Version: "v1"}}
	f.sameIDs("v1", runIDs(f.tryClaim(req).Runs), []string{v1.ID})
}

func claimNamed(f *fixture) {
	f.create(func(n *backend.NewRun) { n.WorkflowName = "other" })
	f.sameIDs("claimed", runIDs(f.tryClaim(f.claimRequest(10)).Runs), []string{})
}

func claimExclude(f *fixture) {
	ids := f.backlog(4)
	req := f.claimRequest(10)
	req.Exclude = []string{ids[0], ids[2], backend.NewID()}
	f.sameIDs("claimed beside the excluded", runIDs(f.tryClaim(req).Runs), []string{ids[1], ids[3]})
	if res := f.tryClaim(req); len(res.Runs) > 0 {
		f.Errorf("claimed excluded runs: %v", runIDs(res.Runs))
	}
	req.Exclude = nil
	f.sameIDs("claimed when excluded no more", runIDs(f.tryClaim(req).Runs), []string{ids[0], ids[2]})
}

func claimNextDue(f *fixture) {
	if res := f.tryClaim(f.claimRequest(1)); !res.NextDue.IsZero() || res.Now.IsZero() {
		f.Errorf("of an empty store: next due %v, now %v", res.NextDue, res.Now)
	}
	at := time.Now().Add(30 * time.Minute)
	f.create(func(n *backend.NewRun) { n.StartAt = at.Add(time.Minute) })
	f.create(func(n *backend.NewRun) { n.StartAt = at })
	f.create(func(n *backend.NewRun) { n.StartAt, n.WorkflowName = at.Add(-time.Minute), "other" })
	res := f.tryClaim(f.claimRequest(1))
	if len(res.Runs) > 0 || !(span{}).sameTime(res.NextDue, at) {
		f.Errorf("claimed %v, next due %v, want none and %v", runIDs(res.Runs), res.NextDue, at)
	}
	_, l := f.owned()
	f.ok(park(l, at.Add(-time.Minute)))
	if res := f.tryClaim(f.claimRequest(1)); !(span{}).sameTime(res.NextDue, at.Add(-time.Minute)) {
		f.Errorf("next due %v, want the parked run's %v", res.NextDue, at.Add(-time.Minute))
	}
}

func claimDeadline(f *fixture) {
	f.create(func(n *backend.NewRun) { n.DeadlineAt = time.Now().Add(-time.Minute) })
	ahead := f.create(func(n *backend.NewRun) { n.DeadlineAt = time.Now().Add(nextHour) })
	f.sameIDs("claimed", runIDs(f.tryClaim(f.claimRequest(10)).Runs), []string{ahead.ID})
}

func claimParked(f *fixture) {
	r, l := f.owned()
	for i := range 3 {
		f.ok(park(l, time.Time{}))
		again := f.claim(r.ID)
		if again.Attempts != i+2 || again.Recoveries != 0 || again.Failures != 0 || !again.StartedAt.Equal(r.StartedAt) {
			f.Fatalf("after park and claim: epoch %d, recoveries %d, failures %d, started at %v; first at %v",
				again.Attempts, again.Recoveries, again.Failures, again.StartedAt, r.StartedAt)
		}
		l = leaseOf(again)
	}
}

func claimRetried(f *fixture) {
	r, l := f.owned()
	f.ok(retry(l, time.Time{}))
	again := f.claim(r.ID)
	if again.Attempts != 2 || again.Failures != 1 || again.Recoveries != 0 || again.StartedAt.IsZero() {
		f.Errorf("claimed after a workflow failure: %+v", again)
	}
}

func claimNothing(f *fixture) {
	f.create()
	for _, change := range []func(*backend.ClaimRequest){
		func(r *backend.ClaimRequest) { r.Limit = 0 },
		func(r *backend.ClaimRequest) { r.Workflows = nil },
	} {
		req := f.claimRequest(1)
		change(&req)
		if res := f.tryClaim(req); len(res.Runs) > 0 {
			f.Errorf("claimed %d runs, asked for none", len(res.Runs))
		}
	}
}
