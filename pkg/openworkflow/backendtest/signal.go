package backendtest

import (
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func signalCases() []testCase {
	return []testCase{
		{"FanOut", signalFanOut},
		{"SkipsEndedRuns", signalSkipsEnded},
		{"WakesTheParked", signalWakes},
		{"LeavesTheOwned", signalOwned},
		{"KeyRepeated", signalKey},
		{"KeyRepeatedInABatch", signalKeyInBatch},
		{"KeyIsOfOneName", signalKeyName},
		{"OneForEachWait", signalOneEach},
		{"NobodyWaits", signalNobody},
		{"AnswersByIndex", signalBatch},
		{"Addressed", signalAddressed},
		{"AddressedOldestWait", signalAddressedOldest},
		{"AddressedFinishedOrUnknown", signalAddressedErrors},
		{"TimeoutAfterDelivery", signalTimeoutLate},
		{"DeliveryAfterTimeout", signalAfterTimeout},
		{"ParkAfterDelivery", signalBeforePark},
		{"FinishedWaitIsGone", signalFinished},
	}
}

// waiter is a run that waits for a signal, parked for long unless owned.
func (f *fixture) waiter(signal string, parked bool) backend.Transition {
	f.Helper()
	_, l := f.owned()
	wait := openWait(l, signal)
	if v := f.ok(wait)[0]; v.Satisfied {
		f.Fatalf("a wait for %s was satisfied before anything was sent", signal)
	}
	if parked {
		f.ok(parkLong(l))
	}
	return wait
}

// got checks what has been delivered to a wait; an empty want is nothing.
func (f *fixture) got(wait backend.Transition, want string) {
	f.Helper()
	data, ok := f.history(wait.Lease.RunID).Signals[wait.Attempt.ID]
	switch {
	case want == "" && ok:
		f.Errorf("the wait got %s, want nothing", data)
	case want != "" && (!ok || !sameJSON(data, json.RawMessage(want))):
		f.Errorf("the wait got %s (%v), want %s", data, ok, want)
	}
}

func signalFanOut(f *fixture) {
	a, b, c := f.waiter("s", true), f.waiter("s", true), f.waiter("s", false)
	other := f.waiter("S", true)
	got := f.deliver(backend.Signal{Name: "s", Data: json.RawMessage(`{"n":1}`)})
	f.sameIDs("the runs that got it", got, sorted([]string{a.Lease.RunID, b.Lease.RunID, c.Lease.RunID}))
	for _, w := range []backend.Transition{a, b, c} {
		f.got(w, `{"n":1}`)
	}
	f.got(other, "")
	f.sameIDs("the runs that became due", sorted(runIDs(f.tryClaim(f.claimRequest(10)).Runs)), sorted([]string{a.Lease.RunID, b.Lease.RunID}))
}

func signalSkipsEnded(f *fixture) {
	canceled, failed, alive := f.waiter("s", true), f.waiter("s", false), f.waiter("s", true)
	_, err := f.b.CancelRun(f.ctx, canceled.Lease.RunID)
	f.noError(err, "CancelRun")
	f.ok(fail(failed.Lease))
	f.sameIDs("the runs that got it", f.deliver(backend.Signal{Name: "s"}), []string{alive.Lease.RunID})
}

func signalWakes(f *fixture) {
	wait := f.waiter("s", true)
	want := f.get(wait.Lease.RunID)
	want.AvailableAt, want.UpdatedAt = moment, moment
	s := f.during(func() { f.deliver(backend.Signal{Name: "s", Data: json.RawMessage(`1`)}) })
	f.sameRow("the woken run", s, f.get(want.ID), want)
	f.got(wait, `1`)
	f.claim(want.ID)
	f.got(wait, `1`)
}

func signalOwned(f *fixture) {
	wait := f.waiter("s", false)
	f.unchangedRun(wait.Lease.RunID, func() { f.deliver(backend.Signal{Name: "s"}) })
	f.got(wait, `null`)
}

func signalKey(f *fixture) {
	first := f.waiter("s", true)
	sig := backend.Signal{Name: "s", Key: "key", Data: json.RawMessage(`1`)}
	f.sameIDs("first", f.deliver(sig), []string{first.Lease.RunID})
	second := f.waiterBeside("s")
	sig.Data = json.RawMessage(`2`)
	f.sameIDs("repeated", f.deliver(sig), []string{first.Lease.RunID})
	f.got(second, "")
	f.got(first, `1`)
	sig.Key = "another"
	f.sameIDs("with another key", f.deliver(sig), []string{second.Lease.RunID})
}

// waiterBeside is another waiter, while one that is due already must not be claimed.
func (f *fixture) waiterBeside(signal string) backend.Transition {
	f.Helper()
	other := *f
	other.key.Name = "beside-" + f.key.Name
	return other.waiter(signal, true)
}

func signalKeyInBatch(f *fixture) {
	wait := f.waiter("s", true)
	sig := backend.Signal{Name: "s", Key: "key", Data: json.RawMessage(`1`)}
	again := sig
	again.Data = json.RawMessage(`2`)
	res := f.send(sig, again)
	for i := range res {
		f.noError(res[i].Err, "signal")
		f.sameIDs("answer", res[i].RunIDs, []string{wait.Lease.RunID})
	}
	f.got(wait, `1`)
}

func signalKeyName(f *fixture) {
	a, b := f.waiter("a", true), f.waiter("b", true)
	f.sameIDs("a", f.deliver(backend.Signal{Name: "a", Key: "key"}), []string{a.Lease.RunID})
	f.sameIDs("b", f.deliver(backend.Signal{Name: "b", Key: "key"}), []string{b.Lease.RunID})
}

func signalOneEach(f *fixture) {
	wait := f.waiter("s", true)
	f.sameIDs("first", f.deliver(backend.Signal{Name: "s", Data: json.RawMessage(`1`)}), []string{wait.Lease.RunID})
	f.sameIDs("second", f.deliver(backend.Signal{Name: "s", Data: json.RawMessage(`2`)}), nil)
	f.got(wait, `1`)
}

func signalNobody(f *fixture) {
	f.sameIDs("nobody", f.deliver(backend.Signal{Name: "s", Key: "key"}), nil)
	wait := f.waiter("s", true)
	f.got(wait, "")
	f.sameIDs("the same signal, now that somebody waits", f.deliver(backend.Signal{Name: "s", Key: "key"}), []string{wait.Lease.RunID})
}

func signalBatch(f *fixture) {
	a, b := f.waiter("a", true), f.waiter("b", false)
	res := f.send(backend.Signal{Name: "b", Data: json.RawMessage(`"b"`)}, backend.Signal{Name: "nobody"}, backend.Signal{Name: "a", Data: json.RawMessage(`"a"`)})
	f.sameIDs("b", res[0].RunIDs, []string{b.Lease.RunID})
	f.sameIDs("nobody", res[1].RunIDs, nil)
	f.sameIDs("a", res[2].RunIDs, []string{a.Lease.RunID})
	f.got(a, `"a"`)
	f.got(b, `"b"`)
}

func signalAddressed(f *fixture) {
	a, b := f.waiter("s", true), f.waiter("s", true)
	f.sameIDs("addressed", f.deliver(backend.Signal{Name: "s", RunID: b.Lease.RunID, Data: json.RawMessage(`1`)}), []string{b.Lease.RunID})
	f.got(a, "")
	f.got(b, `1`)
	f.claim(b.Lease.RunID)
}

func signalAddressedOldest(f *fixture) {
	_, l := f.owned()
	first, second := openWait(l, "s"), openWait(l, "s")
	second.Attempt.StartedAt = first.Attempt.StartedAt.Add(time.Second)
	f.ok(second)
	f.ok(first)
	for i, w := range []backend.Transition{first, second} {
		data := json.RawMessage([]string{`1`, `2`}[i])
		f.sameIDs("addressed", f.deliver(backend.Signal{Name: "s", RunID: l.RunID, Data: data}), []string{l.RunID})
		f.got(w, string(data))
	}
}

func signalAddressedErrors(f *fixture) {
	wait := f.waiter("s", true)
	r, l := f.owned()
	f.ok(openWait(l, "s"), complete(l, `1`))
	res := f.send(
		backend.Signal{Name: "s", RunID: r.ID}, backend.Signal{Name: "s", RunID: backend.NewID()},
		backend.Signal{Name: "s", RunID: wait.Lease.RunID},
	)
	f.isErr("to a finished run", res[0].Err, backend.ErrRunFinished)
	f.isErr("to an unknown run", res[1].Err, backend.ErrRunNotFound)
	f.noError(res[2].Err, "the signal beside them")
	f.sameIDs("the signal beside them", res[2].RunIDs, []string{wait.Lease.RunID})
}

func signalTimeoutLate(f *fixture) {
	wait := f.waiter("s", false)
	f.deliver(backend.Signal{Name: "s", Data: json.RawMessage(`1`)})
	f.unchanged("a timeout after the delivery", func() {
		f.isErr("the timeout", f.commit(timedOut(wait))[0].Err, backend.ErrWaitSatisfied)
	})
	f.ok(finish(wait, `{"data":1}`))
}

func signalAfterTimeout(f *fixture) {
	wait := f.waiter("s", false)
	f.ok(timedOut(wait))
	f.sameIDs("after the timeout", f.deliver(backend.Signal{Name: "s"}), nil)
	f.unchanged("the timeout again", func() { f.ok(timedOut(wait)) })
}

func signalBeforePark(f *fixture) {
	wait := f.waiter("s", false)
	f.deliver(backend.Signal{Name: "s"})
	if v := f.ok(parkLong(wait.Lease))[0]; !v.Woke {
		f.Errorf("the park does not say that its wait is satisfied")
	}
	f.claim(wait.Lease.RunID)
}

func signalFinished(f *fixture) {
	wait := f.waiter("s", false)
	f.deliver(backend.Signal{Name: "s"})
	f.ok(finish(wait, `{"data":null}`))
	if got := f.history(wait.Lease.RunID).Signals; len(got) > 0 {
		f.Errorf("a finished wait still has arrivals: %v", got)
	}
	if v := f.ok(openWait(wait.Lease, "other"), parkLong(wait.Lease))[1]; v.Woke {
		f.Errorf("a wait that is over makes a park due")
	}
	f.claimNone()
}
