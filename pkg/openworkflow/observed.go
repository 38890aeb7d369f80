package openworkflow

import "time"

// CallVerb is what a client's call does.
type CallVerb string

// The verbs.
const (
	CallStart  CallVerb = "start"  // Run, RunBatch, Client.StartRun, Client.Rerun, and steps that run child workflows
	CallCancel CallVerb = "cancel" // CancelRun
	CallSignal CallVerb = "signal" // SendSignal, RunHandle.Signal
)

// ObservedCall is a call of a client.
type ObservedCall struct {
	Verb         CallVerb
	NamespaceID  string
	WorkflowName string // of CallStart
	Version      string // likewise
	Runs         int    // how many runs are to be started
	RunID        string // of the run that is canceled or signalled; of the one that is started, if it is one
	ParentRunID  string // of the run whose step starts a child
	Signal       string // of CallSignal
}

// ObservedCallEnd is the end of a client's call.
type ObservedCallEnd struct {
	Err      error
	RunIDs   []string // that were started, or, with CallSignal, that got the signal
	Existing bool     // the run existed: it was asked for with an idempotency key
	Duration time.Duration
}

// ObservedSlice is a stretch of a run's execution by one worker, under one claim.
type ObservedSlice struct {
	NamespaceID  string
	RunID        string
	WorkflowName string
	Version      string
	WorkerID     string
	Claims       int  // of the run so far, this one included (Run.Attempts)
	Attempt      int  // of the workflow, from 1
	Recoveries   int  // takeovers from dead workers since the last progress
	Resumed      bool // the run was parked here and goes on: nothing is replayed
	Child        bool // the run is a child workflow
	CreatedAt    time.Time
	StartedAt    time.Time         // of the slice, by this process's clock
	Carrier      map[string]string // what the run carries, see Observer.Carrier; not to be changed
}

// SliceOutcome is how a slice ended.
type SliceOutcome string

// The outcomes of slices. Where a run is canceled, or its deadline passes, the worker hears of it by the backend's
// news (SliceCanceled, SliceEnded) or, when that is late or there is none, by its lease (SliceLost).
const (
	SliceCompleted SliceOutcome = "completed" // the run completed
	SliceFailed    SliceOutcome = "failed"    // the run failed
	SliceRetrying  SliceOutcome = "retrying"  // the workflow failed and will be tried again
	SliceParked    SliceOutcome = "parked"    // the run waits, and holds no worker
	SliceReleased  SliceOutcome = "released"  // the worker stops: the run is due for others
	SliceCanceled  SliceOutcome = "canceled"  // the run was canceled
	SliceEnded     SliceOutcome = "ended"     // somebody else ended the run: its deadline passed
	SliceLost      SliceOutcome = "lost"      // the lease ran out, or the run is no longer this worker's
	SliceAbandoned SliceOutcome = "abandoned" // the worker stopped while a function ignored its context: the lease runs out
)

// ObservedSliceEnd is the end of a slice.
type ObservedSliceEnd struct {
	Outcome  SliceOutcome
	Error    *RunError // of SliceFailed and SliceRetrying
	Duration time.Duration
	// RunDuration is the time from the run's creation to its end, of SliceCompleted and SliceFailed.
	RunDuration time.Duration
	// WakeAt is when a parked run wakes at the latest.
	WakeAt time.Time
}

// ObservedStep is an attempt of a step.
type ObservedStep struct {
	Slice     *ObservedSlice // not to be changed
	StepName  string
	Kind      StepKind
	AttemptID string
	Attempt   int       // from 1: the step's failures so far and one
	StartedAt time.Time // by the database's clock; of a wait, when it began
	Signal    string    // of KindSignalWait
}

// StepOutcome is how a step attempt ended.
type StepOutcome string

// The outcomes of step attempts.
const (
	StepOutcomeCompleted StepOutcome = "completed"
	StepOutcomeFailed    StepOutcome = "failed"
	// StepOutcomeAbandoned: nothing was recorded, because the worker stopped, lost the lease, or the run was
	// canceled, or because the step's context ended. It counts for nothing and is tried again, if at all.
	StepOutcomeAbandoned StepOutcome = "abandoned"
)

// ObservedStepEnd is the end of a step attempt.
type ObservedStepEnd struct {
	Outcome    StepOutcome
	Error      *RunError     // of StepOutcomeFailed
	Retry      bool          // it failed, and is tried again
	Duration   time.Duration // of the function, or of the wait
	FinishedAt time.Time     // by the database's clock; zero if it was abandoned
	ChildRunID string        // of KindWorkflow, unless the wait timed out
}

// ObservedClaim is a call for due runs.
type ObservedClaim struct {
	Free     int // slots that it could fill
	Runs     int // runs that it brought
	Duration time.Duration
	Err      error
}

// ObservedFlush is a batch of results that was written in one transaction. A batch that fails is written again.
type ObservedFlush struct {
	Transitions int // changes of runs and step attempts
	Duration    time.Duration
	Err         error
}

// ObservedHeartbeat is one extension of all leases that a worker holds.
type ObservedHeartbeat struct {
	Leases   int
	Lost     int // of them
	Duration time.Duration
	Err      error
}
