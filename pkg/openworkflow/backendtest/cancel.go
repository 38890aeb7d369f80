package backendtest

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func cancelCases() []testCase {
	return []testCase{
		{"EveryLivingState", cancelLiving},
		{"EndedOrUnknown", cancelEnded},
		{"ClosesAttempts", cancelCloses},
		{"NeverClaimedAgain", cancelUnclaimable},
		{"KeepsTheLastError", cancelKeepsError},
	}
}

func (f *fixture) cancel(id string) backend.Run {
	f.Helper()
	r, err := f.b.CancelRun(f.ctx, id)
	f.noError(err, "CancelRun")
	return r
}

func cancelLiving(f *fixture) {
	_, owned := f.owned()
	_, parked := f.owned()
	f.ok(parkLong(parked))
	_, retried := f.owned()
	f.ok(retry(retried, time.Now().Add(nextHour)))
	dead, _ := f.abandoned()
	f.pass(dead.AvailableAt)
	for what, id := range map[string]string{
		"pending": f.create().ID, "owned": owned.RunID, "parked": parked.RunID,
		"waiting for its retry": retried.RunID, "abandoned": dead.ID,
	} {
		want := f.get(id)
		backend.ApplyEnd(&want, backend.RunCanceled, nil, moment)
		var got backend.Run
		s := f.during(func() { got = f.cancel(id) })
		f.sameRow("canceled, it was "+what, s, got, want)
		f.sameRow("read back", span{}, f.get(id), got)
	}
}

func cancelEnded(f *fixture) {
	_, done := f.owned()
	f.ok(complete(done, `1`))
	_, failed := f.owned()
	f.ok(fail(failed))
	f.unchanged("cancelling what has ended", func() {
		for what, id := range map[string]string{"completed": done.RunID, "failed": failed.RunID} {
			_, err := f.b.CancelRun(f.ctx, id)
			f.isErr(what, err, backend.ErrRunFinished)
		}
		_, err := f.b.CancelRun(f.ctx, backend.NewID())
		f.isErr("unknown", err, backend.ErrRunNotFound)
	})
}

func cancelCloses(f *fixture) {
	r, l := f.owned()
	open, wait, child, done := startStep(l, "open"), openWait(l, "s"), f.startChild(l), finished(l, "done", `1`)
	f.ok(open, wait, child, done)
	want := f.attempts(r.ID)
	s := f.during(func() { f.cancel(r.ID) })
	for i := range want {
		backend.ApplyClose(&want[i], backend.RunCanceled, moment)
		f.sameRow("attempt "+want[i].StepName, s, f.attempt(r.ID, want[i].ID), want[i])
	}
	f.sameIDs("a signal for the closed wait", f.deliver(backend.Signal{Name: "s"}), nil)
	if kept := f.get(child.Child.ID); kept.Status != backend.RunPending {
		f.Errorf("cancelling the parent made its child %s", kept.Status)
	}
}

func cancelUnclaimable(f *fixture) {
	r, l := f.owned()
	f.ok(openWait(l, "s"), parkLong(l))
	f.cancel(r.ID)
	f.deliver(backend.Signal{Name: "s"})
	f.sweep(10)
	f.claimNone()
}

func cancelKeepsError(f *fixture) {
	r, l := f.owned()
	f.ok(retry(l, time.Now().Add(nextHour)))
	if got := f.cancel(r.ID); got.Error == nil || got.Error.Message != someFailure().Message {
		f.Errorf("the error of the last workflow attempt became %+v", got.Error)
	}
}
