package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Observer is told what a worker does. It decides nothing, and without one nothing is measured. Its methods are
// called on the goroutines that do the work, the ends of runs that were committed together one after the other: they
// return at once and do not panic.
type Observer interface {
	// Claimed: a claim was answered, or failed.
	Claimed(c Claim)
	// Flushed: a batch of the journal was answered, or failed.
	Flushed(f Flush)
	// Extended: a heartbeat was answered, or failed.
	Extended(e Extension)
	// SliceStarted begins a slice. What it adds to the context is seen by the slice's steps, and by the
	// workflow function while the slice lasts; only values count.
	SliceStarted(ctx context.Context, s *Slice) context.Context
	// SliceEnded ends it, with the context that SliceStarted returned.
	SliceEnded(ctx context.Context, s *Slice, e SliceEnd)
	// StepStarted begins an attempt of a function step. It returns the context of the function, made from the
	// one that the step was called with.
	StepStarted(ctx context.Context, s *Step) context.Context
	// StepEnded ends an attempt of any kind. The context is StepStarted's; of kinds that have none, the slice's.
	StepEnded(ctx context.Context, s *Step, e StepEnd)
	// ChildContext returns the run context of a child that a step is about to start.
	ChildContext(ctx context.Context, s *Slice, child *domain.NewRun) json.RawMessage
}

// Claim is one call for runs.
type Claim struct {
	Free, Runs int // slots that were free, runs that came
	Took       time.Duration
	Err        error
}

// Flush is one call of the journal.
type Flush struct {
	Transitions, Groups int
	Took                time.Duration
	Err                 error
}

// Extension is one heartbeat.
type Extension struct {
	Leases, Lost int
	Took         time.Duration
	Err          error
}

// Slice is a stretch of a run's execution by one worker under one claim: from the claim until the run ends, is
// parked, or is lost.
type Slice struct {
	WorkerID  string
	Namespace string
	Run       domain.Run // as claimed
	Resumed   bool       // its goroutines were resident: nothing is replayed
	Started   time.Time  // by our own clock
	Told      any        // the observer's own
}

// SliceOutcome is how a slice ended.
type SliceOutcome string

// The outcomes of slices.
const (
	SliceCompleted SliceOutcome = "completed" // the run completed
	SliceFailed    SliceOutcome = "failed"    // the run failed
	SliceRetrying  SliceOutcome = "retrying"  // the workflow failed and will be tried again
	SliceParked    SliceOutcome = "parked"    // the run waits
	SliceReleased  SliceOutcome = "released"  // the worker stops: others go on at once
	SliceCanceled  SliceOutcome = "canceled"  // the run was canceled, as the backend's news said
	SliceEnded     SliceOutcome = "ended"     // somebody else ended the run, as the backend's news said
	SliceLost      SliceOutcome = "lost"      // the lease ran out, or the row is no longer ours
	SliceAbandoned SliceOutcome = "abandoned" // the worker stopped while a function ignored its context: the lease is left to run out
)

// SliceEnd is the end of a slice.
type SliceEnd struct {
	Outcome SliceOutcome
	Failure *domain.Failure // of SliceFailed and SliceRetrying
	WakeAt  time.Time       // of SliceParked
	Took    time.Duration
	RunTook time.Duration // from the run's creation, if the run completed or failed
}

// Step is an attempt of a step.
type Step struct {
	Slice   *Slice
	Attempt domain.StepAttempt // as it was started
	Number  int                // of the attempts that count, from 1
	Told    any                // the observer's own
}

// StepEnd is the end of a step attempt.
type StepEnd struct {
	Attempt *domain.StepAttempt // as recorded; nil if nothing was: the attempt counts for nothing
	Took    time.Duration

	ChildRunID string // of a child workflow that ended
}
