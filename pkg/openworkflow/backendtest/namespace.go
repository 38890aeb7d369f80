package backendtest

import (
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// namespaceCases: two namespaces of one database, with the same ids, names and keys in both.
func namespaceCases() []testCase {
	return []testCase{
		{"Reads", namespaceReads},
		{"Claims", namespaceClaims},
		{"WorkersWrites", namespaceWrites},
		{"Keys", namespaceKeys},
		{"Signals", namespaceSignals},
		{"BufferedSignals", namespaceBuffered},
		{"CancelAndSweep", namespaceCancel},
		{"SameIDs", namespaceSameIDs},
		{"Children", namespaceChildren},
	}
}

func (f *fixture) elsewhere() *fixture { return f.in("ns-" + backend.NewID()) }

func namespaceReads(f *fixture) {
	g := f.elsewhere()
	if f.b.Namespace() == g.b.Namespace() {
		f.Fatalf("both backends say that their namespace is %q", f.b.Namespace())
	}
	r, l := f.owned()
	f.ok(finished(l, "a", `1`))
	runs, err := g.b.GetRuns(f.ctx, []string{r.ID})
	f.noError(err, "GetRuns")
	states, err := g.b.RunStates(f.ctx, []string{r.ID})
	f.noError(err, "RunStates")
	page, err := g.b.ListRuns(f.ctx, backend.RunFilter{}, backend.PageRequest{Limit: 10})
	f.noError(err, "ListRuns")
	counts, err := g.b.CountRuns(f.ctx)
	f.noError(err, "CountRuns")
	steps, err := g.b.ListStepAttempts(f.ctx, r.ID, backend.PageRequest{Limit: 10})
	f.noError(err, "ListStepAttempts")
	histories, err := g.b.LoadHistories(f.ctx, backend.HistoryRequest{RunIDs: []string{r.ID}})
	f.noError(err, "LoadHistories")
	if len(runs)+len(states)+len(page.Items)+len(steps.Items)+len(histories.Histories) > 0 || counts != (backend.RunCounts{}) {
		f.Errorf("another namespace sees runs %v, states %v, list %v, attempts %v, histories %v, counts %+v",
			runs, states, page.Items, steps.Items, histories.Histories, counts)
	}
}

func namespaceClaims(f *fixture) {
	g := f.elsewhere()
	r := f.create()
	res := g.tryClaim(g.claimRequest(10))
	if len(res.Runs) > 0 || !res.NextDue.IsZero() {
		f.Errorf("another namespace claimed %v, next due %v", runIDs(res.Runs), res.NextDue)
	}
	f.claim(r.ID)
}

func namespaceWrites(f *fixture) {
	g := f.elsewhere()
	_, l := f.owned()
	_, parked := f.owned()
	f.ok(parkLong(parked))
	f.unchanged("another namespace with a good lease", func() {
		g.fenced(l)
		f.sameIDs("lost", g.extend(longLease, l).Lost, []string{l.RunID})
		_, err := g.b.ReclaimRun(f.ctx, g.reclaimRequest(parked))
		f.isErr("ReclaimRun", err, backend.ErrLeaseLost)
	})
}

func namespaceKeys(f *fixture) {
	g := f.elsewhere()
	a, b := f.create(withKey("k")), g.create(withKey("k"))
	if a.ID == b.ID || b.NamespaceID != g.b.Namespace() {
		f.Errorf("a key found the run of another namespace")
	}
}

func namespaceSignals(f *fixture) {
	g := f.elsewhere()
	mine, theirs := f.waiter("s", true), g.waiter("s", true)
	sig := backend.Signal{Name: "s", Key: "key", Data: json.RawMessage(`1`)}
	f.sameIDs("mine", f.deliver(sig), []string{mine.Lease.RunID})
	g.got(theirs, "")
	g.claimNone()
	f.isErr("addressed to a run of another namespace", g.send(backend.Signal{Name: "s", RunID: mine.Lease.RunID})[0].Err, backend.ErrRunNotFound)
	sig.Data = json.RawMessage(`2`)
	g.sameIDs("theirs, with the same key", g.deliver(sig), []string{theirs.Lease.RunID})
	g.got(theirs, `2`)
	f.got(mine, `1`)
}

func namespaceBuffered(f *fixture) {
	g := f.elsewhere()
	f.deliver(buffered("s", `1`))
	g.opensWith("s", "")
	short := buffered("short", `1`)
	short.Buffer = 20 * time.Millisecond
	f.deliver(short)
	f.pass(f.now().Add(30 * time.Millisecond))
	if res := g.sweep(10); res.Deleted > 0 {
		f.Errorf("another namespace's sweep deleted %d signals", res.Deleted)
	}
	f.opensWith("s", `1`)
}

func namespaceCancel(f *fixture) {
	g := f.elsewhere()
	r := f.create(f.withDeadline(time.Now().Add(-time.Minute)))
	f.unchanged("another namespace's cancel and sweep", func() {
		_, err := g.b.CancelRun(f.ctx, r.ID)
		f.isErr("CancelRun", err, backend.ErrRunNotFound)
		if res := g.sweep(10); res.Expired > 0 {
			f.Errorf("another namespace's sweep failed %d runs", res.Expired)
		}
	})
}

// namespaceSameIDs: one id in two namespaces is two runs, and the same for attempts.
func namespaceSameIDs(f *fixture) {
	g := f.elsewhere()
	n := f.newRun()
	f.createAll(n)
	n.Input = json.RawMessage(`"theirs"`)
	if got := g.createAll(n)[0]; !sameJSON(got.Input, n.Input) || got.NamespaceID != g.b.Namespace() {
		f.Fatalf("the id of a run in another namespace was taken for this one's: %+v", got)
	}
	l := leaseOf(f.claim(n.ID))
	step, wait := finished(l, "a", `"mine"`), openWait(l, "s")
	f.ok(step, wait)
	if got := g.get(n.ID); got.Status != backend.RunPending {
		f.Errorf("a claim made another namespace's run %s", got.Status)
	}
	theirs := leaseOf(g.claim(n.ID))
	step.Lease, wait.Lease = theirs, theirs
	step.Attempt.Output = json.RawMessage(`"theirs"`)
	g.ok(step, wait)
	if a, b := f.attempt(n.ID, step.Attempt.ID), g.attempt(n.ID, step.Attempt.ID); sameJSON(a.Output, b.Output) {
		f.Errorf("attempts of one id in two namespaces have one output, %s", a.Output)
	}
	f.sameIDs("delivered", f.deliver(backend.Signal{Name: "s", RunID: n.ID}), []string{n.ID})
	g.got(wait, "")
	g.ok(complete(theirs, `1`))
	if got := f.get(n.ID); got.Status != backend.RunRunning {
		f.Errorf("the end of another namespace's run made this one %s", got.Status)
	}
	if a := f.attempt(n.ID, wait.Attempt.ID); a.Status != backend.StepRunning {
		f.Errorf("the end of another namespace's run closed this one's wait")
	}
}

func namespaceChildren(f *fixture) {
	g := f.elsewhere()
	start, child := f.parentAndChild()
	_, l := g.owned()
	other := start
	other.Lease = l
	c := *start.Child
	c.IdempotencyKey = backend.ChildKey(g.b.Namespace(), start.Attempt.ID)
	c.ParentNamespaceID = g.b.Namespace()
	other.Child = &c
	g.ok(other)
	g.linked(other, c.ID)
	g.ok(parkLong(l))
	f.ok(complete(child, `1`))
	g.claimNone()
	if got := g.history(l.RunID).Children; len(got) > 0 {
		f.Errorf("another namespace's child is an outcome here: %+v", got)
	}
	f.claim(start.Lease.RunID)
}
