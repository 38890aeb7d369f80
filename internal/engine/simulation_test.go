package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// The simulation runs random workflows on workers whose store fails at random, before and after taking
// effect, and of which some are cut off for good, in virtual time. A log outside the store shows whether
// the invariants held.

var simulations = flag.Int("simulations", 40, "how many seeds TestSimulation tries")

// unreliable is a worker's way to the store.
type unreliable struct {
	*memstore.Store
	cut  atomic.Bool // nothing gets through any more
	calm *atomic.Bool
	rand func(n int) int
}

func attempt[T any](u *unreliable, call func() (T, error)) (T, error) {
	var none T
	fate := 0
	if !u.calm.Load() {
		fate = u.rand(40)
	}
	if u.cut.Load() || fate == 1 {
		return none, errDown
	}
	out, err := call()
	if fate == 2 {
		return none, errDown
	}
	if fate == 3 {
		time.Sleep(time.Duration(u.rand(3000)) * time.Millisecond)
	}
	return out, err
}

func (u *unreliable) Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	return attempt(u, func() ([]domain.Verdict, error) { return u.Store.Commit(ctx, ts) })
}

func (u *unreliable) ClaimRuns(ctx context.Context, r ports.ClaimRequest) (ports.ClaimResult, error) {
	return attempt(u, func() (ports.ClaimResult, error) { return u.Store.ClaimRuns(ctx, r) })
}

func (u *unreliable) ReclaimRun(ctx context.Context, r ports.ReclaimRequest) (ports.ReclaimResult, error) {
	return attempt(u, func() (ports.ReclaimResult, error) { return u.Store.ReclaimRun(ctx, r) })
}

func (u *unreliable) LoadHistories(ctx context.Context, r ports.HistoryRequest) (ports.HistoryResult, error) {
	return attempt(u, func() (ports.HistoryResult, error) { return u.Store.LoadHistories(ctx, r) })
}

func (u *unreliable) ExtendLeases(ctx context.Context, r ports.LeaseRequest) (ports.LeaseResult, error) {
	return attempt(u, func() (ports.LeaseResult, error) { return u.Store.ExtendLeases(ctx, r) })
}

func (u *unreliable) SendSignals(ctx context.Context, s []domain.Signal) ([]ports.SignalResult, error) {
	return attempt(u, func() ([]ports.SignalResult, error) { return u.Store.SendSignals(ctx, s) })
}

// sideEffects is what happened outside the store.
type sideEffects struct {
	mu       sync.Mutex
	t        *testing.T
	started  map[string]int
	failures map[string]int
	seen     map[string]string
	begun    map[string]time.Time
}

func (e *sideEffects) start(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if value, done := e.seen[key]; done {
		e.t.Errorf("S4: %s starts again after its result %s was acknowledged", key, value)
	}
	e.started[key]++
}

// begin is when the key was begun for the first time, in whichever execution.
func (e *sideEffects) begin(key string) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.begun[key]; !known {
		e.begun[key] = time.Now()
	}
	return e.begun[key]
}

func (e *sideEffects) fail(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failures[key]++
}

func (e *sideEffects) see(key, value string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before, done := e.seen[key]; done && before != value {
		e.t.Errorf("S4: %s was %s and is %s on replay", key, before, value)
	}
	e.seen[key] = value
}

// op is one thing that a simulated workflow does.
type op struct {
	Kind     string        `json:"kind"`
	Name     string        `json:"name"`
	Failures int           `json:"failures"` // of a step, before it succeeds
	For      time.Duration `json:"for"`
	Branches [][]op        `json:"branches"`
}

func program(r *rand.Rand, depth int) []op {
	var ops []op
	for i := range 1 + r.IntN(5) {
		o := op{Name: fmt.Sprint("s", r.IntN(3), "-", i), For: time.Duration(r.IntN(8000)) * time.Millisecond}
		switch k := r.IntN(12); {
		case k < 5:
			o.Kind, o.Failures = "step", max(0, r.IntN(5)-2)
		case k < 7:
			o.Kind = "sleep"
		case k == 7:
			o.Kind = "wait"
		case k == 8:
			o.Kind = "send"
		case k == 9 && depth < 2:
			o.Kind, o.Branches = "child", [][]op{program(r, 2)}
		case depth < 2:
			o.Kind = "parallel"
			for range 2 + r.IntN(3) {
				o.Branches = append(o.Branches, program(r, depth+1))
			}
		default:
			o.Kind = "step"
		}
		ops = append(ops, o)
	}
	return ops
}

const stepBudget = 6

func (e *sideEffects) execute(s *engine.Scope, ops []op, path string) error {
	for i, o := range ops {
		if err := e.one(s, o, fmt.Sprint(path, "/", i)); err != nil {
			return err
		}
	}
	return nil
}

func (e *sideEffects) one(s *engine.Scope, o op, path string) error {
	key := s.RunID() + path + " " + o.Name
	switch o.Kind {
	case "step":
		c := engine.StepCall{Name: o.Name, Retry: domain.RetryPolicy{MaximumAttempts: stepBudget}}
		value, err := stepWith(s, c, func(ctx context.Context) (string, error) {
			e.start(key)
			pauseFor(ctx, o.For)
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			e.mu.Lock()
			bad := e.failures[key] < o.Failures
			e.mu.Unlock()
			if bad {
				e.fail(key)
				return "", coded("bad luck")
			}
			return domain.NewID(), nil
		})
		if err == nil {
			e.see(key, value)
		}
		return err
	case "sleep":
		begin := e.begin(key)
		err := s.Sleep(s.Context(), o.Name, o.For)
		if slept := time.Since(begin); err == nil && slept < o.For {
			e.t.Errorf("S10: %s slept %v instead of %v", key, slept, o.For)
		}
		return err
	case "wait":
		raw, ok, err := s.WaitForSignal(s.Context(), engine.WaitCall{StepName: o.Name, Signal: s.RunID() + path, Timeout: o.For + time.Millisecond})
		if err == nil {
			e.see(key, fmt.Sprint(string(raw), ok))
		}
		return err
	case "send":
		ids, err := s.SendSignal(s.Context(), engine.SendCall{StepName: o.Name, Signal: "everyone", Buffer: time.Hour})
		if err == nil {
			e.see(key, fmt.Sprint(ids))
		}
		return err
	case "child":
		in, _ := json.Marshal(o.Branches[0])
		out, err := s.RunWorkflow(s.Context(), engine.ChildCall{StepName: o.Name, Workflow: "random", Input: in})
		if err == nil {
			e.see(key, string(out))
		}
		return err
	}
	errs := make([]error, len(o.Branches))
	var wg sync.WaitGroup
	for i, ops := range o.Branches {
		b := s.Branch(fmt.Sprint(o.Name, "-", i))
		wg.Go(func() { errs[i] = e.execute(b, ops, fmt.Sprint(path, "+", i)) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func TestSimulation(t *testing.T) {
	t.Parallel()
	for seed := range *simulations {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { simulate(t, uint64(seed)) })
		})
	}
}

func simulate(t *testing.T, seed uint64) {
	programs, r := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	var luck sync.Mutex
	dice := func(n int) int { luck.Lock(); defer luck.Unlock(); return r.IntN(n) }
	effects := &sideEffects{t: t, started: map[string]int{}, failures: map[string]int{}, seen: map[string]string{}, begun: map[string]time.Time{}}
	h := newHouse(t, engine.Definition{Name: "random", Run: func(s *engine.Scope, in json.RawMessage) (json.RawMessage, error) {
		var ops []op
		if err := json.Unmarshal(in, &ops); err != nil {
			return nil, err
		}
		if err := effects.execute(s, ops, ""); err != nil {
			return nil, err
		}
		return json.Marshal(s.RunID())
	}})
	h.conf = func(c *engine.WorkerConfig) { c.Concurrency, c.LeaseDuration = 3, 10*time.Second }

	var calm atomic.Bool
	type member struct {
		w   *engine.Worker
		way *unreliable
	}
	join := func() member {
		way := &unreliable{Store: h.store, calm: &calm, rand: dice}
		for {
			w := h.worker(way)
			if w.Start(context.Background()) == nil {
				return member{w, way}
			}
			time.Sleep(time.Second)
		}
	}
	crew := []member{join(), join()}
	var retired []member
	var ids []string
	for range 12 {
		in, _ := json.Marshal(program(programs, 0))
		ids = append(ids, h.create(domain.NewRun{WorkflowName: "random", Input: in}))
		time.Sleep(time.Duration(dice(2000)) * time.Millisecond)
	}
	for range 6 {
		time.Sleep(time.Duration(dice(15_000)) * time.Millisecond)
		i := dice(len(crew))
		if dice(2) == 0 {
			crew[i].way.cut.Store(true)
			retired = append(retired, crew[i])
		} else {
			h.stop(crew[i].w)
		}
		crew[i] = join()
	}
	calm.Store(true)
	for _, id := range ids {
		run := h.await(id)
		if run.Status != domain.RunCompleted {
			t.Errorf("run %s ended as %s: %+v", id, run.Status, run.Error)
		}
		if run.Failures != 0 {
			t.Errorf("S5: run %s counts %d failures", id, run.Failures)
		}
		completed := map[string]int{}
		for _, a := range h.attempts(id) {
			if a.Status == domain.StepCompleted {
				completed[a.StepName]++
			}
			if a.Status == domain.StepRunning {
				t.Errorf("attempt %s of %s is still open", a.StepName, id)
			}
		}
		for name, n := range completed {
			if n > 1 {
				t.Errorf("S4: step %s of %s completed %d times", name, id, n)
			}
		}
	}
	for key, n := range effects.failures {
		if n > stepBudget {
			t.Errorf("S6: %s failed %d times", key, n)
		}
	}
	t.Logf("%d steps started", len(effects.started))
	for _, m := range append(crew, retired...) {
		_ = m.w.Stop(context.Background())
	}
}
