package backendtest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// bufferCases: signals that are kept until a run waits for them.
func bufferCases() []testCase {
	return []testCase{
		{"NextWaitGetsIt", bufferNext},
		{"OneWaitOnly", bufferOneWait},
		{"OldestFirst", bufferOldest},
		{"NotWhenSomebodyWaits", bufferWaiting},
		{"KeyRepeated", bufferKey},
		{"Expires", bufferExpires},
		{"SweepDeletes", bufferSweep},
		{"MakesAParkDue", bufferPark},
		{"Addressed", bufferAddressed},
		{"AddressedWaitsForItsName", bufferAddressedName},
		{"AddressedStays", bufferAddressedStays},
		{"TimeoutOfASatisfiedWait", bufferTimeout},
	}
}

func buffered(name, data string) backend.Signal {
	return backend.Signal{Name: name, Data: json.RawMessage(data), Buffer: nextHour}
}

// opens opens a wait in a run of its own and says whether the signal was there.
func (f *fixture) opens(signal string) (backend.Transition, bool) {
	f.Helper()
	_, l := f.owned()
	wait := openWait(l, signal)
	return wait, f.ok(wait)[0].Satisfied
}

func (f *fixture) opensWith(signal, want string) backend.Transition {
	f.Helper()
	wait, satisfied := f.opens(signal)
	if satisfied != (want != "") {
		f.Errorf("satisfied is %v, want data %q", satisfied, want)
	}
	f.got(wait, want)
	return wait
}

func bufferNext(f *fixture) {
	f.sameIDs("nobody yet", f.deliver(buffered("s", `{"n":1}`)), nil)
	f.opensWith("other", "")
	f.opensWith("s", `{"n":1}`)
	f.opensWith("s", "")
}

func bufferOneWait(f *fixture) {
	f.deliver(buffered("s", `1`))
	runs := f.ownedMany(3)
	satisfied := 0
	for _, v := range f.ok(openWait(leaseOf(runs[0]), "s"), openWait(leaseOf(runs[1]), "s"), openWait(leaseOf(runs[2]), "s")) {
		if v.Satisfied {
			satisfied++
		}
	}
	delivered := 0
	for _, r := range runs {
		delivered += len(f.history(r.ID).Signals)
	}
	if satisfied != 1 || delivered != 1 {
		f.Errorf("one buffered signal satisfied %d waits and was delivered to %d", satisfied, delivered)
	}
}

func bufferOldest(f *fixture) {
	for i := range 3 {
		sent := f.now()
		f.deliver(buffered("s", fmt.Sprint(i)))
		f.pass(sent.Add(2 * precision))
	}
	for i := range 3 {
		f.opensWith("s", fmt.Sprint(i))
	}
	f.opensWith("s", "")
}

func bufferWaiting(f *fixture) {
	wait := f.waiter("s", false)
	f.sameIDs("delivered at once", f.deliver(buffered("s", `1`)), []string{wait.Lease.RunID})
	f.opensWith("s", "")
}

func bufferKey(f *fixture) {
	sig := buffered("s", `1`)
	sig.Key = "key"
	f.sameIDs("kept", f.deliver(sig), nil)
	f.sameIDs("repeated", f.deliver(sig), nil)
	f.opensWith("s", `1`)
	f.opensWith("s", "")
	f.deliver(sig)
	f.opensWith("s", "")
}

func bufferExpires(f *fixture) {
	sig := buffered("s", `1`)
	sig.Buffer = 100 * time.Millisecond
	f.deliver(sig)
	f.pass(f.now().Add(sig.Buffer + 10*time.Millisecond))
	f.opensWith("s", "")
}

func bufferSweep(f *fixture) {
	for range 3 {
		sig := buffered("s", `1`)
		sig.Buffer = 50 * time.Millisecond
		f.deliver(sig)
	}
	f.deliver(buffered("s", `"stays"`))
	f.pass(f.now().Add(60 * time.Millisecond))
	first, second := f.sweep(2), f.sweep(2)
	if first.Deleted != 2 || !first.More || second.Deleted != 1 {
		f.Errorf("deleted %d (more: %v), then %d of 3 by twos", first.Deleted, first.More, second.Deleted)
	}
	f.opensWith("s", `"stays"`)
}

func bufferPark(f *fixture) {
	f.deliver(buffered("s", `1`))
	wait := f.opensWith("s", `1`)
	if v := f.ok(parkLong(wait.Lease))[0]; !v.Woke {
		f.Errorf("the park does not say that its wait is satisfied")
	}
	f.claim(wait.Lease.RunID)
	f.got(wait, `1`)
}

func bufferAddressed(f *fixture) {
	_, l := f.owned()
	f.sameIDs("not waiting yet", f.deliver(backend.Signal{Name: "s", RunID: l.RunID, Data: json.RawMessage(`1`)}), nil)
	f.opensWith("s", "")
	wait := openWait(l, "s")
	if !f.ok(wait)[0].Satisfied {
		f.Errorf("the wait of the addressed run is not satisfied")
	}
	f.got(wait, `1`)
	second := openWait(l, "s")
	if f.ok(second)[0].Satisfied {
		f.Errorf("one addressed signal satisfied two waits")
	}
}

func bufferAddressedName(f *fixture) {
	r := f.create()
	f.deliver(backend.Signal{Name: "s", RunID: r.ID, Data: json.RawMessage(`1`)})
	l := leaseOf(f.claim(r.ID))
	other := openWait(l, "other")
	if f.ok(other)[0].Satisfied {
		f.Errorf("a wait for another name was satisfied")
	}
	wait := openWait(l, "s")
	f.ok(wait)
	f.got(wait, `1`)
}

// bufferAddressedStays: an addressed signal has no time to live, and outlives parks and claims.
func bufferAddressedStays(f *fixture) {
	r, l := f.owned()
	f.deliver(backend.Signal{Name: "s", RunID: r.ID, Data: json.RawMessage(`1`)})
	f.ok(park(l, time.Time{}))
	if res := f.sweep(10); res.Deleted > 0 {
		f.Errorf("the sweep deleted %d signals", res.Deleted)
	}
	l = leaseOf(f.claim(r.ID))
	wait := openWait(l, "s")
	f.ok(wait)
	f.got(wait, `1`)
}

func bufferTimeout(f *fixture) {
	f.deliver(buffered("s", `1`))
	wait := f.opensWith("s", `1`)
	f.isErr("a timeout of a wait that was satisfied as it opened", f.commit(timedOut(wait))[0].Err, backend.ErrWaitSatisfied)
}
