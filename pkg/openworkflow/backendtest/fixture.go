package backendtest

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

const (
	patience  = 30 * time.Second      // how long anything is waited for
	pollEvery = 10 * time.Millisecond // how often it is looked at
	longLease = 10 * time.Minute      // a lease that does not end while a test runs
	nextHour  = time.Hour
)

// fixture is one case at work: a backend in a namespace of its own, and short words for what cases do.
type fixture struct {
	*testing.T
	ctx    context.Context
	b      backend.Backend
	open   Opener
	store  string
	key    backend.WorkflowKey
	worker string
}

func newFixture(t *testing.T, open Opener, store string) *fixture {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	f := &fixture{T: t, ctx: ctx, open: open, store: store, worker: backend.NewID()}
	f.key = backend.WorkflowKey{Name: "workflow"}
	f.b = open(t, store, "ns-"+backend.NewID())
	return f
}

// in is the fixture seen from another namespace of the same store.
func (f *fixture) in(namespace string) *fixture {
	other := *f
	other.b = f.open(f.T, f.store, namespace)
	return &other
}

func (f *fixture) noError(err error, what string) {
	f.Helper()
	if err != nil {
		f.Fatalf("%s: %v", what, err)
	}
}

// eventually polls until the condition holds.
func (f *fixture) eventually(what string, condition func() bool) {
	f.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			f.Fatalf("after %v still not: %s", patience, what)
		case <-tick.C:
		}
	}
}

// newRun asks for a run of the fixture's workflow that is due now.
func (f *fixture) newRun(change ...func(*backend.NewRun)) backend.NewRun {
	n := backend.NewRun{ID: backend.NewID(), WorkflowName: f.key.Name, Version: f.key.Version, Input: json.RawMessage(`{"a":1}`)}
	for _, c := range change {
		c(&n)
	}
	return n
}

// createAll creates runs and reads them back, in the order of the answers.
func (f *fixture) createAll(runs ...backend.NewRun) (out []backend.Run) {
	f.Helper()
	ids, err := f.b.CreateRuns(f.ctx, runs)
	f.noError(err, "CreateRuns")
	if len(ids) != len(runs) {
		f.Fatalf("CreateRuns answered %d ids for %d runs", len(ids), len(runs))
	}
	made, err := f.b.GetRuns(f.ctx, ids)
	f.noError(err, "GetRuns")
	for _, id := range ids {
		i := slices.IndexFunc(made, func(r backend.Run) bool { return r.ID == id })
		if i < 0 {
			f.Fatalf("run %s was created, and is not found", id)
		}
		out = append(out, made[i])
	}
	return out
}

func (f *fixture) create(change ...func(*backend.NewRun)) backend.Run {
	f.Helper()
	return f.createAll(f.newRun(change...))[0]
}

func (f *fixture) claimRequest(limit int) backend.ClaimRequest {
	return backend.ClaimRequest{WorkerID: f.worker, Workflows: []backend.WorkflowKey{f.key}, Limit: limit, LeaseDuration: longLease}
}

func (f *fixture) tryClaim(req backend.ClaimRequest) backend.ClaimResult {
	f.Helper()
	res, err := f.b.ClaimRuns(f.ctx, req)
	f.noError(err, "ClaimRuns")
	return res
}

// claim claims exactly one run of the fixture's workflow, and it must be this one.
func (f *fixture) claim(id string) backend.Run {
	f.Helper()
	res := f.tryClaim(f.claimRequest(1))
	if len(res.Runs) != 1 || res.Runs[0].ID != id {
		f.Fatalf("claimed %v, want run %s; it is %+v", runIDs(res.Runs), id, f.get(id))
	}
	return res.Runs[0]
}

// claimEventually claims runs by the request until this run comes.
func (f *fixture) claimEventually(req backend.ClaimRequest, id string) (run backend.Run, now time.Time) {
	f.Helper()
	f.eventually("run "+id+" is claimed", func() bool {
		res := f.tryClaim(req)
		for _, r := range res.Runs {
			if r.ID == id {
				run, now = r, res.Now
			}
		}
		return run.ID == id
	})
	return run, now
}

// owned creates and claims a run. No other run of the workflow may be due.
func (f *fixture) owned(change ...func(*backend.NewRun)) (backend.Run, backend.Lease) {
	f.Helper()
	r := f.claim(f.create(change...).ID)
	return r, leaseOf(r)
}

// ownedMany creates and claims n runs.
func (f *fixture) ownedMany(n int) []backend.Run {
	f.Helper()
	asked := make([]backend.NewRun, n)
	for i := range asked {
		asked[i] = f.newRun()
	}
	f.createAll(asked...)
	res := f.tryClaim(f.claimRequest(n))
	if len(res.Runs) != n {
		f.Fatalf("claimed %d of %d due runs", len(res.Runs), n)
	}
	return res.Runs
}

func leaseOf(r backend.Run) backend.Lease {
	return backend.Lease{RunID: r.ID, WorkerID: r.WorkerID, Epoch: r.Attempts}
}

func (f *fixture) commit(ts ...backend.Transition) []backend.Verdict {
	f.Helper()
	batch := slices.Clone(ts)
	vs, err := f.b.Commit(f.ctx, batch)
	f.noError(err, "Commit")
	clear(batch) // it is the caller's again: what was stored must not hang on it
	if len(vs) != len(ts) {
		f.Fatalf("Commit gave %d verdicts for %d transitions", len(vs), len(ts))
	}
	return vs
}

// ok commits transitions that must all be accepted.
func (f *fixture) ok(ts ...backend.Transition) []backend.Verdict {
	f.Helper()
	vs := f.commit(ts...)
	for i, v := range vs {
		if v.Err != nil {
			f.Fatalf("transition %d (%s): %v", i, kindName(ts[i].Kind), v.Err)
		}
	}
	return vs
}

func (f *fixture) send(signals ...backend.Signal) []backend.SignalResult {
	f.Helper()
	for i := range signals {
		if signals[i].ID == "" {
			signals[i].ID = backend.NewID()
		}
		if signals[i].Key == "" {
			signals[i].Key = backend.NewID()
		}
	}
	res, err := f.b.SendSignals(f.ctx, signals)
	f.noError(err, "SendSignals")
	if len(res) != len(signals) {
		f.Fatalf("SendSignals gave %d answers for %d signals", len(res), len(signals))
	}
	return res
}

// deliver sends signals of which none may fail, and returns who got the first.
func (f *fixture) deliver(signals ...backend.Signal) []string {
	f.Helper()
	res := f.send(signals...)
	for i := range res {
		f.noError(res[i].Err, "signal "+signals[i].Name)
	}
	return res[0].RunIDs
}

func (f *fixture) get(id string) backend.Run {
	f.Helper()
	runs, err := f.b.GetRuns(f.ctx, []string{id})
	f.noError(err, "GetRuns")
	if len(runs) != 1 || runs[0].ID != id {
		f.Fatalf("GetRuns(%s) gave %v", id, runIDs(runs))
	}
	return runs[0]
}

func (f *fixture) attempts(runID string) []backend.StepAttempt {
	f.Helper()
	page, err := f.b.ListStepAttempts(f.ctx, runID, backend.PageRequest{Limit: 1000})
	f.noError(err, "ListStepAttempts")
	return page.Items
}

func (f *fixture) attempt(runID, id string) backend.StepAttempt {
	f.Helper()
	all := f.attempts(runID)
	i := slices.IndexFunc(all, func(a backend.StepAttempt) bool { return a.ID == id })
	if i < 0 {
		f.Fatalf("run %s has no attempt %s", runID, id)
	}
	return all[i]
}

func (f *fixture) history(id string) backend.History {
	f.Helper()
	res, err := f.b.LoadHistories(f.ctx, backend.HistoryRequest{RunIDs: []string{id}})
	f.noError(err, "LoadHistories")
	if len(res.Histories) != 1 || res.Histories[0].RunID != id {
		f.Fatalf("LoadHistories(%s) gave %d histories", id, len(res.Histories))
	}
	return res.Histories[0]
}

// now is the database's clock.
func (f *fixture) now() time.Time {
	f.Helper()
	res, err := f.b.LoadHistories(f.ctx, backend.HistoryRequest{RunIDs: []string{"none"}})
	f.noError(err, "LoadHistories")
	if res.Now.IsZero() {
		f.Fatalf("LoadHistories does not say what time it is")
	}
	return res.Now
}

// pass waits until the database's clock is past t.
func (f *fixture) pass(t time.Time) {
	f.Helper()
	f.eventually("the clock passes "+t.String(), func() bool { return f.now().After(t) })
}

func (f *fixture) sweep(limit int) backend.SweepResult {
	f.Helper()
	var res backend.SweepResult
	f.eventually("a sweep is not skipped", func() bool {
		var err error
		res, err = f.b.Sweep(f.ctx, backend.SweepRequest{Workflows: []backend.WorkflowKey{f.key}, Limit: limit})
		f.noError(err, "Sweep")
		return !res.Skipped
	})
	return res
}

// state is all that the namespace holds, to compare what two moments have.
func (f *fixture) state() string {
	f.Helper()
	page, err := f.b.ListRuns(f.ctx, backend.RunFilter{}, backend.PageRequest{Limit: 1000})
	f.noError(err, "ListRuns")
	type row struct {
		Run     backend.Run
		History backend.History
	}
	rows := make([]row, len(page.Items))
	for i, r := range page.Items {
		rows[i] = row{r, f.history(r.ID)}
	}
	out, err := json.MarshalIndent(rows, "", " ")
	f.noError(err, "rendering the state")
	return string(out)
}

// unchanged does something that must change nothing.
func (f *fixture) unchanged(what string, do func()) {
	f.Helper()
	before := f.state()
	do()
	if after := f.state(); after != before {
		f.Errorf("%s changed the store.\nbefore: %s\nafter: %s", what, before, after)
	}
}
