package openworkflow

import (
	"context"
	"encoding/json"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// What the engine tells, in the words of this package.

func (o *observers) Claimed(c engine.Claim) {
	o.each(func(observer *Observer) {
		if observer.Claimed != nil {
			observer.Claimed(ObservedClaim{Free: c.Free, Runs: c.Runs, Duration: c.Took, Err: c.Err})
		}
	})
}

func (o *observers) Flushed(f engine.Flush) {
	o.each(func(observer *Observer) {
		if observer.Flushed != nil {
			observer.Flushed(ObservedFlush{Transitions: f.Transitions, Duration: f.Took, Err: f.Err})
		}
	})
}

func (o *observers) Extended(e engine.Extension) {
	o.each(func(observer *Observer) {
		if observer.Extended != nil {
			observer.Extended(ObservedHeartbeat{Leases: e.Leases, Lost: e.Lost, Duration: e.Took, Err: e.Err})
		}
	})
}

func (o *observers) SliceStarted(ctx context.Context, s *engine.Slice) context.Context {
	run := &s.Run
	slice := &ObservedSlice{
		NamespaceID: s.Namespace, RunID: run.ID, WorkflowName: run.WorkflowName, Version: run.Version, WorkerID: s.WorkerID,
		Claims: run.Attempts, Attempt: run.Failures + 1, Recoveries: run.Recoveries, Resumed: s.Resumed,
		Child: run.ParentAttemptID != "", CreatedAt: run.CreatedAt, StartedAt: s.Started, Carrier: domain.CarrierOf(run.Context),
	}
	s.Told = slice
	return o.through(ctx, func(ctx context.Context, observer *Observer) context.Context {
		if observer.SliceStarted == nil {
			return nil
		}
		return observer.SliceStarted(ctx, slice)
	})
}

// told is what SliceStarted has told of the slice.
func told(s *engine.Slice) *ObservedSlice {
	slice, _ := s.Told.(*ObservedSlice)
	return slice
}

func (o *observers) SliceEnded(ctx context.Context, s *engine.Slice, e engine.SliceEnd) {
	end := ObservedSliceEnd{
		Outcome: SliceOutcome(e.Outcome), Error: runErrorOf(e.Failure), Duration: e.Took, RunDuration: e.RunTook, WakeAt: e.WakeAt,
	}
	o.each(func(observer *Observer) {
		if observer.SliceEnded != nil {
			observer.SliceEnded(ctx, told(s), end)
		}
	})
}

func stepOf(s *engine.Step) *ObservedStep {
	a := &s.Attempt
	step := &ObservedStep{
		Slice: told(s.Slice), StepName: a.StepName, Kind: StepKind(a.Kind), AttemptID: a.ID, Attempt: s.Number, StartedAt: a.StartedAt,
	}
	if a.Kind == domain.KindSignalWait {
		if w, err := a.Wait(); err == nil {
			step.Signal = w.Signal
		}
	}
	return step
}

func (o *observers) StepStarted(ctx context.Context, s *engine.Step) context.Context {
	step := stepOf(s)
	s.Told = step
	return o.through(ctx, func(ctx context.Context, observer *Observer) context.Context {
		if observer.StepStarted == nil {
			return nil
		}
		return observer.StepStarted(ctx, step)
	})
}

func (o *observers) StepEnded(ctx context.Context, s *engine.Step, e engine.StepEnd) {
	step, started := s.Told.(*ObservedStep)
	if !started {
		step = stepOf(s)
	}
	end := ObservedStepEnd{Outcome: StepOutcomeAbandoned, Duration: e.Took}
	if a := e.Attempt; a != nil {
		end.Outcome, end.FinishedAt, end.ChildRunID = StepOutcomeCompleted, a.FinishedAt, e.ChildRunID
		if a.Status == domain.StepFailed {
			end.Outcome, end.Error, end.Retry = StepOutcomeFailed, runErrorOf(a.Error), !a.Final
		}
	}
	o.each(func(observer *Observer) {
		if observer.StepEnded != nil {
			observer.StepEnded(ctx, step, end)
		}
	})
}

func (o *observers) ChildContext(ctx context.Context, s *engine.Slice, child *domain.NewRun) json.RawMessage {
	ctx, call := o.observe(ctx, ObservedCall{
		Verb: CallStart, NamespaceID: s.Namespace, WorkflowName: child.WorkflowName, Version: child.Version,
		Runs: 1, RunID: child.ID, ParentRunID: s.Run.ID,
	})
	defer call.end(ObservedCallEnd{RunIDs: []string{child.ID}})
	return o.carry(ctx, s.Run.Context)
}
