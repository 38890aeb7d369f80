package backendtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// rounds is how often each race is run: the windows are narrow.
const rounds = 40

// raceCases let two calls meet that must not miss each other.
func raceCases() []testCase {
	return []testCase{
		{"SignalAgainstPark", raceSignalPark},
		{"SignalAgainstOpeningWait", raceSignalWait},
		{"BufferedAgainstOpeningWait", raceBufferedWait},
		{"BufferedAgainstManyWaits", raceBufferedMany},
		{"TimeoutAgainstSignal", raceTimeout},
		{"SendersAtOnce", raceSenders},
		{"OneKeyAtOnce", raceKey},
		{"ChildEndAgainstPark", raceChildPark},
		{"ChildCancelAgainstPark", raceChildCancel},
		{"CancelAgainstComplete", raceCancel},
		{"TakeoverAgainstCommit", raceTakeover},
	}
}

// both runs two calls at once. By rounds, one or the other gets ahead a little, or neither.
func both(round int, a, b func() error) error {
	errs := together(2, func(i int) error {
		if round%3 == i {
			for range 10 {
				runtime.Gosched()
			}
		}
		if i == 0 {
			return a()
		}
		return b()
	})
	return errors.Join(errs...)
}

func (f *fixture) commitErr(ts ...backend.Transition) error {
	vs, err := f.b.Commit(f.ctx, ts)
	for _, v := range vs {
		err = errors.Join(err, v.Err)
	}
	return err
}

func (f *fixture) sendErr(sig backend.Signal) ([]string, error) {
	sig.ID = backend.NewID()
	if sig.Key == "" {
		sig.Key = sig.ID
	}
	res, err := f.b.SendSignals(f.ctx, []backend.Signal{sig})
	if err != nil {
		return nil, err
	}
	return res[0].RunIDs, res[0].Err
}

// mustBeDue claims the run, which nothing will wake any more, and ends it.
func (f *fixture) mustBeDue(round int, id string) {
	f.Helper()
	res := f.tryClaim(f.claimRequest(1))
	if len(res.Runs) != 1 || res.Runs[0].ID != id {
		f.Fatalf("round %d: a wake was lost: the run is %+v", round, f.get(id))
	}
	f.ok(complete(leaseOf(res.Runs[0]), `1`))
}

func raceSignalPark(f *fixture) {
	for i := range rounds {
		wait := f.waiter("s", false)
		var got []string
		err := both(i,
			func() error { return f.commitErr(parkLong(wait.Lease)) },
			func() (err error) {
				got, err = f.sendErr(backend.Signal{Name: "s", Data: json.RawMessage(`1`)})
				return err
			},
		)
		f.noError(err, "park beside signal")
		f.sameIDs("delivered", got, []string{wait.Lease.RunID})
		f.got(wait, `1`)
		f.mustBeDue(i, wait.Lease.RunID)
	}
}

// raceSignalWait: an addressed signal meets the opening of the wait: it is delivered or kept, never lost.
func raceSignalWait(f *fixture) {
	for i := range rounds {
		_, l := f.owned()
		wait := openWait(l, "s")
		var got []string
		var v backend.Verdict
		err := both(i,
			func() error {
				vs, err := f.b.Commit(f.ctx, []backend.Transition{wait})
				if err == nil {
					v = vs[0]
				}
				return errors.Join(err, v.Err)
			},
			func() (err error) {
				got, err = f.sendErr(backend.Signal{Name: "s", RunID: l.RunID, Data: json.RawMessage(`1`)})
				return err
			},
		)
		f.noError(err, "opening a wait beside its signal")
		if v.Satisfied == slices.Contains(got, l.RunID) {
			f.Fatalf("round %d: satisfied at opening is %v, delivered at sending is %v: want exactly one", i, v.Satisfied, got)
		}
		f.got(wait, `1`)
		f.ok(parkLong(l))
		f.mustBeDue(i, l.RunID)
	}
}

func raceBufferedWait(f *fixture) {
	for i := range rounds {
		_, l := f.owned()
		name := fmt.Sprint("s", i)
		wait := openWait(l, name)
		err := both(i,
			func() error { return f.commitErr(wait, parkLong(l)) },
			func() error { _, err := f.sendErr(buffered(name, `1`)); return err },
		)
		f.noError(err, "opening a wait beside a buffered signal")
		f.got(wait, `1`)
		f.mustBeDue(i, l.RunID)
	}
}

func raceBufferedMany(f *fixture) {
	for i := range rounds / 4 {
		name := fmt.Sprint("s", i)
		f.deliver(buffered(name, `1`))
		runs := f.ownedMany(4)
		satisfied := together(len(runs), func(k int) bool {
			vs, err := f.b.Commit(f.ctx, []backend.Transition{openWait(leaseOf(runs[k]), name)})
			return err == nil && vs[0].Satisfied
		})
		delivered, told := 0, 0
		for k, r := range runs {
			delivered += len(f.history(r.ID).Signals)
			if satisfied[k] {
				told++
			}
			f.ok(complete(leaseOf(r), `1`))
		}
		if delivered != 1 || told != 1 {
			f.Fatalf("round %d: one signal was delivered to %d waits, %d were told", i, delivered, told)
		}
	}
}

// raceTimeout: the wait times out or gets the signal; sender and waiter agree on which.
func raceTimeout(f *fixture) {
	for i := range rounds {
		wait := f.waiter("s", false)
		var got []string
		var timeout error
		err := both(i,
			func() error {
				vs, err := f.b.Commit(f.ctx, []backend.Transition{timedOut(wait)})
				if err == nil {
					timeout = vs[0].Err
				}
				return err
			},
			func() (err error) { got, err = f.sendErr(backend.Signal{Name: "s"}); return err },
		)
		f.noError(err, "timeout beside signal")
		delivered := slices.Contains(got, wait.Lease.RunID)
		switch {
		case timeout == nil && !delivered:
		case errors.Is(timeout, backend.ErrWaitSatisfied) && delivered:
			f.got(wait, `null`)
		default:
			f.Fatalf("round %d: the timeout's verdict is %v, delivered is %v: want exactly one of them", i, timeout, delivered)
		}
		f.ok(complete(wait.Lease, `1`))
	}
}

func raceSenders(f *fixture) {
	for i := range rounds / 2 {
		wait := f.waiter("s", false)
		got := together(4, func(k int) string {
			ids, err := f.sendErr(backend.Signal{Name: "s", Data: json.RawMessage(fmt.Sprint(k))})
			return fmt.Sprint(ids, err)
		})
		want := fmt.Sprint([]string{wait.Lease.RunID}, error(nil))
		winners := 0
		for k, answer := range got {
			if answer == want {
				winners++
				f.got(wait, fmt.Sprint(k))
			}
		}
		if winners != 1 {
			f.Fatalf("round %d: %d senders delivered to one wait: %v", i, winners, got)
		}
		f.ok(complete(wait.Lease, `1`))
	}
}

func raceKey(f *fixture) {
	for i := range rounds / 2 {
		wait := f.waiter("s", true)
		sig := backend.Signal{Name: "s", Key: fmt.Sprint("key", i), Data: json.RawMessage(`1`)}
		for _, ids := range together(4, func(int) string { ids, err := f.sendErr(sig); return fmt.Sprint(ids, err) }) {
			if want := fmt.Sprint([]string{wait.Lease.RunID}, error(nil)); ids != want {
				f.Fatalf("round %d: the same signal at once was answered %s, want %s", i, ids, want)
			}
		}
		f.mustBeDue(i, wait.Lease.RunID)
	}
}

func raceChildPark(f *fixture) {
	f.raceChild(func(child backend.Lease) error { return f.commitErr(complete(child, `1`)) })
}

func raceChildCancel(f *fixture) {
	f.raceChild(func(child backend.Lease) error { _, err := f.b.CancelRun(f.ctx, child.RunID); return err })
}

func (f *fixture) raceChild(end func(backend.Lease) error) {
	f.Helper()
	for i := range rounds {
		_, l := f.owned()
		start := f.startChild(l)
		f.ok(start)
		child := f.claimChild(start.Child.ID)
		err := both(i,
			func() error { return f.commitErr(parkLong(l)) },
			func() error { return end(child) },
		)
		f.noError(err, "park beside the child's end")
		f.mustBeDue(i, l.RunID)
	}
}

func raceCancel(f *fixture) {
	for i := range rounds {
		r, l := f.owned()
		var completed, canceled error
		err := both(i,
			func() error {
				vs, err := f.b.Commit(f.ctx, []backend.Transition{complete(l, `1`)})
				if err == nil {
					completed = vs[0].Err
				}
				return err
			},
			func() error { _, canceled = f.b.CancelRun(f.ctx, r.ID); return nil },
		)
		f.noError(err, "Commit")
		got := f.get(r.ID).Status
		switch {
		case completed == nil && errors.Is(canceled, backend.ErrRunFinished) && got == backend.RunCompleted:
		case errors.Is(completed, backend.ErrLeaseLost) && canceled == nil && got == backend.RunCanceled:
		default:
			f.Fatalf("round %d: the run is %s, completing gave %v, cancelling gave %v", i, got, completed, canceled)
		}
	}
}

// raceTakeover: a worker that comes back late meets the one that takes over: one of them has the run.
func raceTakeover(f *fixture) {
	for i := range rounds / 8 {
		r, late := f.abandoned()
		f.pass(r.AvailableAt)
		var verdict error
		var claimed []backend.Run
		err := both(i,
			func() error {
				vs, err := f.b.Commit(f.ctx, []backend.Transition{complete(late, `"late"`)})
				if err == nil {
					verdict = vs[0].Err
				}
				return err
			},
			func() error {
				res, err := f.b.ClaimRuns(f.ctx, f.claimRequest(1))
				claimed = res.Runs
				return err
			},
		)
		f.noError(err, "takeover beside commit")
		if (verdict == nil) == (len(claimed) == 1) {
			f.Fatalf("round %d: the late worker's verdict is %v, and %d claims were made", i, verdict, len(claimed))
		}
		if len(claimed) == 1 {
			f.ok(complete(leaseOf(claimed[0]), `1`))
		}
	}
}
