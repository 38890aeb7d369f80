package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// sideEffects is what happened outside the store.
type sideEffects struct {
	mu       sync.Mutex
	t        *testing.T
	started  map[string]int
	running  map[string]int
	failures map[string]int
	returned map[string]int // failures that workflow functions returned, by run
	seen     map[string]string
	signals  map[string]string // who saw a signal, by its data
	begun    map[string]time.Time
}

func newSideEffects(t *testing.T) *sideEffects {
	return &sideEffects{
		t: t, started: map[string]int{}, running: map[string]int{}, failures: map[string]int{}, returned: map[string]int{},
		seen: map[string]string{}, signals: map[string]string{}, begun: map[string]time.Time{},
	}
}

func (e *sideEffects) start(key string) (end func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if value, done := e.seen[key]; done {
		e.t.Errorf("S4: %s starts again after its result %s was acknowledged", key, value)
	}
	e.started[key]++
	if e.running[key]++; e.running[key] > 1 {
		e.t.Errorf("%s runs %d times at once", key, e.running[key])
	}
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.running[key]--
	}
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

// fails counts a failure, up to so many.
func (e *sideEffects) fails(key string, times int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failures[key] >= times {
		return false
	}
	e.failures[key]++
	return true
}

func (e *sideEffects) see(key, value string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before, done := e.seen[key]; done && before != value {
		e.t.Errorf("S4: %s was %s and is %s on replay", key, before, value)
	}
	e.seen[key] = value
}

func (e *sideEffects) hear(key, data string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if other, heard := e.signals[data]; heard && other != key {
		e.t.Errorf("S8: signal %s was seen by %s and by %s", data, other, key)
	}
	e.signals[data] = key
}

// op is one thing that a simulated workflow does.
type op struct {
	Kind     string        `json:"kind"`
	Name     string        `json:"name"`
	Failures int           `json:"failures"` // before it succeeds
	For      time.Duration `json:"for"`
	Branches [][]op        `json:"branches"`
}

func program(r *rand.Rand, depth int) []op {
	var ops []op
	for i := range 1 + r.IntN(5) {
		o := op{Name: fmt.Sprint("s", r.IntN(3), "-", i), For: time.Duration(r.IntN(8000)) * time.Millisecond}
		switch k := r.IntN(32); {
		case k < 10:
			o.Kind, o.Failures = "step", max(0, r.IntN(5)-2)
		case k < 11:
			o.Kind, o.For = "step", o.For+12*time.Second // more than a lease
		case k < 15:
			o.Kind = "sleep"
		case k < 18:
			o.Kind = "wait"
		case k < 20:
			o.Kind = "send"
		case k < 22:
			o.Kind = "future"
		case k < 23:
			o.Kind = "forgotten future"
		case k < 24:
			o.Kind, o.Failures = "fail", r.IntN(4)
		case k < 26 && depth < 2:
			o.Kind, o.Branches = "child", [][]op{program(r, 2)}
		case depth < 2:
			o.Kind = "parallel"
			if k < 29 {
				o.Kind = "group"
			}
			for range 2 + r.IntN(3) {
				o.Branches = append(o.Branches, program(r, depth+1))
			}
			if o.Kind == "group" && r.IntN(2) == 0 {
				o.Branches = append(o.Branches, []op{{Kind: "abort", Name: "abort", For: o.For}})
			}
		default:
			o.Kind = "step"
		}
		ops = append(ops, o)
	}
	return ops
}

// longest is more time than the program takes, its retries included.
func longest(ops []op) time.Duration {
	var d time.Duration
	for _, o := range ops {
		d += (o.For + 20*time.Second) * time.Duration(1+o.Failures)
		for _, b := range o.Branches {
			d += longest(b)
		}
	}
	return d
}

const (
	stepBudget     = 6
	workflowBudget = 4
	errUnlucky     = coded("bad luck")
	errWorkflow    = coded("the workflow fails")
	errAbort       = coded("abort")
)

// play is one execution of a program.
type play struct {
	*sideEffects
	ctx context.Context
	s   *engine.Scope
}

// simulated is the workflow that executes the program it gets.
func (e *sideEffects) simulated(s *engine.Scope, in json.RawMessage) (json.RawMessage, error) {
	var ops []op
	if err := json.Unmarshal(in, &ops); err != nil {
		return nil, err
	}
	if err := (play{e, s.Context(), s}).execute(ops, ""); err != nil {
		e.mu.Lock()
		e.returned[s.RunID()]++
		e.mu.Unlock()
		return nil, err
	}
	return json.Marshal(s.RunID())
}

func (p play) execute(ops []op, path string) error {
	var futures []func() error
	for i, o := range ops {
		path, key := fmt.Sprint(path, "/", i), p.s.RunID()+fmt.Sprint(path, "/", i)+" "+o.Name
		if o.Kind == "future" || o.Kind == "forgotten future" {
			pending := p.s.Go(p.ctx, p.call(o, key))
			if o.Kind == "future" {
				futures = append(futures, func() error { return p.saw(key)(pending.Wait()) })
			}
			continue
		}
		if err := p.one(o, path, key); err != nil {
			return err
		}
	}
	for _, wait := range futures {
		if err := wait(); err != nil {
			return err
		}
	}
	return nil
}

func (p play) saw(key string) func(json.RawMessage, error) error {
	return func(raw json.RawMessage, err error) error {
		if err == nil {
			p.see(key, string(raw))
		}
		return err
	}
}

func (p play) call(o op, key string) engine.StepCall {
	budget := stepBudget
	if o.Kind == "abort" {
		budget = 1
	}
	return engine.StepCall{Name: o.Name, Retry: domain.RetryPolicy{MaximumAttempts: budget}, Fn: func(ctx context.Context) (json.RawMessage, error) {
		defer p.start(key)()
		pauseFor(ctx, o.For)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case o.Kind == "abort":
			return nil, errAbort
		case p.fails(key, o.Failures):
			return nil, errUnlucky
		}
		return json.Marshal(domain.NewID())
	}}
}

func (p play) one(o op, path, key string) error {
	s := p.s
	switch o.Kind {
	case "step", "abort":
		return p.saw(key)(s.Run(p.ctx, p.call(o, key)))
	case "fail":
		if p.fails(key, o.Failures) {
			return errWorkflow
		}
		return nil
	case "sleep":
		begin := p.begin(key)
		err := s.Sleep(p.ctx, o.Name, o.For)
		if slept := time.Since(begin); err == nil && slept < o.For {
			p.t.Errorf("S10: %s slept %v instead of %v", key, slept, o.For)
		}
		return err
	case "wait":
		raw, ok, err := s.WaitForSignal(p.ctx, engine.WaitCall{StepName: o.Name, Signal: s.RunID() + path, Timeout: o.For + time.Millisecond})
		if err == nil {
			p.see(key, fmt.Sprint(string(raw), ok))
		}
		if ok {
			p.hear(key, string(raw))
		}
		return err
	case "send":
		ids, err := s.SendSignal(p.ctx, engine.SendCall{StepName: o.Name, Signal: "everyone", Buffer: time.Hour})
		if err == nil {
			p.see(key, fmt.Sprint(ids))
		}
		return err
	case "child":
		in, _ := json.Marshal(o.Branches[0])
		return p.saw(key)(s.RunWorkflow(p.ctx, engine.ChildCall{StepName: o.Name, Workflow: "random", Input: in}))
	}
	return p.branches(o, path)
}

// branches goes on side by side: till all have ended, or, as a group, till one fails, which cancels the others.
func (p play) branches(o op, path string) error {
	ctx, cancel := p.ctx, func(error) {}
	if o.Kind == "group" {
		var stop context.CancelCauseFunc
		ctx, stop = context.WithCancelCause(p.ctx)
		defer stop(nil)
		cancel = func(err error) { stop(err) }
	}
	errs := make([]error, len(o.Branches))
	var first error
	var once sync.Once
	var wg sync.WaitGroup
	for i, ops := range o.Branches {
		b := play{p.sideEffects, ctx, p.s.Branch(fmt.Sprint(o.Name, "-", i))}
		wg.Go(func() {
			if errs[i] = b.execute(ops, fmt.Sprint(path, "+", i)); errs[i] != nil {
				once.Do(func() { first = errs[i]; cancel(first) })
			}
		})
	}
	wg.Wait()
	switch {
	case o.Kind != "group":
		return errors.Join(errs...)
	case errors.Is(first, errAbort):
		return nil
	}
	return first
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
