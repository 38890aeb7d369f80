package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// auditor is an observer that holds the engine to the Observer's promises and writes down what it is told.
type auditor struct {
	t *testing.T

	mu      sync.Mutex
	lines   map[string][]string      // by workflow
	open    map[string]*engine.Slice // by worker and run
	steps   map[*engine.Step]bool    // under way
	ends    map[string]int           // of runs, as told
	claims  []engine.Claim
	flushes []engine.Flush
	beats   []engine.Extension
}

func newAuditor(t *testing.T) *auditor {
	return &auditor{t: t, lines: map[string][]string{}, open: map[string]*engine.Slice{}, steps: map[*engine.Step]bool{}, ends: map[string]int{}}
}

// audited marks contexts with the slice or step that they belong to.
type audited struct{}

func (a *auditor) note(s *engine.Slice, format string, args ...any) {
	a.lines[s.Run.WorkflowName] = append(a.lines[s.Run.WorkflowName], fmt.Sprintf(format, args...))
}

func (a *auditor) Claimed(c engine.Claim) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.claims = append(a.claims, c)
}

func (a *auditor) Flushed(f engine.Flush) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flushes = append(a.flushes, f)
}

func (a *auditor) Extended(e engine.Extension) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.beats = append(a.beats, e)
}

func (a *auditor) SliceStarted(ctx context.Context, s *engine.Slice) context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := s.WorkerID + s.Run.ID
	if other := a.open[key]; other != nil {
		a.t.Errorf("run %s: a slice of epoch %d starts while the one of epoch %d lasts", s.Run.ID, s.Run.Attempts, other.Run.Attempts)
	}
	a.open[key] = s
	a.note(s, "slice %d resumed=%v", s.Run.Attempts, s.Resumed)
	return context.WithValue(ctx, audited{}, s)
}

func (a *auditor) SliceEnded(ctx context.Context, s *engine.Slice, e engine.SliceEnd) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := s.WorkerID + s.Run.ID
	if a.open[key] != s {
		a.t.Errorf("run %s: the slice of epoch %d ends as %s and has not started, or has ended", s.Run.ID, s.Run.Attempts, e.Outcome)
	}
	if ctx.Value(audited{}) != s {
		a.t.Errorf("the end of a slice comes with the context of %v", ctx.Value(audited{}))
	}
	delete(a.open, key)
	if e.Outcome == engine.SliceCompleted || e.Outcome == engine.SliceFailed {
		a.ends[s.Run.ID]++
	}
	if (e.Failure != nil) != (e.Outcome == engine.SliceFailed || e.Outcome == engine.SliceRetrying) {
		a.t.Errorf("a slice that ended as %s has the failure %v", e.Outcome, e.Failure)
	}
	a.note(s, "slice %d %s", s.Run.Attempts, e.Outcome)
}

func (a *auditor) StepStarted(ctx context.Context, s *engine.Step) context.Context {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ctx.Value(audited{}) != s.Slice {
		a.t.Errorf("step %s starts in the context of %v, not of its slice", s.Attempt.StepName, ctx.Value(audited{}))
	}
	a.steps[s] = true
	return context.WithValue(ctx, audited{}, s)
}

func (a *auditor) StepEnded(ctx context.Context, s *engine.Step, e engine.StepEnd) {
	a.mu.Lock()
	defer a.mu.Unlock()
	outcome := "abandoned"
	if e.Attempt != nil {
		outcome = string(e.Attempt.Status)
	}
	if s.Attempt.Kind == domain.KindFunction {
		if !a.steps[s] || ctx.Value(audited{}) != s {
			a.t.Errorf("step %s ends and has not started, or has ended, or in a foreign context", s.Attempt.StepName)
		}
		delete(a.steps, s)
	}
	if e.Attempt != nil && e.Attempt.Status != domain.StepCompleted && e.Attempt.Status != domain.StepFailed {
		a.t.Errorf("step %s ended as %s", s.Attempt.StepName, e.Attempt.Status)
	}
	a.note(s.Slice, "%s %s %d %s", s.Attempt.Kind, s.Attempt.StepName, s.Number, outcome)
}

func (a *auditor) ChildContext(ctx context.Context, _ *engine.Slice, child *domain.NewRun) json.RawMessage {
	s, _ := ctx.Value(audited{}).(*engine.Slice)
	if s == nil {
		a.t.Errorf("child %s starts in no slice's context", child.WorkflowName)
		return nil
	}
	return json.RawMessage(fmt.Sprintf(`{"parent":%q}`, s.Run.ID))
}

// told is what was told so far of runs of a workflow, in order.
func (a *auditor) told(workflow string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.lines[workflow])
}

// closed checks that everything that began has ended.
func (a *auditor) closed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.open {
		a.t.Errorf("the slice of run %s, epoch %d, has not ended", s.Run.ID, s.Run.Attempts)
	}
	for s := range a.steps {
		a.t.Errorf("the attempt of step %s has not ended", s.Attempt.StepName)
	}
	for run, n := range a.ends {
		if n > 1 {
			a.t.Errorf("run %s ended %d times", run, n)
		}
	}
}

// observed is a house whose workers are audited.
func observed(t *testing.T, defs ...engine.Definition) (*house, *auditor) {
	h, a := newHouse(t, defs...), newAuditor(t)
	h.conf = func(c *engine.WorkerConfig) { c.Observer = a }
	return h, a
}

func wantTold(t *testing.T, a *auditor, workflow string, want ...string) {
	t.Helper()
	if got := a.told(workflow); !slices.Equal(got, want) {
		t.Errorf("of %s was told:\n%s\nwant:\n%s", workflow, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
