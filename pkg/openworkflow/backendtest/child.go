package backendtest

import (
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func childCases() []testCase {
	return []testCase{
		{"New", childNew},
		{"ExistingByParent", childByParent},
		{"ExistingByKey", childByKey},
		{"OneKeyInABatch", childKeyInBatch},
		{"Linked", childLinked},
		{"LinksAnUnlinkedStep", childUnlinked},
		{"OneUnderRepetition", childConcurrent},
		{"NewOfAnEndedStep", childOfFinished},
		{"UnlinkedUnderAnOldLease", childUnlinkedFenced},
		{"EndWakesTheParent", childWakes},
		{"DeadlineWakesTheParent", childDeadline},
		{"EndLeavesAnOwnedParent", childOwnedParent},
		{"EndedBeforeThePark", childEndedEarly},
		{"EndedChildOfAClosedStep", childClosedStep},
		{"NotWokenByOthers", childOthers},
		{"Outcomes", childOutcomes},
	}
}

func (f *fixture) linked(t backend.Transition, childID string) {
	f.Helper()
	a := f.attempt(t.Lease.RunID, t.Attempt.ID)
	if a.ChildRunID != childID || a.ChildNamespaceID != f.b.Namespace() {
		f.Fatalf("the step is linked to %q in %q, want %q in %q", a.ChildRunID, a.ChildNamespaceID, childID, f.b.Namespace())
	}
}

func (f *fixture) runCount() int64 {
	f.Helper()
	c, err := f.b.CountRuns(f.ctx)
	f.noError(err, "CountRuns")
	return c.Pending + c.Running + c.Completed + c.Failed + c.Canceled
}

func childNew(f *fixture) {
	_, l := f.owned()
	t := f.startChild(l)
	t.Child.Input, t.Child.Version = json.RawMessage(`{"for":"child"}`), "v1"
	var v backend.Verdict
	s := f.during(func() { v = f.ok(t)[0] })
	if !v.Woke {
		f.Errorf("a new child that is due was not announced in the verdict")
	}
	f.linked(t, t.Child.ID)
	f.sameRow("the child", s, f.get(t.Child.ID), backend.Run{
		NamespaceID: f.b.Namespace(), ID: t.Child.ID, WorkflowName: childWorkflow, Version: "v1", Status: backend.RunPending,
		IdempotencyKey: t.Child.IdempotencyKey, Config: json.RawMessage(`{}`), Input: t.Child.Input,
		ParentNamespaceID: f.b.Namespace(), ParentAttemptID: t.Attempt.ID,
		AvailableAt: moment, CreatedAt: moment, UpdatedAt: moment,
	})
}

// childByParent: another process made the child and died before it linked it.
func childByParent(f *fixture) {
	_, l := f.owned()
	t := f.startChild(l)
	bare := t
	bare.Kind, bare.Child = backend.StartStep, nil
	f.ok(bare)
	made := f.newRun(func(n *backend.NewRun) {
		n.WorkflowName, n.ParentNamespaceID, n.ParentAttemptID = childWorkflow, f.b.Namespace(), t.Attempt.ID
	})
	f.createAll(made)
	f.ok(t)
	f.linked(t, made.ID)
	if n := f.runCount(); n != 2 {
		f.Errorf("%d runs, want the parent and one child", n)
	}
}

func childByKey(f *fixture) {
	_, l := f.owned()
	t := f.startChild(l)
	made := f.newRun(withKey(t.Child.IdempotencyKey), func(n *backend.NewRun) { n.WorkflowName = childWorkflow })
	f.createAll(made)
	f.ok(t)
	f.linked(t, made.ID)
	if n := f.runCount(); n != 2 {
		f.Errorf("%d runs, want the parent and one child", n)
	}
}

// childKeyInBatch: two steps whose children have one key get one child, whichever of the two.
func childKeyInBatch(f *fixture) {
	runs := f.ownedMany(2)
	a, b := f.startChild(leaseOf(runs[0])), f.startChild(leaseOf(runs[1]))
	b.Child.IdempotencyKey = a.Child.IdempotencyKey
	vs := f.ok(a, b)
	child := f.attempt(a.Lease.RunID, a.Attempt.ID).ChildRunID
	f.get(child)
	f.linked(b, child)
	if n := f.runCount(); n != 3 {
		f.Errorf("%d runs, want two parents and one child", n)
	}
	if !vs[0].Woke && !vs[1].Woke {
		f.Errorf("verdicts %+v do not say that the new child is due", vs)
	}
}

func childLinked(f *fixture) {
	_, l := f.owned()
	t := f.startChild(l)
	f.ok(t)
	again := t
	other := *t.Child
	other.ID, other.IdempotencyKey = backend.NewID(), "another key"
	again.Child = &other
	f.unchanged("starting the child of a linked step", func() { f.ok(again) })
	f.linked(t, t.Child.ID)
}

// childUnlinked: the step's row is there, but its writer died before it made the child.
func childUnlinked(f *fixture) {
	_, l := f.owned()
	t := f.startChild(l)
	bare := t
	bare.Kind, bare.Child = backend.StartStep, nil
	f.ok(bare)
	f.ok(t)
	f.linked(t, t.Child.ID)
	f.ok(parkLong(l))
	cl := f.claimChild(t.Child.ID)
	f.ok(complete(cl, `1`))
	f.claim(l.RunID)
}

func childConcurrent(f *fixture) {
	for range 5 {
		_, l := f.owned()
		t := f.startChild(l)
		before := f.runCount()
		errs := together(6, func(int) error {
			mine := t
			child := *t.Child
			child.ID = backend.NewID()
			mine.Child = &child
			vs, err := f.b.Commit(f.ctx, []backend.Transition{mine})
			if err != nil {
				return err
			}
			return vs[0].Err
		})
		for _, err := range errs {
			f.noError(err, "StartChild beside itself")
		}
		if made := f.runCount() - before; made != 1 {
			f.Fatalf("one step made %d children", made)
		}
		f.get(f.attempt(l.RunID, t.Attempt.ID).ChildRunID)
	}
}

func childOfFinished(f *fixture) {
	_, l := f.owned()
	t := f.startChild(l)
	bare := t
	bare.Kind, bare.Child = backend.StartStep, nil
	f.ok(finish(bare, `1`))
	f.unchanged("starting the child of a step that ended", func() { f.ok(t) })
}

func childUnlinkedFenced(f *fixture) {
	r, l := f.owned()
	t := f.startChild(l)
	bare := t
	bare.Kind, bare.Child = backend.StartStep, nil
	f.ok(bare, park(l, time.Time{}))
	f.claim(r.ID)
	f.unchanged("starting a child under an old lease", func() {
		f.isErr("the link", f.commit(t)[0].Err, backend.ErrLeaseLost)
	})
}

// parentAndChild is a parent parked for long on its child, which is claimed.
func (f *fixture) parentAndChild() (start backend.Transition, child backend.Lease) {
	f.Helper()
	_, l := f.owned()
	start = f.startChild(l)
	f.ok(start)
	if v := f.ok(parkLong(l))[0]; v.Woke {
		f.Fatalf("the parent's park found its wait satisfied before the child ended")
	}
	child = f.claimChild(start.Child.ID)
	return start, child
}

type ending struct {
	name   string
	status backend.RunStatus
	end    func(f *fixture, l backend.Lease) (woke bool)
}

func endings() []ending {
	return []ending{
		{"complete", backend.RunCompleted, func(f *fixture, l backend.Lease) bool { return f.ok(complete(l, `{"r":1}`))[0].Woke }},
		{"fail", backend.RunFailed, func(f *fixture, l backend.Lease) bool { return f.ok(fail(l))[0].Woke }},
		{"cancel", backend.RunCanceled, func(f *fixture, l backend.Lease) bool {
			_, err := f.b.CancelRun(f.ctx, l.RunID)
			f.noError(err, "CancelRun")
			return true
		}},
	}
}

func childWakes(f *fixture) {
	for _, e := range endings() {
		start, child := f.parentAndChild()
		before := f.get(start.Lease.RunID)
		var woke bool
		s := f.during(func() { woke = e.end(f, child) })
		if !woke {
			f.Errorf("%s: the verdict does not say that the parent became due", e.name)
		}
		want := before
		backend.ApplyWake(&want, moment)
		want.AvailableAt, want.UpdatedAt = moment, moment
		f.sameRow("the parent after its child's end by "+e.name, s, f.get(before.ID), want)
		f.claim(before.ID)
	}
}

func childDeadline(f *fixture) {
	_, l := f.owned()
	start := f.startChild(l)
	start.Child.DeadlineAt = f.now().Add(300 * time.Millisecond)
	f.ok(start)
	f.ok(parkLong(l))
	f.pass(start.Child.DeadlineAt)
	if res := f.sweep(10); res.Expired != 1 {
		f.Errorf("the sweep failed %d runs, want 1", res.Expired)
	}
	f.claim(l.RunID)
	got := f.history(l.RunID).Children[start.Attempt.ID]
	want := backend.DeadlineFailure()
	if got.Status != backend.RunFailed || got.Error == nil || got.Error.Message != want.Message || got.Error.Code != want.Code {
		f.Errorf("the parent sees %+v, want the deadline's failure", got)
	}
}

func childOwnedParent(f *fixture) {
	_, l := f.owned()
	start := f.startChild(l)
	f.ok(start)
	child := f.claimChild(start.Child.ID)
	before := f.get(l.RunID)
	if v := f.ok(complete(child, `1`))[0]; v.Woke {
		f.Errorf("the verdict says that an owned parent became due")
	}
	f.sameRow("the owned parent", span{}, f.get(l.RunID), before)
}

func childEndedEarly(f *fixture) {
	for _, e := range endings() {
		_, l := f.owned()
		start := f.startChild(l)
		f.ok(start)
		child := f.claimChild(start.Child.ID)
		e.end(f, child)
		if v := f.ok(parkLong(l))[0]; !v.Woke {
			f.Errorf("%s: the park does not say that its wait is satisfied", e.name)
		}
		f.claim(l.RunID)
	}
}

func childClosedStep(f *fixture) {
	_, l := f.owned()
	start := f.startChild(l)
	f.ok(start)
	f.ok(finish(start, `"timed out"`))
	f.ok(openWait(l, "never"), parkLong(l))
	child := f.claimChild(start.Child.ID)
	f.unchangedRun(l.RunID, func() {
		if v := f.ok(complete(child, `1`))[0]; v.Woke {
			f.Errorf("a parent that waits for the child no more was woken")
		}
	})
	if got := f.history(l.RunID).Children; len(got) > 0 {
		f.Errorf("a closed step has outcomes: %+v", got)
	}
}

// unchangedRun does something that must not change this run.
func (f *fixture) unchangedRun(id string, do func()) {
	f.Helper()
	before := f.get(id)
	do()
	f.sameRow("run "+id, span{}, f.get(id), before)
}

func childOthers(f *fixture) {
	start, child := f.parentAndChild()
	bystander, bystanderChild := f.parentAndChild()
	f.unchangedRun(bystander.Lease.RunID, func() { f.ok(complete(child, `1`)) })
	f.claim(start.Lease.RunID)
	f.ok(complete(bystanderChild, `1`))
	f.claim(bystander.Lease.RunID)
}

func childOutcomes(f *fixture) {
	_, l := f.owned()
	for _, e := range endings() {
		start := f.startChild(l)
		start.Attempt.StepName = e.name
		f.ok(start)
		if got := f.history(l.RunID); len(got.Missing) > 0 || len(got.Children) > 0 {
			f.Fatalf("before the child's end: %+v", got)
		}
		child := f.claimChild(start.Child.ID)
		e.end(f, child)
		row := f.get(child.RunID)
		got, ok := f.history(l.RunID).Children[start.Attempt.ID]
		want := backend.ChildOutcome{RunID: row.ID, Status: e.status, Output: row.Output, Error: row.Error, FinishedAt: row.FinishedAt}
		if !ok {
			f.Fatalf("%s: the history does not have the outcome", e.name)
		}
		f.sameRow("the outcome of "+e.name, span{}, got, want)
		f.ok(finish(start, `1`))
	}
}
