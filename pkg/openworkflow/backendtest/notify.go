package backendtest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// notifyCases hold the optional Notifier to its word. News may be lost, so each is caused again until it
// arrives; what must not happen is that it never does.
func notifyCases() []testCase {
	return []testCase{
		{"Due", notifyDue},
		{"DueBesideAKnownRun", notifyBesideKnown},
		{"DueLater", notifyScheduled},
		{"DueByWake", notifyWake},
		{"Finished", notifyFinished},
		{"Touched", notifyTouched},
		{"OtherNamespace", notifyNamespace},
		{"ClosedWithItsContext", notifyClosed},
		{"SlowReaderBlocksNobody", notifySlow},
	}
}

func (f *fixture) subscribe() <-chan backend.Event {
	f.Helper()
	n, ok := f.b.(backend.Notifier)
	if !ok {
		f.Skip("the backend is no Notifier")
	}
	events, err := n.Subscribe(f.ctx)
	f.noError(err, "Subscribe")
	return events
}

// heard causes news until an event about them comes.
func (f *fixture) heard(what string, events <-chan backend.Event, cause func() string, of func(backend.Event) []string) {
	f.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	names := []string{cause()}
	for {
		select {
		case e, open := <-events:
			if !open {
				f.Fatalf("%s: the subscription ended", what)
			}
			if slices.ContainsFunc(of(e), func(s string) bool { return slices.Contains(names, s) }) {
				return
			}
		case <-again.C:
			names = append(names, cause())
		case <-deadline.C:
			f.Fatalf("%s: no news in %v", what, patience)
		}
	}
}

func due(e backend.Event) []string { return e.Due }

func notifyDue(f *fixture) {
	events := f.subscribe()
	f.heard("a new run", events, func() string { f.create(); return f.key.Name }, due)
}

func notifyBesideKnown(f *fixture) {
	known := f.newRun(func(n *backend.NewRun) { n.WorkflowName = "known" })
	f.createAll(known)
	events := f.subscribe()
	f.heard("a new run beside one that exists", events, func() string { f.createAll(known, f.newRun()); return f.key.Name }, due)
}

func notifyScheduled(f *fixture) {
	events := f.subscribe()
	f.heard("a run that starts later", events, func() string {
		f.create(func(n *backend.NewRun) { n.StartAfter = nextHour })
		return f.key.Name
	}, due)
}

func notifyWake(f *fixture) {
	var signals []string
	for i := range 20 { // parked before anybody listens, so that what is heard is the wake
		signal := "s" + strconv.Itoa(i)
		_, l := f.owned()
		f.ok(openWait(l, signal))
		f.ok(parkLong(l))
		signals = append(signals, signal)
	}
	events := f.subscribe()
	f.heard("a run that a signal woke", events, func() string {
		if len(signals) > 0 {
			f.deliver(backend.Signal{Name: signals[0]})
			signals = signals[1:]
		}
		return f.key.Name
	}, due)
}

func notifyFinished(f *fixture) {
	events := f.subscribe()
	finished := func(e backend.Event) []string { return e.Finished }
	plainly := ending{"a plain complete", backend.RunCompleted, func(f *fixture, l backend.Lease) bool {
		return f.ok(plain(complete(l, `1`))...)[0].Woke
	}}
	for _, e := range append(endings(), plainly) {
		f.heard("a run that ended by "+e.name, events, func() string {
			r, l := f.owned()
			e.end(f, l)
			return r.ID
		}, finished)
	}
}

func notifyTouched(f *fixture) {
	events := f.subscribe()
	touched := func(e backend.Event) []string { return append(e.Touched, e.Finished...) }
	f.heard("a signal for an owned run", events, func() string {
		wait := f.waiter("s", false)
		f.deliver(backend.Signal{Name: "s"})
		return wait.Lease.RunID
	}, func(e backend.Event) []string { return e.Touched })
	f.heard("the end of an owned run's child", events, func() string {
		_, l := f.owned()
		start := f.startChild(l)
		f.ok(start)
		child := f.claimChild(start.Child.ID)
		f.ok(complete(child, `1`))
		return l.RunID
	}, func(e backend.Event) []string { return e.Touched })
	f.heard("the cancel of an owned run", events, func() string {
		r, _ := f.owned()
		f.cancel(r.ID)
		return r.ID
	}, touched)
}

func notifyNamespace(f *fixture) {
	g := f.elsewhere()
	events := f.subscribe()
	for range 5 {
		g.create(func(n *backend.NewRun) { n.WorkflowName = "theirs" })
	}
	f.heard("a new run", events, func() string { f.create(); return f.key.Name }, func(e backend.Event) []string {
		if slices.Contains(e.Due, "theirs") {
			f.Errorf("news of another namespace arrived: %+v", e)
		}
		return e.Due
	})
}

func notifyClosed(f *fixture) {
	f.subscribe()
	ctx, cancel := context.WithCancel(f.ctx)
	events, err := f.b.(backend.Notifier).Subscribe(ctx)
	f.noError(err, "Subscribe")
	cancel()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		select {
		case _, open := <-events:
			if !open {
				f.create() // writers go on
				return
			}
		case <-deadline.C:
			f.Fatalf("the channel is open %v after its context ended", patience)
		}
	}
}

func notifySlow(f *fixture) {
	events := f.subscribe()
	for range 400 {
		f.create() // nobody reads: a write that waits for a reader never returns
	}
	var missed, named bool
	f.eventually("the reader hears of the runs, or that it missed some", func() bool {
		for {
			select {
			case e := <-events:
				missed, named = missed || e.Missed, named || slices.Contains(e.Due, f.key.Name)
			default:
				return missed || named
			}
		}
	})
}
