package engine

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// What is here tells the observer. Everything is a no-op, without a look at the clock, where there is none.

// slice is a Slice under way. It starts when it is first needed, since it begins with the execution's mutex held.
type slice struct {
	Slice
	observer Observer
	before   *slice // the execution's slice before this one
	start    sync.Once
	ctx      context.Context
	ending   sync.Mutex
	ended    atomic.Bool // and the observer has been told
	children sync.Map    // run ids, by the attempts that waited for them
}

// context starts the slice if that has not been done.
func (s *slice) context() context.Context {
	s.start.Do(func() {
		s.before.end(SliceEnd{Outcome: SliceParked})
		s.before = nil
		s.ctx = s.observer.SliceStarted(context.Background(), &s.Slice)
	})
	return s.ctx
}

// end ends the slice, unless there is none or it has ended. When it returns, the observer has been told.
func (s *slice) end(e SliceEnd) {
	if s == nil {
		return
	}
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.ended.Load() {
		return
	}
	ctx := s.context()
	e.Took = time.Since(s.Started)
	s.observer.SliceEnded(ctx, &s.Slice, e)
	s.ended.Store(true)
}

// sliceContext has the values of its execution's present slice, or, while the run is parked, of the last one.
type sliceContext struct {
	context.Context
	x *execution
}

func (c sliceContext) Value(key any) any {
	if s := c.x.slice.Load(); s != nil {
		if v := s.context().Value(key); v != nil {
			return v
		}
	}
	return c.Context.Value(key)
}

// watch begins the first slice of an execution.
func (x *execution) watch() {
	if x.w.cfg.Observer != nil {
		x.ctx = sliceContext{x.ctx, x}
		x.openSlice(false)
	}
}

// openSlice begins a slice; with x.mu held.
func (x *execution) openSlice(resumed bool) {
	if x.w.cfg.Observer == nil {
		return
	}
	s := &slice{observer: x.w.cfg.Observer, Slice: Slice{
		WorkerID: x.w.id, Namespace: x.w.cfg.Backend.Namespace(), Run: x.run, Resumed: resumed, Started: time.Now(),
	}}
	if before := x.slice.Swap(s); before != nil && !before.ended.Load() {
		s.before = before // a park whose run had to be taken back at once
	}
}

// endSlice ends the present slice for a cause that is not a transition of its own.
func (x *execution) endSlice(cause error) {
	s := x.slice.Load()
	if s == nil {
		return
	}
	outcome := SliceLost
	switch {
	case errors.Is(cause, domain.ErrRunCanceled):
		outcome = SliceCanceled
	case errors.Is(cause, domain.ErrRunFinished):
		outcome = SliceEnded
	case errors.Is(cause, errStopping), errors.Is(cause, errReturned):
		outcome = SliceAbandoned
	case x.releasing(): // and claimed again before the release was answered
		outcome = SliceReleased
	}
	s.end(SliceEnd{Outcome: outcome})
}

// releasing reports whether the run is given back to be replayed.
func (x *execution) releasing() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.returned && x.interrupted
}

// concluded ends the present slice with the transition that did.
func (x *execution) concluded(t *domain.Transition) {
	s := x.slice.Load()
	if s == nil {
		return
	}
	e := SliceEnd{Outcome: SliceReleased, Failure: t.Error}
	switch t.Kind {
	case domain.CompleteRun:
		e.Outcome = SliceCompleted
	case domain.FailRun:
		e.Outcome = SliceFailed
	case domain.RetryRun:
		e.Outcome = SliceRetrying
	}
	if t.Kind == domain.CompleteRun || t.Kind == domain.FailRun {
		e.RunTook = max(0, x.w.clock.latest().Sub(s.Run.CreatedAt))
	}
	s.end(e)
}

// tried is a function step's attempt under way; nil where nobody observes.
type tried struct {
	Step
	slice *slice
	ctx   context.Context
	start time.Time
	took  time.Duration
	over  bool
}

// try begins an attempt. The context is the one that the step was called with.
func (x *execution) try(ctx context.Context, a *domain.StepAttempt, number int) *tried {
	s := x.slice.Load()
	if s == nil {
		return nil
	}
	s.context()
	t := &tried{slice: s, start: time.Now(), Step: Step{Slice: &s.Slice, Attempt: *a, Number: number}}
	t.ctx = s.observer.StepStarted(ctx, &t.Step)
	return t
}

// context is the function's.
func (t *tried) context(otherwise context.Context) context.Context {
	if t == nil {
		return otherwise
	}
	return t.ctx
}

// returned notes that the function has.
func (t *tried) returned() {
	if t != nil {
		t.took = time.Since(t.start)
	}
}

// end ends the attempt as it was recorded; err says that it was not. Whatever comes after is ignored.
func (t *tried) end(a *domain.StepAttempt, err error) error {
	if t == nil || t.over {
		return err
	}
	t.over = true
	if t.took == 0 { // it did not return
		t.returned()
	}
	if err != nil {
		a = nil
	}
	t.slice.observer.StepEnded(t.ctx, &t.Step, StepEnd{Attempt: a, Took: t.took})
	return err
}

// abandon ends an attempt that nothing was recorded of.
func (t *tried) abandon() { _ = t.end(nil, nil) }

// waited tells of the end of a step that is no function.
func (x *execution) waited(a *domain.StepAttempt) {
	if s := x.slice.Load(); s != nil {
		child, _ := s.children.LoadAndDelete(a.ID)
		id, _ := child.(string)
		s.observer.StepEnded(s.context(), &Step{Slice: &s.Slice, Attempt: *a, Number: 1},
			StepEnd{Attempt: a, Took: max(0, a.FinishedAt.Sub(a.StartedAt)), ChildRunID: id})
	}
}

// waitedFor notes the child whose end, if it is not nil, ends an attempt.
func (s *slice) waitedFor(a *domain.StepAttempt, child *domain.ChildOutcome) {
	if s != nil && child != nil {
		s.children.Store(a.ID, child.RunID)
	}
}

// childContext is the run context of a child: its parent's, or what the observer makes of it.
func (x *execution) childContext(ctx context.Context, child *domain.NewRun) json.RawMessage {
	if s := x.slice.Load(); s != nil {
		s.context()
		return s.observer.ChildContext(ctx, &s.Slice, child)
	}
	return x.run.Context
}

// answered tells of a claim, and remembers since when claims fail.
func (w *Worker) answered(sent time.Time, free, runs int, err error) {
	w.noteClaim(err)
	if o := w.cfg.Observer; o != nil {
		o.Claimed(Claim{Free: free, Runs: runs, Took: time.Since(sent), Err: err})
	}
}

func (w *Worker) extended(sent time.Time, leases, lost int, err error) {
	if o := w.cfg.Observer; o != nil {
		o.Extended(Extension{Leases: leases, Lost: lost, Took: time.Since(sent), Err: err})
	}
}

// began is when a flush begins, if anybody wants to know.
func (j *journal) began() (now time.Time) {
	if j.observer != nil {
		now = time.Now()
	}
	return now
}

func (j *journal) flushed(began time.Time, groups, transitions int, err error) {
	if j.observer != nil {
		j.observer.Flushed(Flush{Groups: groups, Transitions: transitions, Took: time.Since(began), Err: err})
	}
}
