package backendtest

import (
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// reopenCases: what was answered is there for whoever opens the store next.
func reopenCases() []testCase {
	return []testCase{
		{"EverythingIsThere", reopenState},
		{"WorkGoesOn", reopenWork},
		{"TwoAtOnce", reopenTwo},
	}
}

// reopened is the fixture with the same store and namespace opened once more.
func (f *fixture) reopened() *fixture { return f.in(f.b.Namespace()) }

func reopenState(f *fixture) {
	r, l := f.owned(withKey("k"))
	f.ok(finished(l, "a", `{"x":9007199254740993}`), openWait(l, "s"), startStep(l, "open"), f.startChild(l))
	f.deliver(backend.Signal{Name: "s", Data: json.RawMessage(`1`)})
	_, failed := f.owned()
	f.ok(fail(failed))
	f.cancel(f.create().ID)
	f.create(f.withDeadline(time.Now().Add(nextHour)))
	g := f.reopened()
	if before, after := f.state(), g.state(); before != after {
		f.Errorf("the store changed.\nbefore: %s\nafter: %s", before, after)
	}
	if again := g.create(withKey("k")); again.ID != r.ID {
		f.Errorf("the idempotency key was forgotten")
	}
}

func reopenWork(f *fixture) {
	wait := f.waiter("s", true)
	f.deliver(backend.Signal{Name: "later", Data: json.RawMessage(`"kept"`), Buffer: nextHour})
	_, owned := f.owned()
	f.deliver(backend.Signal{Name: "own", RunID: owned.RunID, Data: json.RawMessage(`"addressed"`)})
	sig := backend.Signal{Name: "s", Key: "key", Data: json.RawMessage(`1`)}
	f.deliver(sig)
	g := f.reopened()
	g.sameIDs("the key's first answer", g.deliver(sig), []string{wait.Lease.RunID})
	g.claim(wait.Lease.RunID)
	g.got(wait, `1`)
	own, later := openWait(owned, "own"), openWait(owned, "later")
	g.ok(own, later)
	g.got(own, `"addressed"`)
	g.got(later, `"kept"`)
	g.ok(complete(owned, `1`))
	if got := f.get(owned.RunID).Status; got != backend.RunCompleted {
		f.Errorf("the first handle sees the run as %s", got)
	}
}

func reopenTwo(f *fixture) {
	g := f.reopened()
	for range 10 {
		f.create()
	}
	got := together(2, func(i int) []string {
		h := []*fixture{f, g}[i]
		req := h.claimRequest(5)
		req.WorkerID = backend.NewID()
		res, err := h.b.ClaimRuns(f.ctx, req)
		if err != nil {
			return []string{"error: " + err.Error()}
		}
		return runIDs(res.Runs)
	})
	seen := make(map[string]bool)
	for _, id := range append(got[0], got[1]...) {
		if seen[id] {
			f.Errorf("two handles claimed run %s", id)
		}
		seen[id] = true
	}
}
