package backendtest_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// forgetful is a backend that loses wakes: a lost run is claimed by nobody.
type forgetful struct {
	*memory.Backend
	mu      sync.Mutex
	lost    []string
	parents map[string]string // by attempt
	always  bool              // every park's look for what has arrived, not only one that comes too early
	parent  bool              // the wakes of parents
}

func (b *forgetful) ClaimRuns(ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
	b.mu.Lock()
	req.Exclude = append(slices.Clone(req.Exclude), b.lost...)
	b.mu.Unlock()
	return b.Backend.ClaimRuns(ctx, req)
}

func (b *forgetful) lose(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost = append(b.lost, id)
}

// Commit looks for what has arrived before it parks, instead of in the park.
func (b *forgetful) Commit(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
	arrived := make([]bool, len(ts))
	for i := range ts {
		b.remember(&ts[i])
		if ts[i].Kind == backend.ParkRun && !b.always {
			arrived[i] = b.hasArrived(ctx, ts[i].Lease.RunID)
			for range 100 {
				runtime.Gosched() // the others' turn, between the look and the park
			}
		}
	}
	vs, err := b.Backend.Commit(ctx, ts)
	for i := range vs {
		switch t := &ts[i]; {
		case t.Kind == backend.ParkRun && vs[i].Woke && !arrived[i] && t.WakeAt.After(time.Now()) && !b.parent:
			b.lose(t.Lease.RunID)
			vs[i].Woke = false
		case t.Kind.Terminal() && vs[i].Woke && b.parent:
			b.lose(b.parents[current(b.Backend, t.Lease.RunID).ParentAttemptID])
		}
	}
	return vs, err
}

func (b *forgetful) remember(t *backend.Transition) {
	if t.Kind == backend.StartChild {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.parents[t.Attempt.ID] = t.Lease.RunID
	}
}

func (b *forgetful) hasArrived(ctx context.Context, id string) bool {
	res, err := b.LoadHistories(ctx, backend.HistoryRequest{RunIDs: []string{id}})
	return err == nil && len(res.Histories) == 1 && len(res.Histories[0].Signals)+len(res.Histories[0].Children) > 0
}

// split answers a signal's or claim's two halves apart, as a backend without a lock in between does.
type split struct {
	*memory.Backend
	mu   sync.Mutex
	keys map[string]string
}

// CreateRuns looks for the key and makes the run in two steps.
func (b *split) CreateRuns(ctx context.Context, runs []backend.NewRun) ([]string, error) {
	if len(runs) != 1 || runs[0].IdempotencyKey == "" {
		return b.Backend.CreateRuns(ctx, runs)
	}
	n := runs[0]
	key := n.WorkflowName + "/" + n.IdempotencyKey
	b.mu.Lock()
	known, ok := b.keys[key]
	b.mu.Unlock()
	if ok {
		return []string{known}, nil
	}
	for range 100 {
		runtime.Gosched()
	}
	n.IdempotencyKey = ""
	made, err := b.Backend.CreateRuns(ctx, []backend.NewRun{n})
	if err == nil {
		b.mu.Lock()
		b.keys[key] = made[0]
		b.mu.Unlock()
	}
	return made, err
}

func raceBreakages() map[string]breakage {
	forgets := func(always, parent bool) func(*memory.Backend) backend.Backend {
		return func(b *memory.Backend) backend.Backend {
			return &forgetful{Backend: b, parents: make(map[string]string), always: always, parent: parent}
		}
	}
	return map[string]breakage{
		"parks without a look at its signals":       {"Signal/ParkAfterDelivery", forgets(true, false)},
		"parks without a look at its children":      {"Child/EndedBeforeThePark", forgets(true, false)},
		"looks for signals before it parks":         {"Race/SignalAgainstPark", forgets(false, false)},
		"looks for children before it parks":        {"Race/ChildEndAgainstPark", forgets(false, false)},
		"does not wake the parent":                  {"Child/EndWakesTheParent", forgets(false, true)},
		"looks for a key before it creates the run": {"Create/KeyUnderConcurrency", func(b *memory.Backend) backend.Backend { return &split{Backend: b, keys: make(map[string]string)} }},
	}
}
