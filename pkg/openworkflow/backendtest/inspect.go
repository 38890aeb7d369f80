package backendtest

import (
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// inspectCases hold the optional Inspector to its word.
func inspectCases() []testCase {
	return []testCase{
		{"Tally", inspectTally},
		{"TallyUpToALimit", inspectTallyLimit},
		{"TallyFiltered", inspectTallyFiltered},
		{"Stats", inspectStats},
		{"StatsOfOneWorkflow", inspectStatsOfOne},
		{"StatsOfWhatIsDue", inspectStatsDue},
		{"WorkersByTheirLeases", inspectLeases},
		{"StepAttempts", inspectAttempts},
		{"Ping", inspectPing},
	}
}

func (f *fixture) inspector() backend.Inspector {
	f.Helper()
	i, ok := f.b.(backend.Inspector)
	if !ok {
		f.Skip("the backend is no Inspector")
	}
	return i
}

const enough = 1000 // more than the cases make

// tally asks for numbers, and holds them against those that are right.
func (f *fixture) tally(what string, filter backend.RunFilter, limit int64, want backend.RunCounts) {
	f.Helper()
	got, err := f.inspector().TallyRuns(f.ctx, filter, limit)
	f.noError(err, "TallyRuns")
	for _, status := range []backend.RunStatus{backend.RunPending, backend.RunRunning, backend.RunCompleted, backend.RunFailed, backend.RunCanceled} {
		n, all := got.Of(status), want.Of(status)
		open := n == limit || slices.Contains(got.AtLeast, status)
		if n > min(all, limit) || (n < all && !open) {
			f.Errorf("%s: %d runs are %s (at least: %v), want %d up to %d", what, n, status, got.AtLeast, all, limit)
		}
	}
}

// assorted makes runs in every status: 3 pending, 2 running (one of them parked), 4 completed, 2 failed, 1 canceled.
func (f *fixture) assorted() backend.RunCounts {
	f.Helper()
	for range 4 {
		_, l := f.owned()
		f.ok(complete(l, `1`))
	}
	for range 2 {
		_, l := f.owned()
		f.ok(fail(l))
	}
	_, parked := f.owned()
	f.ok(parkLong(parked))
	f.owned()
	f.cancel(f.create().ID)
	for range 3 {
		f.create()
	}
	return backend.RunCounts{Pending: 3, Running: 2, Completed: 4, Failed: 2, Canceled: 1}
}

func inspectTally(f *fixture) {
	f.inspector()
	f.tally("of nothing", backend.RunFilter{}, enough, backend.RunCounts{})
	want := f.assorted()
	f.tally("of all", backend.RunFilter{}, enough, want)
	f.tally("whatever the status asked for", backend.RunFilter{Status: backend.RunFailed, Live: true}, enough, want)
}

func inspectTallyLimit(f *fixture) {
	f.inspector()
	want := f.assorted()
	for _, limit := range []int64{1, 2, 3, 4} {
		f.tally("up to a limit", backend.RunFilter{}, limit, want)
	}
}

func inspectTallyFiltered(f *fixture) {
	f.inspector()
	f.assorted()
	f.pass(f.now().Add(5 * precision))
	other := f.create(withKey("k"), func(n *backend.NewRun) { n.WorkflowName, n.Version = "other", "v1" })
	f.create(func(n *backend.NewRun) { n.WorkflowName = "other" })
	f.tally("of a workflow", backend.RunFilter{WorkflowName: "other"}, enough, backend.RunCounts{Pending: 2})
	f.tally("of a version", backend.RunFilter{Version: "v1"}, enough, backend.RunCounts{Pending: 1})
	f.tally("of a key", backend.RunFilter{IdempotencyKey: "k"}, enough, backend.RunCounts{Pending: 1})
	f.tally("of a worker", backend.RunFilter{WorkerID: f.worker}, enough, backend.RunCounts{Running: 1})
	f.tally("since a time", backend.RunFilter{CreatedAfter: other.CreatedAt}, enough, backend.RunCounts{Pending: 2})
	f.tally("before a time", backend.RunFilter{CreatedBefore: other.CreatedAt}, enough,
		backend.RunCounts{Pending: 3, Running: 2, Completed: 4, Failed: 2, Canceled: 1})
}

func (f *fixture) stats(req backend.StatsRequest) backend.StatsResult {
	f.Helper()
	res, err := f.inspector().WorkflowStats(f.ctx, req)
	f.noError(err, "WorkflowStats")
	return res
}

func sumOf(w backend.WorkflowStats) (sum backend.StatsBucket) {
	for _, b := range w.Buckets {
		sum.Started += b.Started
		sum.Completed += b.Completed
		sum.Failed += b.Failed
	}
	return sum
}

func inspectStats(f *fixture) {
	f.inspector()
	r, slow := f.owned()
	f.pass(r.CreatedAt.Add(20 * precision))
	f.ok(complete(slow, `1`))
	f.assorted()
	f.create(func(n *backend.NewRun) { n.Version = "v2" })
	req := backend.StatsRequest{Window: 6 * time.Hour, Buckets: 6, Limit: enough}
	res := f.stats(req)
	if len(res.Workflows) != 2 {
		f.Fatalf("statistics of %+v, want the unversioned workflow and v2", res.Workflows)
	}
	w := res.Workflows[0]
	if !res.Sampled {
		f.busiest(w)
	} else if w.Version != "" {
		w = res.Workflows[1]
	}
	f.buckets(w, req, res.Now)
	for status, want := range map[backend.RunStatus]int64{backend.RunPending: 3, backend.RunCompleted: 5, backend.RunFailed: 2} {
		if n := w.Of(status); n > want || (n < want && !slices.Contains(w.AtLeast, status)) {
			f.Errorf("%d runs are %s (at least: %v), want %d", n, status, w.AtLeast, want)
		}
	}
}

// busiest checks the statistics of the workflow that most happened to, of which every run was looked at.
func (f *fixture) busiest(w backend.WorkflowStats) {
	f.Helper()
	if w.Name != f.key.Name || w.Version != "" {
		f.Errorf("%s %s comes first, want the busier workflow", w.Name, w.Version)
	}
	if sum := sumOf(w); sum.Started != 13 || sum.Completed != 5 || sum.Failed != 2 {
		f.Errorf("in the window: %+v, want 13 runs, of which 5 completed and 2 failed", sum)
	}
	if n := len(w.Buckets); n > 1 && w.Buckets[n-1].Started+w.Buckets[n-2].Started != 13 {
		f.Errorf("what happened now is not in the last buckets: %+v", w.Buckets)
	}
	if w.P50 < 0 || w.P95 < w.P50 || w.P95 < 18*precision || w.P95 > time.Minute {
		f.Errorf("half of the runs took %v, 95 %% of them %v; one took 20 ms", w.P50, w.P95)
	}
}

// buckets checks that they cover the window up to now, without gaps.
func (f *fixture) buckets(w backend.WorkflowStats, req backend.StatsRequest, now time.Time) {
	f.Helper()
	width := req.Window / time.Duration(req.Buckets)
	if len(w.Buckets) != req.Buckets {
		f.Fatalf("%d buckets, want %d", len(w.Buckets), req.Buckets)
	}
	for i := range w.Buckets[1:] {
		if w.Buckets[i+1].Start.Sub(w.Buckets[i].Start) != width {
			f.Errorf("buckets begin at %v and %v, want %v apart", w.Buckets[i].Start, w.Buckets[i+1].Start, width)
		}
	}
	if last := w.Buckets[req.Buckets-1].Start; last.After(now) || now.Sub(last) >= width {
		f.Errorf("the last bucket begins at %v, and now is %v", last, now)
	}
}

func inspectStatsOfOne(f *fixture) {
	f.inspector()
	_, l := f.owned()
	f.ok(complete(l, `1`))
	f.create(func(n *backend.NewRun) { n.WorkflowName = "other" })
	res := f.stats(backend.StatsRequest{Window: time.Hour, Buckets: 1, WorkflowName: "other", Limit: enough})
	if len(res.Workflows) != 1 || res.Workflows[0].Name != "other" || sumOf(res.Workflows[0]).Started != 1 {
		f.Errorf("statistics of one workflow: %+v", res.Workflows)
	}
	if res := f.stats(backend.StatsRequest{Window: time.Hour, Buckets: 1, WorkflowName: "none", Limit: enough}); len(res.Workflows) != 0 {
		f.Errorf("statistics of a workflow without runs: %+v", res.Workflows)
	}
}

// inspectStatsDue: the queue's lag is of what nobody has claimed.
func inspectStatsDue(f *fixture) {
	f.inspector()
	due := func(workflow string) time.Time {
		f.Helper()
		for _, w := range f.stats(backend.StatsRequest{Window: time.Hour, Buckets: 1, Limit: enough}).Workflows {
			if w.Name == workflow {
				return w.OldestDue
			}
		}
		f.Fatalf("no statistics of %s, which has a run that has not ended", workflow)
		return time.Time{}
	}
	f.create(func(n *backend.NewRun) { n.WorkflowName, n.StartAfter = "later", nextHour })
	if at := due("later"); !at.IsZero() {
		f.Errorf("a run that is to start in an hour has been due since %v", at)
	}
	first := f.create()
	f.pass(first.AvailableAt.Add(5 * precision))
	f.create()
	if at := due(f.key.Name); !(span{}).sameTime(at, first.AvailableAt) {
		f.Errorf("the oldest run is due since %v, want %v", at, first.AvailableAt)
	}
	f.claim(first.ID)
	if at := due(f.key.Name); !at.After(first.AvailableAt) {
		f.Errorf("a run that is claimed counts as waiting since %v", at)
	}
	f.tryClaim(f.claimRequest(10))
	if at := due(f.key.Name); !at.IsZero() {
		f.Errorf("nothing waits, but since %v", at)
	}
}

func (f *fixture) workers() []backend.WorkerRecord {
	f.Helper()
	ws, err := f.inspector().ListWorkers(f.ctx, time.Minute)
	f.noError(err, "ListWorkers")
	return ws
}

func inspectLeases(f *fixture) {
	f.inspector()
	if ws := f.workers(); len(ws) != 0 {
		f.Errorf("workers of an empty namespace: %+v", ws)
	}
	runs := f.ownedMany(3)
	f.ok(parkLong(leaseOf(runs[2])))
	other := f.claimRequest(1)
	other.WorkerID, other.LeaseDuration = backend.NewID(), 100*time.Millisecond
	f.create()
	f.tryClaim(other)
	f.pass(f.now().Add(110 * time.Millisecond))
	ws := f.workers()
	if len(ws) != 1 || ws[0].ID != f.worker || ws[0].Holding != 2 || ws[0].Language != "" || !ws[0].SeenAt.IsZero() {
		f.Errorf("workers %+v, want the one with two live leases", ws)
	}
}

func inspectAttempts(f *fixture) {
	i := f.inspector()
	_, l := f.owned()
	a, b := finished(l, "a", `{"x":1}`), startStep(l, "b")
	f.ok(a, b)
	got, err := i.GetStepAttempts(f.ctx, []string{b.Attempt.ID, "unknown", a.Attempt.ID, a.Attempt.ID, "'"})
	f.noError(err, "GetStepAttempts")
	if len(got) != 2 {
		f.Fatalf("%d attempts, want two", len(got))
	}
	for _, one := range got {
		f.sameRow("attempt "+one.StepName, span{}, one, f.attempt(l.RunID, one.ID))
	}
	got, err = i.GetStepAttempts(f.ctx, nil)
	f.noError(err, "GetStepAttempts")
	if len(got) != 0 {
		f.Errorf("asked for nothing, got %+v", got)
	}
}

func inspectPing(f *fixture) {
	f.noError(f.inspector().Ping(f.ctx), "Ping")
}
