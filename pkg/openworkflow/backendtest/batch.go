package backendtest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func batchCases() []testCase {
	return []testCase{
		{"StepsBeforeTheRun", batchOrder},
		{"StepsThenPark", batchPark},
		{"TimeoutBesideTheEnd", batchTimeout},
		{"VerdictsByIndex", batchMixed},
		{"TwiceInABatch", batchTwice},
		{"Empty", batchEmpty},
		{"Large", batchLarge},
		{"Plain", batchPlain},
		{"PlainStale", batchPlainStale},
		{"PlainThatIsNot", batchPlainNot},
		{"PoisonHarmsNobody", batchPoison},
		{"PoisonedSignal", batchPoisonSignal},
		{"PoisonedCreate", batchPoisonCreate},
		{"Crossed", batchCrossed},
	}
}

func batchOrder(f *fixture) {
	r, l := f.owned()
	open := startStep(l, "open")
	f.ok(open)
	fresh := finished(l, "fresh", `1`)
	f.ok(complete(l, `"end"`), finish(open, `2`), fresh)
	if got := f.get(r.ID).Status; got != backend.RunCompleted {
		f.Errorf("the run is %s", got)
	}
	for _, a := range f.attempts(r.ID) {
		if a.Status != backend.StepCompleted {
			f.Errorf("step %s is %s: it was finished in the batch that ended its run", a.StepName, a.Status)
		}
	}
}

func batchPark(f *fixture) {
	r, l := f.owned()
	f.deliver(backend.Signal{Name: "s", RunID: r.ID})
	vs := f.ok(parkLong(l), openWait(l, "s"))
	if !vs[0].Woke || !vs[1].Satisfied {
		f.Errorf("verdicts %+v: the wait that opens in the park's batch has its signal already", vs)
	}
	f.claim(r.ID)
}

// batchTimeout: a step's verdict is of the moment before its run's transition, in one batch too.
func batchTimeout(f *fixture) {
	for _, end := range []func(backend.Lease) backend.Transition{fail, parkLong} {
		wait := f.waiter("s", false)
		f.deliver(backend.Signal{Name: "s"})
		vs := f.commit(timedOut(wait), end(wait.Lease))
		f.isErr("a timeout after the delivery, beside "+kindName(end(wait.Lease).Kind), vs[0].Err, backend.ErrWaitSatisfied)
		f.noError(vs[1].Err, "the run's transition beside it")
		f.cancelIfAlive(wait.Lease.RunID)
	}
}

// cancelIfAlive takes a run out of the way of the next claim.
func (f *fixture) cancelIfAlive(id string) {
	f.Helper()
	if !f.get(id).Status.Terminal() {
		f.cancel(id)
	}
}

// plain marks transitions as what concerns nothing but its own row.
func plain(ts ...backend.Transition) []backend.Transition {
	for i := range ts {
		ts[i].Plain = true
	}
	return ts
}

// batchPlain: marks spare look-ups, and nothing else is different.
func batchPlain(f *fixture) {
	runs := f.ownedMany(4)
	of := func(i int) backend.Lease { return leaseOf(runs[i]) }
	ts := plain(finished(of(0), "a", `{"n":1.50}`), finished(of(1), "a", `null`), complete(of(1), `"end"`), fail(of(2)), complete(of(3), `null`))
	f.ok(ts...)
	a := f.attempt(runs[0].ID, ts[0].Attempt.ID)
	if a.Status != backend.StepCompleted || a.Kind != backend.KindFunction || !sameJSON(a.Output, ts[0].Attempt.Output) || a.StartedAt.IsZero() || a.FinishedAt.IsZero() {
		f.Errorf("the step is %+v", a)
	}
	if r := f.get(runs[0].ID); r.Status != backend.RunRunning {
		f.Errorf("the run is %s, and nothing was to end it", r.Status)
	}
	if r := f.get(runs[1].ID); r.Status != backend.RunCompleted || string(r.Output) != `"end"` || !r.AvailableAt.IsZero() || r.FinishedAt.IsZero() || r.WorkerID != f.worker {
		f.Errorf("the completed run is %+v", r)
	}
	if r := f.get(runs[2].ID); r.Status != backend.RunFailed || r.Error == nil || r.WorkerID != "" {
		f.Errorf("the failed run is %+v", r)
	}
	f.unchanged("the same again", func() { f.ok(ts...) })
}

// batchPlainStale: leases that were lost, in a batch and alone; the others of the batch are written.
func batchPlainStale(f *fixture) {
	for name, lose := range map[string]func(*backend.Lease){
		"an older epoch": func(l *backend.Lease) { l.Epoch-- },
		"another worker": func(l *backend.Lease) { l.WorkerID = backend.NewID() },
	} {
		runs := f.ownedMany(3)
		lost := leaseOf(runs[0])
		lose(&lost)
		f.unchanged(name, func() {
			for _, t := range plain(finished(lost, "a", `1`), complete(lost, `1`), fail(lost)) {
				f.isErr(name+", alone", f.commit(t)[0].Err, backend.ErrLeaseLost)
			}
		})
		vs := f.commit(plain(finished(leaseOf(runs[1]), "a", `1`), complete(leaseOf(runs[2]), `2`), finished(lost, "a", `1`), complete(lost, `1`))...)
		for i, v := range vs {
			if i < 2 {
				f.noError(v.Err, name+": its neighbour")
			} else {
				f.isErr(name, v.Err, backend.ErrLeaseLost)
			}
		}
		for i, want := range []backend.RunStatus{backend.RunRunning, backend.RunRunning, backend.RunCompleted} {
			if got := f.get(runs[i].ID).Status; got != want {
				f.Errorf("%s: run %d is %s, want %s", name, i, got, want)
			}
		}
		if len(f.attempts(runs[0].ID)) != 0 || len(f.attempts(runs[1].ID)) != 1 {
			f.Errorf("%s: attempts %v and %v", name, f.attempts(runs[0].ID), f.attempts(runs[1].ID))
		}
		f.ok(complete(leaseOf(runs[0]), `0`), complete(leaseOf(runs[1]), `0`))
	}
}

// batchPlainNot: a step marked as plain may have a row, when its worker did not learn that it had been written.
func batchPlainNot(f *fixture) {
	runs := f.ownedMany(2)
	started := startStep(leaseOf(runs[0]), "slow")
	f.ok(started)
	f.ok(plain(finish(started, `1`), finished(leaseOf(runs[1]), "quick", `2`))...)
	for i, want := range []string{`1`, `2`} {
		if as := f.attempts(runs[i].ID); len(as) != 1 || as[0].Status != backend.StepCompleted || string(as[0].Output) != want {
			f.Errorf("run %d has the attempts %+v", i, as)
		}
	}
}

func batchMixed(f *fixture) {
	runs := f.ownedMany(3)
	stale := leaseOf(runs[1])
	stale.Epoch = 0
	ts := []backend.Transition{
		complete(leaseOf(runs[0]), `0`), complete(stale, `1`), finished(stale, "a", `1`),
		complete(leaseOf(runs[2]), `2`), finished(leaseOf(runs[2]), "a", `2`),
	}
	vs := f.commit(ts...)
	for i, v := range vs {
		if lost := i == 1 || i == 2; lost {
			f.isErr(fmt.Sprint("transition ", i), v.Err, backend.ErrLeaseLost)
		} else if v.Err != nil {
			f.Errorf("transition %d beside lost ones: %v", i, v.Err)
		}
	}
	if got := f.get(runs[1].ID); got.Status != backend.RunRunning || len(f.attempts(runs[1].ID)) > 0 {
		f.Errorf("the run of the lost lease was changed: %+v", got)
	}
	if a, b := f.get(runs[0].ID), f.get(runs[2].ID); !sameJSON(a.Output, json.RawMessage(`0`)) || !sameJSON(b.Output, json.RawMessage(`2`)) {
		f.Errorf("outputs %s and %s went to the wrong runs", a.Output, b.Output)
	}
}

func batchTwice(f *fixture) {
	_, l := f.owned()
	a := startStep(l, "a")
	f.unchanged("a batch with two transitions of one row", func() {
		for _, ts := range [][]backend.Transition{{a, finish(a, `1`)}, {parkLong(l), complete(l, `1`)}} {
			if _, err := f.b.Commit(f.ctx, ts); err == nil {
				f.Errorf("a batch with two transitions of one row was accepted")
			}
		}
	})
}

func batchEmpty(f *fixture) {
	if vs := f.commit(); len(vs) != 0 {
		f.Errorf("an empty batch has verdicts: %+v", vs)
	}
	if res := f.send(); len(res) != 0 {
		f.Errorf("no signals have answers: %+v", res)
	}
}

func batchLarge(f *fixture) {
	runs := f.ownedMany(100)
	var ts []backend.Transition
	for i, r := range runs {
		ts = append(ts, finished(leaseOf(r), "a", fmt.Sprint(i)), complete(leaseOf(r), fmt.Sprint(i)))
	}
	f.ok(ts...)
	for i, r := range runs {
		if i%17 == 0 && !sameJSON(f.get(r.ID).Output, json.RawMessage(fmt.Sprint(i))) {
			f.Errorf("run %d has the output of another", i)
		}
	}
}

// poisons are values that at least one database refuses. A backend refuses or keeps each of them whole.
func poisons() map[string]string {
	return map[string]string{
		"NUL escape":      `{"a":"\u0000"}`,
		"NUL byte":        "{\"a\":\"\x00\"}",
		"not JSON":        `{"a":`,
		"invalid UTF-8":   "\"\xff\"",
		"half surrogate":  `"\ud800"`,
		"a word":          `hello`,
		"two values":      `1 2`,
		"trailing braces": `{}}`,
	}
}

func batchPoison(f *fixture) {
	for name, poison := range poisons() {
		runs := f.ownedMany(3)
		bad := leaseOf(runs[1])
		step, end := finished(bad, "poisoned", poison), complete(leaseOf(runs[2]), poison)
		good := finished(bad, "good", `"kept"`)
		vs := f.commit(finished(leaseOf(runs[0]), "a", `1`), complete(leaseOf(runs[0]), `1`), step, good, end)
		for _, i := range []int{0, 1, 3} {
			if vs[i].Err != nil {
				f.Errorf("%s: its neighbour %d got %v", name, i, vs[i].Err)
			}
		}
		if got := f.attempt(runs[1].ID, good.Attempt.ID); got.Status != backend.StepCompleted {
			f.Errorf("%s: the neighbour in its run is %s", name, got.Status)
		}
		if got := f.get(runs[0].ID); got.Status != backend.RunCompleted {
			f.Errorf("%s: the neighbouring run is %s", name, got.Status)
		}
		f.rejectedWhole(name, vs[2].Err, len(f.attempts(runs[1].ID)) > 1, false)
		f.rejectedWhole(name, vs[4].Err, f.get(runs[2].ID).Status != backend.RunRunning, false)
	}
}

// rejectedWhole: a refused item has the error that says so, and nothing of it is there.
func (f *fixture) rejectedWhole(what string, err error, there, partly bool) {
	f.Helper()
	if err == nil {
		if !there {
			f.Errorf("%s: accepted, but not stored", what)
		}
		return
	}
	f.isErr(what, err, backend.ErrRejected)
	if there || partly {
		f.Errorf("%s: refused, but something of it was stored", what)
	}
}

func batchPoisonSignal(f *fixture) {
	for name, poison := range poisons() {
		runs := f.ownedMany(2)
		f.ok(openWait(leaseOf(runs[0]), name+" bad"), openWait(leaseOf(runs[1]), name+" good"))
		res := f.send(backend.Signal{Name: name + " bad", Data: json.RawMessage(poison)}, backend.Signal{Name: name + " good", Data: json.RawMessage(`1`)})
		if res[1].Err != nil || len(res[1].RunIDs) != 1 {
			f.Errorf("%s: the signal beside it got %+v", name, res[1])
		}
		f.rejectedWhole(name, res[0].Err, len(f.history(runs[0].ID).Signals) > 0, len(res[0].RunIDs) > 0 && res[0].Err != nil)
	}
}

func batchPoisonCreate(f *fixture) {
	for name, poison := range poisons() {
		good, bad := f.newRun(), f.newRun(func(n *backend.NewRun) { n.Input = json.RawMessage(poison) })
		_, err := f.b.CreateRuns(f.ctx, []backend.NewRun{good, bad})
		found, getErr := f.b.GetRuns(f.ctx, []string{bad.ID, good.ID})
		f.noError(getErr, "GetRuns")
		f.rejectedWhole(name, err, len(found) == 2, len(found) > 0 && err != nil)
	}
	if got := f.create(func(n *backend.NewRun) { n.Input = json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`) }); len(got.Input) != 1<<20+2 {
		f.Errorf("a payload of a MiB came back with %d bytes", len(got.Input))
	}
}

// batchCrossed commits, at once, batches that touch the same parents in opposite orders.
func batchCrossed(f *fixture) {
	for range 5 {
		parents := f.ownedMany(4)
		children := make([]backend.Lease, len(parents))
		for i, p := range parents {
			start := f.startChild(leaseOf(p))
			f.ok(start, parkLong(leaseOf(p)))
			children[i] = f.claimChild(start.Child.ID)
		}
		errs := together(2, func(i int) error {
			ts := []backend.Transition{complete(children[i], `1`), complete(children[3-i], `1`)}
			vs, err := f.b.Commit(f.ctx, ts)
			for _, v := range vs {
				if v.Err != nil {
					return v.Err
				}
			}
			return err
		})
		for _, err := range errs {
			f.noError(err, "a batch that ends children beside another")
		}
		if res := f.tryClaim(f.claimRequest(10)); len(res.Runs) != 4 {
			f.Fatalf("%d of 4 parents became due", len(res.Runs))
		}
	}
	f.claimNone()
}

func (f *fixture) claimNone() {
	f.Helper()
	if res := f.tryClaim(f.claimRequest(1)); len(res.Runs) > 0 {
		f.Errorf("claimed %v, want none", runIDs(res.Runs))
	}
}
