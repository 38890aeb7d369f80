package backendtest

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// recommitCases: the answer of a COMMIT can be lost, so whatever was committed can be committed again, is
// answered as the first time, and changes nothing.
func recommitCases() []testCase {
	return []testCase{
		{"EveryKind", recommitEvery},
		{"FinishOfAStarted", recommitFinish},
		{"StepsAfterTheEnd", recommitAfterEnd},
		{"StepsAfterThePark", recommitAfterPark},
		{"StepsAfterATakeover", recommitAfterTakeover},
		{"AnotherOutcomeAfterATakeover", recommitOther},
		{"WholeBatch", recommitBatch},
		{"ParkAfterAClaim", recommitParkClaimed},
		{"StartOfAFinished", recommitStartFinished},
		{"Cancel", recommitCancel},
		{"Signals", recommitSignals},
	}
}

func recommitEvery(f *fixture) {
	for _, s := range f.samples() {
		_, l := f.owned()
		t := s.make(l)
		f.ok(t)
		f.unchanged(s.name+" again", func() {
			if err := f.commit(t)[0].Err; err != nil {
				f.Errorf("%s again: %v", s.name, err)
			}
		})
		if t.Kind == backend.StartChild {
			f.claimChild(t.Child.ID) // out of the way of the next sample
		}
	}
}

func recommitFinish(f *fixture) {
	_, l := f.owned()
	started := startStep(l, "a")
	f.ok(started)
	done := finish(started, `1`)
	f.ok(done)
	f.unchanged("the finish again", func() { f.ok(done) })
}

func recommitAfterEnd(f *fixture) {
	for _, end := range []func(backend.Lease) backend.Transition{
		func(l backend.Lease) backend.Transition { return complete(l, `1`) }, fail,
	} {
		_, l := f.owned()
		started, done := startStep(l, "a"), finished(l, "b", `2`)
		f.ok(started, done)
		f.ok(end(l))
		f.unchanged("steps after the end", func() { f.ok(started, done) })
	}
}

func recommitAfterPark(f *fixture) {
	_, l := f.owned()
	wait, child, done := openWait(l, "s"), f.startChild(l), finished(l, "b", `2`)
	f.ok(wait, child, done)
	f.ok(parkLong(l))
	f.unchanged("steps after the park", func() { f.ok(wait, child, done) })
}

func recommitAfterTakeover(f *fixture) {
	r, l := f.owned()
	started, done := startStep(l, "a"), finished(l, "b", `2`)
	f.ok(started, done, park(l, time.Time{}))
	other := *f
	other.worker = backend.NewID()
	other.claim(r.ID)
	f.unchanged("steps after a takeover", func() { f.ok(started, done) })
}

// recommitOther: an attempt that a wait's next owner ended in its way was not ended by the earlier one, who
// must not be told that it was.
func recommitOther(f *fixture) {
	r, l := f.owned()
	wait, child := openWait(l, "s"), f.startChild(l)
	f.ok(wait, child)
	f.ok(park(l, time.Time{}))
	other := *f
	other.worker = backend.NewID()
	second := leaseOf(other.claim(r.ID))
	f.deliver(backend.Signal{Name: "s", Data: json.RawMessage(`1`)})
	got, grown := finish(wait, `{"data":1}`), finish(child, `{"a": [1, 2.50], "b": "x"}`)
	got.Lease, grown.Lease = second, second
	f.ok(got, grown)
	f.unchanged("other outcomes of the earlier owner", func() {
		for i, v := range f.commit(timedOut(wait), finish(child, `2`)) {
			if !errors.Is(v.Err, backend.ErrLeaseLost) {
				f.Errorf("%d: %v, want ErrLeaseLost", i, v.Err)
			}
		}
	})
	f.unchanged("the same again", func() { f.ok(got, grown) })
}

func recommitBatch(f *fixture) {
	runs := f.ownedMany(4)
	l := leaseOf(runs[0])
	batch := []backend.Transition{
		finished(l, "a", `1`), complete(l, `2`),
		finished(leaseOf(runs[1]), "a", `1`), parkLong(leaseOf(runs[1])),
		startStep(leaseOf(runs[2]), "a"), fail(leaseOf(runs[2])),
		retry(leaseOf(runs[3]), time.Now().Add(nextHour)),
	}
	f.ok(batch...)
	f.unchanged("the batch again", func() { f.ok(batch...) })
	if got := f.get(runs[3].ID).Failures; got != 1 {
		f.Errorf("one workflow failure was counted %d times", got)
	}
}

func recommitParkClaimed(f *fixture) {
	r, l := f.owned()
	t := park(l, time.Time{})
	f.ok(t)
	f.claim(r.ID)
	f.unchanged("a park of an earlier epoch", func() {
		f.isErr("the park again", f.commit(t)[0].Err, backend.ErrLeaseLost)
	})
}

func recommitStartFinished(f *fixture) {
	_, l := f.owned()
	started := startStep(l, "a")
	f.ok(finish(started, `1`))
	f.unchanged("a start that comes after its finish", func() { f.ok(started) })
}

func recommitCancel(f *fixture) {
	r := f.create()
	first, err := f.b.CancelRun(f.ctx, r.ID)
	f.noError(err, "CancelRun")
	f.unchanged("cancelling again", func() {
		again, err := f.b.CancelRun(f.ctx, r.ID)
		f.noError(err, "CancelRun again")
		f.sameRow("the canceled run", span{}, again, first)
	})
}

func recommitSignals(f *fixture) {
	_, l := f.owned()
	f.ok(openWait(l, "s"))
	sig := backend.Signal{ID: backend.NewID(), Name: "s", Key: "key", Data: json.RawMessage(`1`)}
	f.sameIDs("first", f.deliver(sig), []string{l.RunID})
	f.unchanged("the signal again", func() {
		f.sameIDs("again", f.deliver(sig), []string{l.RunID})
	})
	f.ok(complete(l, `1`))
	f.sameIDs("again, after the run's end", f.deliver(sig), []string{l.RunID})
}
