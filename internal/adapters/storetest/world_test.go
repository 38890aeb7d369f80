package storetest_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// pace keeps commands in different milliseconds, so that what one makes due is due after what another
// made due before, in every store.
const pace = 2 * time.Millisecond

// world is the stores, what has been done to them, and the words that commands are made of.
type world struct {
	*rapid.T
	ctx      context.Context
	names    []string
	stores   []ports.Backend
	next     int                 // numbers ids
	runs     []string            // all run ids
	leases   []domain.Lease      // all leases ever given
	steps    []domain.Transition // all starts and finishes ever proposed
	batches  [][]domain.Transition
	signals  []domain.Signal
	created  [][]domain.NewRun
	parents  map[string]bool // steps that a run was created for beforehand
	dueSince time.Time
}

func newWorld(t *rapid.T, ctx context.Context, namespace string, systems []system) *world {
	w := &world{T: t, ctx: ctx, parents: make(map[string]bool), dueSince: time.Now().Add(-1000 * time.Hour).Truncate(time.Second)}
	for _, s := range systems {
		w.names, w.stores = append(w.names, s.name), append(w.stores, s.in(namespace))
	}
	return w
}

func (w *world) id(kind string) string {
	w.next++
	return fmt.Sprintf("%s-%04d", kind, w.next)
}

func oneOf[T any](w *world, what string, from ...T) T {
	return rapid.SampledFrom(from).Draw(w.T, what)
}

// chance is true once in so many times.
func (w *world) chance(what string, in int) bool { return rapid.IntRange(1, in).Draw(w.T, what) == in }

// run is a known run's id, or now and then an unknown one.
func (w *world) run() string {
	if len(w.runs) == 0 || w.chance("unknown run", 20) {
		return "unknown"
	}
	return oneOf(w, "run", w.runs...)
}

// lease is one that was given once: mostly one that may still hold, now and then a damaged one.
func (w *world) lease() domain.Lease {
	if len(w.leases) == 0 || w.chance("made-up lease", 20) {
		return domain.Lease{RunID: w.run(), WorkerID: oneOf(w, "worker", workers...), Epoch: rapid.IntRange(0, 3).Draw(w.T, "epoch")}
	}
	l := oneOf(w, "lease", w.leases...)
	if held := w.held(); len(held) > 0 && !w.chance("any lease", 4) {
		l = oneOf(w, "held lease", held...)
	}
	switch {
	case w.chance("stale epoch", 15):
		l.Epoch--
	case w.chance("wrong worker", 15):
		l.WorkerID = oneOf(w, "wrong worker", workers...)
	}
	return l
}

// held lists the leases that hold, by the model.
func (w *world) held() (out []domain.Lease) {
	runs, err := w.stores[0].GetRuns(w.ctx, w.runs)
	w.noError(w.names[0], err)
	for _, r := range runs {
		if r.WorkerID != "" && r.Status == domain.RunRunning {
			out = append(out, domain.Lease{RunID: r.ID, WorkerID: r.WorkerID, Epoch: r.Attempts})
		}
	}
	slices.SortFunc(out, func(a, b domain.Lease) int { return slices.Index(w.runs, a.RunID) - slices.Index(w.runs, b.RunID) })
	return out
}

func (w *world) noError(store string, err error) {
	if err != nil {
		w.Fatalf("%s: %v", store, err)
	}
}

// apart lets a little time pass between commands: that of databases, which no virtual clock moves.
func (w *world) apart(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.ctx.Done():
		w.Fatalf("%v", w.ctx.Err())
	}
}

// all asks every store and wants the model's answer from the others.
func all[T any](w *world, what string, ask func(ports.Backend) T, same func(model, other T) string) T {
	model := ask(w.stores[0])
	for i, s := range w.stores[1:] {
		if diff := same(model, ask(s)); diff != "" {
			w.Fatalf("%s: %s and %s disagree: %s", what, w.names[0], w.names[i+1], diff)
		}
	}
	w.apart(pace)
	return model
}

var (
	workers   = []string{"worker-1", "worker-2", "worker-3"}
	workflows = []domain.WorkflowKey{{Name: "a"}, {Name: "a", Version: "v1"}, {Name: "b"}}
	signals   = []string{"s", "t"}
)

const (
	leaseTime  = 10 * time.Minute
	shortLease = 50 * time.Millisecond // longer than any one command takes
	farAway    = 20 * time.Hour
)
