package engine

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Scope is one branch of an execution: what a workflow function's step calls act on. The function gets
// the root; Branch makes others.
type Scope struct {
	x      *execution
	prefix string

	// guarded by the execution's mutex
	names    domain.Names
	branches domain.Names
	active   []string // the base names of the calls in progress
}

// Context ends when the run's execution here does.
func (s *Scope) Context() context.Context { return s.x.ctx }

// RunID is the run's id.
func (s *Scope) RunID() string { return s.x.run.ID }

// WorkflowName is the name of the run's workflow.
func (s *Scope) WorkflowName() string { return s.x.def.Name }

// Version is the version of the run's workflow; "" if it has none.
func (s *Scope) Version() string { return s.x.def.Version }

// CreatedAt is when the run was created, by the database's clock.
func (s *Scope) CreatedAt() time.Time {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	return s.x.run.CreatedAt
}

// Attempt is the workflow attempt, from 1: the failures so far and one.
func (s *Scope) Attempt() int {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	return s.x.run.Failures + 1
}

// Silent reports whether the code now running repeats what ran before, or runs after the execution ended.
func (s *Scope) Silent() bool {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	return !s.x.replayed || s.x.phase == ended
}

// Branch makes a scope whose steps are named "<name>/<step>". A repeated name becomes name:1, name:2, ….
func (s *Scope) Branch(name string) *Scope {
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	return &Scope{x: s.x, prefix: s.prefix + s.branches.Resolve(name) + "/"}
}

// call is an engine call in progress.
type call struct {
	scope *Scope
	base  string // "" for calls that may overlap
	name  string // resolved
	rec   record
}

// begin names the step and looks it up, for c.
func (s *Scope) begin(c *call, base string, kind domain.StepKind, mayOverlap bool) error {
	x := s.x
	if err := x.notInsideStep(base); err != nil {
		return err
	}
	x.mu.Lock()
	if x.phase == ended {
		x.mu.Unlock()
		return x.suspended()
	}
	if err := x.fatal; err != nil {
		x.mu.Unlock()
		x.discourage()
		return err
	}
	defer x.mu.Unlock()
	if !mayOverlap && slices.Contains(s.active, base) {
		return x.fail(fmt.Errorf("%w: two calls of step %q overlap, so which gets which result would depend on timing; "+
			"put a key into the name (%q) or give each its own step.Branch", domain.ErrNondeterminism, s.prefix+base, base+"/<key>"))
	}
	c.scope, c.name = s, s.prefix+s.names.Resolve(base)
	known, ok := x.ledger.ask(c.name, s)
	if !ok {
		return x.fail(fmt.Errorf("%w: two branches use the step name %q", domain.ErrNondeterminism, c.name))
	}
	c.rec = known
	x.asked(c.name)
	if c.rec.kind != "" && c.rec.kind != kind {
		return x.fail(fmt.Errorf("%w: step %q was recorded as a %q step and is now a %q step; give changed workflows a new version",
			domain.ErrNondeterminism, c.name, c.rec.kind, kind))
	}
	x.replayed = x.replayed || c.rec.completed == nil || x.ledger.unasked == 0
	s.count(c, base, mayOverlap)
	return nil
}

func (s *Scope) count(c *call, base string, mayOverlap bool) {
	if !mayOverlap {
		c.base = base
		s.active = append(s.active, base)
	}
	x := s.x
	x.active++
	x.peak = max(x.peak, x.active)
	if x.active > 1 && !x.def.parallel.Load() {
		x.def.parallel.Store(true)
	}
}

func (c *call) end() {
	x := c.scope.x
	x.mu.Lock()
	defer x.mu.Unlock()
	x.active--
	if s := c.scope; c.base != "" {
		i := slices.Index(s.active, c.base)
		s.active = slices.Delete(s.active, i, i+1)
	}
}

// fail makes the run fail for good with the first such error, whatever the function does with it; with
// x.mu held.
func (x *execution) fail(err error) error {
	if x.fatal == nil {
		x.fatal = err
	}
	return err
}

// notInsideStep refuses a call from inside a step function, made with a context captured from outside: its
// result would be recorded although the step around it may run again.
func (x *execution) notInsideStep(name string) error {
	x.mu.Lock()
	possible := x.functions > 0
	x.mu.Unlock()
	if !possible {
		return nil
	}
	var pcs [64]uintptr
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			if f := runtime.FuncForPC(pc - 1); f != nil && f.Entry() == stepBodyEntry {
				return fmt.Errorf("%w: step %q is called inside another step's function; call it from the workflow function, before or after that step",
					domain.ErrNestedStep, name)
			}
		}
		if n < len(pcs) {
			return nil
		}
	}
}

var stepBodyEntry = reflect.ValueOf(stepBody).Pointer()
