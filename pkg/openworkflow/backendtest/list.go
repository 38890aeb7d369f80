package backendtest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func listCases() []testCase {
	return []testCase{
		{"RunsBothWays", listRuns},
		{"AttemptsBothWays", listAttempts},
		{"Filters", listFilters},
		{"FilterByWorker", listByWorker},
		{"FilterByLife", listLive},
		{"FilteredPages", listFilteredPages},
		{"WithoutPayloads", listWithoutPayloads},
		{"Empty", listEmpty},
		{"Counts", listCounts},
		{"GetRuns", listGet},
		{"RunStates", listStates},
	}
}

type key struct {
	at time.Time
	id string
}

func compareKeys(a, b key) int {
	if c := a.at.Compare(b.at); c != 0 {
		return c
	}
	return cmp.Compare(a.id, b.id)
}

// pager reads a list by pages.
type pager[T any] struct {
	f    *fixture
	list func(backend.PageRequest) (backend.Page[T], error)
	key  func(T) key
}

func (p pager[T]) page(req backend.PageRequest) (ids []string, page backend.Page[T]) {
	p.f.Helper()
	page, err := p.list(req)
	p.f.noError(err, "reading a page")
	for _, item := range page.Items {
		ids = append(ids, p.key(item).id)
	}
	return ids, page
}

func (p pager[T]) cursor(item T) *backend.Cursor {
	k := p.key(item)
	return &backend.Cursor{CreatedAt: k.at, ID: k.id}
}

// bothWays reads all of the list forwards and back again, and checks each page against the whole.
func (p pager[T]) bothWays(want []string, limit int) {
	p.f.Helper()
	var got []string
	var last backend.Page[T]
	req := backend.PageRequest{Limit: limit}
	for {
		ids, page := p.page(req)
		got = append(got, ids...)
		if len(got) > len(want) || len(ids) == 0 {
			p.f.Fatalf("reading on past the end by %ds: %v", limit, got)
		}
		p.flags(fmt.Sprint("forwards, page to ", len(got)), page.HasPrev, page.HasNext, len(got) > len(ids), len(got) < len(want))
		last = page
		if !page.HasNext {
			break
		}
		req.After = p.cursor(page.Items[len(page.Items)-1])
	}
	p.f.sameIDs("forwards", got, want)
	from := len(got) - len(last.Items)
	for from > 0 {
		ids, page := p.page(backend.PageRequest{Limit: limit, Before: p.cursor(last.Items[0])})
		lo := max(0, from-limit)
		p.f.sameIDs("backwards", ids, want[lo:from])
		p.flags(fmt.Sprint("backwards, page from ", lo), page.HasPrev, page.HasNext, lo > 0, true)
		from, last = lo, page
	}
}

// walk reads on in one direction to the end, over pages that a backend has stopped; stopped counts these.
func (p pager[T]) walk(req backend.PageRequest) (all []string, stopped int) {
	p.f.Helper()
	for range enough {
		ids, page := p.page(req)
		if len(ids) > req.Limit {
			p.f.Fatalf("a page of %d has %d items", req.Limit, len(ids))
		}
		at, more := page.Stopped, page.HasNext
		if req.Before != nil {
			more = page.HasPrev
		}
		if at != nil {
			stopped++
			if !more {
				p.f.Fatalf("a page that was stopped says that there is no more")
			}
		}
		if req.Before == nil {
			all = append(all, ids...)
		} else {
			all = append(ids, all...)
		}
		switch {
		case !more:
			return all, stopped
		case at == nil && len(ids) == 0:
			p.f.Fatalf("an empty page that says that there is more, and not where")
		case req.Before != nil:
			if at == nil {
				at = p.cursor(page.Items[0])
			}
			req.Before = at
		default:
			if at == nil {
				at = p.cursor(page.Items[len(page.Items)-1])
			}
			req.After = at
		}
	}
	p.f.Fatalf("the list does not end")
	return nil, 0
}

// filteredBothWays reads what a filter selects forwards and back again. Pages that a backend stops may be short,
// but nothing may be missing.
func (p pager[T]) filteredBothWays(want []string, limit int) {
	p.f.Helper()
	got, stopped := p.walk(backend.PageRequest{Limit: limit})
	p.f.sameIDs("forwards", slices.Concat(got), slices.Concat(want))
	back, stoppedBack := p.walk(backend.PageRequest{Limit: limit, Before: &backend.Cursor{}})
	p.f.sameIDs("backwards", slices.Concat(back), slices.Concat(want))
	if stopped+stoppedBack == 0 && len(want) > 0 {
		p.bothWays(want, limit)
	}
}

func (p pager[T]) flags(what string, prev, next, wantPrev, wantNext bool) {
	p.f.Helper()
	if prev != wantPrev || next != wantNext {
		p.f.Errorf("%s: has previous %v, has next %v; want %v, %v", what, prev, next, wantPrev, wantNext)
	}
}

func (f *fixture) runPager(filter backend.RunFilter) pager[backend.Run] {
	return pager[backend.Run]{f,
		func(req backend.PageRequest) (backend.Page[backend.Run], error) {
			return f.b.ListRuns(f.ctx, filter, req)
		},
		func(r backend.Run) key { return key{r.CreatedAt, r.ID} },
	}
}

// listRuns: created in batches, so that many have one created_at.
func listRuns(f *fixture) {
	var all []backend.Run
	for range 3 {
		batch := []backend.NewRun{f.newRun(), f.newRun(), f.newRun(), f.newRun()}
		all = append(all, f.createAll(batch...)...)
	}
	slices.SortFunc(all, func(a, b backend.Run) int {
		return compareKeys(key{b.CreatedAt, b.ID}, key{a.CreatedAt, a.ID})
	})
	for _, limit := range []int{1, 5, 6, 11, 12, 100} {
		f.runPager(backend.RunFilter{}).bothWays(runIDs(all), limit)
	}
}

func listAttempts(f *fixture) {
	_, l := f.owned()
	at := time.Now().Truncate(time.Millisecond)
	var ts []backend.Transition
	var keys []key
	for i := range 9 {
		t := finished(l, "step", `1`)
		t.Attempt.StartedAt = at.Add(time.Duration(i/4) * time.Millisecond)
		ts, keys = append(ts, t), append(keys, key{t.Attempt.StartedAt, t.Attempt.ID})
	}
	f.ok(ts...)
	slices.SortFunc(keys, compareKeys)
	want := make([]string, len(keys))
	for i, k := range keys {
		want[i] = k.id
	}
	p := pager[backend.StepAttempt]{f,
		func(req backend.PageRequest) (backend.Page[backend.StepAttempt], error) {
			return f.b.ListStepAttempts(f.ctx, l.RunID, req)
		},
		func(a backend.StepAttempt) key { return key{a.CreatedAt, a.ID} },
	}
	for _, limit := range []int{1, 2, 4, 9, 50} {
		p.bothWays(want, limit)
	}
}

func listFilters(f *fixture) {
	_, l := f.owned()
	f.ok(complete(l, `1`))
	v1 := f.create(func(n *backend.NewRun) { n.Version = "v1" })
	f.pass(f.now().Add(5 * precision))
	other := f.create(withKey("k"), func(n *backend.NewRun) { n.WorkflowName = "other" })
	plain := f.create(func(n *backend.NewRun) { n.WorkflowName = "other" })
	for _, c := range []struct {
		name   string
		filter backend.RunFilter
		want   []string
	}{
		{"status", backend.RunFilter{Status: backend.RunCompleted}, []string{l.RunID}},
		{"another status", backend.RunFilter{Status: backend.RunFailed}, nil},
		{"name", backend.RunFilter{WorkflowName: "other"}, []string{other.ID, plain.ID}},
		{"version", backend.RunFilter{Version: "v1"}, []string{v1.ID}},
		{"key", backend.RunFilter{IdempotencyKey: "k"}, []string{other.ID}},
		{"created at or after", backend.RunFilter{CreatedAfter: other.CreatedAt}, []string{other.ID, plain.ID}},
		{"created before", backend.RunFilter{CreatedBefore: other.CreatedAt}, []string{l.RunID, v1.ID}},
		{"created before all", backend.RunFilter{CreatedBefore: f.get(l.RunID).CreatedAt}, nil},
		{"two at once", backend.RunFilter{Status: backend.RunPending, WorkflowName: f.key.Name}, []string{v1.ID}},
		{"a quote", backend.RunFilter{WorkflowName: "' OR 1=1 --"}, nil},
	} {
		f.selects("filter by "+c.name, c.filter, c.want...)
	}
}

// selects walks through all that a filter selects, in whatever order it is wanted.
func (f *fixture) selects(what string, filter backend.RunFilter, want ...string) {
	f.Helper()
	got, _ := f.runPager(filter).walk(backend.PageRequest{Limit: 10})
	f.sameIDs(what, sorted(got), sorted(want))
}

// listByWorker: a worker's runs are those that its leases are on.
func listByWorker(f *fixture) {
	runs := f.ownedMany(4)
	f.ok(parkLong(leaseOf(runs[0])), complete(leaseOf(runs[1]), `1`))
	short := f.claimRequest(1)
	short.WorkerID, short.LeaseDuration = "short", 50*time.Millisecond
	f.create(func(n *backend.NewRun) { n.Version = "v1" })
	short.Workflows[0].Version = "v1"
	f.tryClaim(short)
	f.selects("a worker", backend.RunFilter{WorkerID: f.worker}, runs[2].ID, runs[3].ID)
	f.selects("a worker and another status", backend.RunFilter{WorkerID: f.worker, Status: backend.RunCompleted})
	f.selects("a worker and a version", backend.RunFilter{WorkerID: f.worker, Version: "v1"})
	f.pass(f.now().Add(60 * time.Millisecond))
	f.selects("a worker whose lease has run out", backend.RunFilter{WorkerID: "short"})
	f.selects("nobody", backend.RunFilter{WorkerID: "nobody"})
	f.runPager(backend.RunFilter{WorkerID: f.worker}).bothWays(newestFirst(f.get(runs[2].ID), f.get(runs[3].ID)), 1)
}

func newestFirst(runs ...backend.Run) []string {
	runs = slices.Clone(runs)
	slices.SortFunc(runs, func(a, b backend.Run) int {
		return compareKeys(key{b.CreatedAt, b.ID}, key{a.CreatedAt, a.ID})
	})
	return runIDs(runs)
}

func listLive(f *fixture) {
	var live []backend.Run
	for range 2 {
		_, done := f.owned()
		f.ok(complete(done, `1`))
		parked, l := f.owned()
		f.ok(parkLong(l))
		_, failed := f.owned()
		f.ok(fail(failed))
		live = append(live, parked)
	}
	owned, _ := f.owned()
	live = append(live, owned, f.create(), f.create(func(n *backend.NewRun) { n.WorkflowName = "other" }))
	f.selects("what has not ended", backend.RunFilter{Live: true}, runIDs(live)...)
	f.selects("what has not ended and is pending", backend.RunFilter{Live: true, Status: backend.RunPending}, live[3].ID, live[4].ID)
	f.selects("what has not ended and has failed", backend.RunFilter{Live: true, Status: backend.RunFailed})
	f.selects("what has not ended of a workflow", backend.RunFilter{Live: true, WorkflowName: "other"}, live[4].ID)
	f.runPager(backend.RunFilter{Live: true}).filteredBothWays(newestFirst(live...), 2)
	f.runPager(backend.RunFilter{Status: backend.RunRunning}).filteredBothWays(newestFirst(live[0], live[1], live[2]), 2)
}

func listFilteredPages(f *fixture) {
	var want []backend.Run
	for i := range 12 {
		r := f.create(func(n *backend.NewRun) {
			if i%3 == 0 {
				n.WorkflowName = "other"
			}
		})
		if i%3 != 0 {
			want = append(want, r)
		}
	}
	for _, limit := range []int{1, 3, 8, 100} {
		f.runPager(backend.RunFilter{WorkflowName: f.key.Name}).filteredBothWays(newestFirst(want...), limit)
	}
	for _, id := range []string{want[1].ID, want[6].ID} {
		f.cancel(id)
	}
	f.runPager(backend.RunFilter{Status: backend.RunCanceled}).filteredBothWays(newestFirst(want[1], want[6]), 1)
	f.runPager(backend.RunFilter{Status: backend.RunCanceled, WorkflowName: "other"}).filteredBothWays(nil, 1)
	span := backend.RunFilter{WorkflowName: f.key.Name, CreatedAfter: want[2].CreatedAt, CreatedBefore: want[5].CreatedAt}
	var within []backend.Run
	for _, r := range want {
		if !r.CreatedAt.Before(span.CreatedAfter) && r.CreatedAt.Before(span.CreatedBefore) {
			within = append(within, r)
		}
	}
	f.runPager(span).filteredBothWays(newestFirst(within...), 2)
}

func listEmpty(f *fixture) {
	page, err := f.b.ListRuns(f.ctx, backend.RunFilter{}, backend.PageRequest{Limit: 10})
	f.noError(err, "ListRuns")
	if len(page.Items) > 0 || page.HasNext || page.HasPrev {
		f.Errorf("the first page of nothing: %+v", page)
	}
	r := f.create()
	page, err = f.b.ListRuns(f.ctx, backend.RunFilter{}, backend.PageRequest{Limit: 10, After: &backend.Cursor{CreatedAt: r.CreatedAt, ID: r.ID}})
	f.noError(err, "ListRuns")
	if len(page.Items) > 0 || page.HasNext || !page.HasPrev {
		f.Errorf("the page after the last: %+v", page)
	}
	page, err = f.b.ListRuns(f.ctx, backend.RunFilter{}, backend.PageRequest{Limit: 10, Before: &backend.Cursor{CreatedAt: r.CreatedAt, ID: r.ID}})
	f.noError(err, "ListRuns")
	if len(page.Items) > 0 || !page.HasNext || page.HasPrev {
		f.Errorf("the page before the first: %+v", page)
	}
	steps, err := f.b.ListStepAttempts(f.ctx, backend.NewID(), backend.PageRequest{Limit: 10, After: &backend.Cursor{CreatedAt: r.CreatedAt, ID: r.ID}})
	f.noError(err, "ListStepAttempts")
	if len(steps.Items) > 0 || steps.HasNext || !steps.HasPrev {
		f.Errorf("a page of an unknown run, after a cursor: %+v", steps)
	}
}

func listCounts(f *fixture) {
	_, done := f.owned()
	f.ok(complete(done, `1`))
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
	got, err := f.b.CountRuns(f.ctx)
	f.noError(err, "CountRuns")
	if want := (backend.RunCounts{Pending: 3, Running: 2, Completed: 1, Failed: 2, Canceled: 1}); got != want {
		f.Errorf("counts %+v, want %+v", got, want)
	}
}

func listGet(f *fixture) {
	a, b := f.create(), f.create()
	got, err := f.b.GetRuns(f.ctx, []string{b.ID, backend.NewID(), a.ID, "", "'"})
	f.noError(err, "GetRuns")
	f.sameIDs("two known of five", sorted(runIDs(got)), sorted([]string{a.ID, b.ID}))
	got, err = f.b.GetRuns(f.ctx, nil)
	f.noError(err, "GetRuns")
	f.sameIDs("none asked for", runIDs(got), []string{})
}

func listStates(f *fixture) {
	r, l := f.owned()
	p := f.create()
	got, err := f.b.RunStates(f.ctx, []string{p.ID, backend.NewID(), r.ID})
	f.noError(err, "RunStates")
	slices.SortFunc(got, func(a, b backend.RunState) int { return b.Epoch - a.Epoch })
	want := []backend.RunState{
		{ID: r.ID, Status: backend.RunRunning, Epoch: 1, WorkerID: l.WorkerID},
		{ID: p.ID, Status: backend.RunPending},
	}
	if !slices.Equal(got, want) {
		f.Errorf("states %+v, want %+v", got, want)
	}
}
