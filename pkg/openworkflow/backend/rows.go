package backend

import "github.com/openworkflowdev/openworkflow-go/internal/domain"

// Run is a row of workflow_runs. Empty strings, nil payloads and zero times stand for NULL.
//
//	NamespaceID, ID, WorkflowName string
//	Version                       string // "" is unversioned
//	Status                        RunStatus
//	IdempotencyKey                string
//	Config, Context, Input, Output json.RawMessage
//	Error                         *Failure
//	Attempts                      int // claims so far: the epoch of the latest claim
//	Failures                      int // workflow attempts that failed
//	Recoveries                    int // takeovers from dead workers since the last progress
//	ParentNamespaceID, ParentAttemptID string
//	WorkerID                      string
//	AvailableAt                   time.Time // when it may be claimed; of an owned run, when its lease ends
//	DeadlineAt, StartedAt, FinishedAt, CreatedAt, UpdatedAt time.Time
//
// CreatedAt is truncated to the millisecond. (*Run).Parked reports whether the run waits without a
// worker; (*Run).Owned(Lease) whether the lease is the one that the row grants.
type Run = domain.Run

// RunStatus is where a workflow run stands.
type RunStatus = domain.RunStatus

// The run statuses. A parked run is "running" without a worker.
const (
	RunPending   = domain.RunPending
	RunRunning   = domain.RunRunning
	RunCompleted = domain.RunCompleted
	RunFailed    = domain.RunFailed
	RunCanceled  = domain.RunCanceled
)

// NewRun asks for a run. The caller makes the ID, so that asking again after a lost answer is harmless.
//
//	ID, WorkflowName, Version string
//	IdempotencyKey            string        // "" is none
//	IdempotencyWindow         time.Duration // how long the key binds; 0 is 24 h: (*NewRun).Window
//	Config                    json.RawMessage // nil is {}
//	Context, Input            json.RawMessage // a nil input is null
//	StartAfter                time.Duration // added to the database's now; ignored when StartAt is set
//	StartAt                   time.Time     // zero is at once: (*NewRun).AvailableAt
//	DeadlineAt                time.Time     // zero is none
//	ParentNamespaceID, ParentAttemptID string
//	History                   []StepAttempt
//
// History are attempts that the run begins with, for a run that goes on where another one was: completed or
// failed, with ids of their own, in whatever order. They become the run's: their NamespaceID and RunID count for
// nothing. All else is kept as given; UpdatedAt becomes now, CreatedAt keeps milliseconds. The Config says so,
// with a "fromStep" that is not empty. What is no finished attempt, has an id that is taken, or links to a
// child that does not exist, is refused (ErrRejected). The child of a StartChild has no Config and no History.
// (*NewRun).CheckStorable finds what every store refuses.
type NewRun = domain.NewRun

// WorkflowKey names what a worker can execute.
//
//	Name, Version string
type WorkflowKey = domain.WorkflowKey

// Lease is a worker's right to a run: what every write of a worker carries.
//
//	RunID, WorkerID string
//	Epoch           int
type Lease = domain.Lease

// RunState is the little of a run that polling needs.
//
//	ID       string
//	Status   RunStatus
//	Epoch    int
//	WorkerID string
type RunState = domain.RunState

// RunCounts are the numbers of runs per status.
//
//	Pending, Running, Completed, Failed, Canceled int64
type RunCounts = domain.RunCounts

// Cursor is a place in a list ordered by creation time and id.
//
//	CreatedAt time.Time
//	ID        string
type Cursor = domain.Cursor

// StepAttempt is a row of step_attempts. Empty strings, nil payloads and zero times stand for NULL.
//
//	NamespaceID, ID, RunID, StepName string
//	Kind             StepKind
//	Status           StepStatus
//	Config, Context, Output json.RawMessage
//	Error            *Failure
//	Final            bool      // a failure that is never retried, whatever the policy says later
//	RetryAt          time.Time // when the retry after this failure is due
//	ChildNamespaceID, ChildRunID string
//	StartedAt, FinishedAt, CreatedAt, UpdatedAt time.Time
//
// (*StepAttempt).Wait reads what it waits for.
type StepAttempt = domain.StepAttempt

// StepStatus is where a step attempt stands.
type StepStatus = domain.StepStatus

// The step attempt statuses.
const (
	StepRunning   = domain.StepRunning
	StepCompleted = domain.StepCompleted
	StepFailed    = domain.StepFailed
)

// StepKind is what a step does.
type StepKind = domain.StepKind

// The step kinds.
const (
	KindFunction   = domain.KindFunction
	KindSleep      = domain.KindSleep
	KindWorkflow   = domain.KindWorkflow
	KindSignalSend = domain.KindSignalSend
	KindSignalWait = domain.KindSignalWait
)

// WaitContext is the context column of the attempts that wait. Its JSON is TypeScript's.
//
//	Kind      StepKind
//	Signal    string    // of a signal-wait
//	ResumeAt  time.Time // of a sleep
//	TimeoutAt time.Time // of a signal-wait or workflow
type WaitContext = domain.WaitContext

// Failure is an error as it is stored.
//
//	Name, Message, Stack, Code string
//	NonRetryable bool          // not stored
//	RetryAfter   time.Duration // not stored
//
// (*Failure).JSON is the stored form; ParseFailure reads it.
type Failure = domain.Failure

// Signal is a signal on its way.
//
//	ID, Name string
//	Data     json.RawMessage // nil is null
//	Key      string          // the sender's idempotency key, never empty. A second signal of the same name with
//	                         // the same key delivers nothing and gets the first one's answer, where the first
//	                         // one left something behind (a delivery or a buffered signal)
//	RunID    string          // addresses one run: it gets the signal now if it waits for it, else at its next wait
//	Buffer   time.Duration   // keeps an unaddressed signal that no run waits for, for so long
type Signal = domain.Signal

// ChildOutcome is how the child of a workflow step ended.
//
//	RunID      string
//	Status     RunStatus
//	Output     json.RawMessage
//	Error      *Failure
//	FinishedAt time.Time
type ChildOutcome = domain.ChildOutcome

// History is what a run has recorded, and what has arrived for its open waits.
//
//	RunID    string
//	Attempts []StepAttempt              // by created_at and id; only the running ones if so asked
//	Signals  map[string]json.RawMessage // data delivered to open signal-waits, by attempt id; nil data is null
//	Children map[string]ChildOutcome    // terminal children of open workflow steps, by attempt id
//	Missing  map[string]bool            // open workflow steps whose linked child does not exist
type History = domain.History

// Tally counts runs by status without looking at all of them.
//
//	RunCounts
//	AtLeast []RunStatus // the statuses of which not every run was looked at: there may be more than counted
type Tally = domain.Tally

// Scan is what one look at a part of the runs has counted.
//
//	RunCounts
//	Statuses []RunStatus // what the part can hold; nil is every status
//	Complete bool        // every run of these statuses was looked at
type Scan = domain.Scan

// WorkerRecord is what a worker says about itself, and what its leases say.
//
//	ID, Host    string
//	PID         int
//	Language    string // "go"; "" is not known: the worker has not registered
//	Workflows   []WorkflowKey
//	Concurrency int
//	StartedAt   time.Time // of the first registration
//	SeenAt      time.Time // of the latest
//	Holding     int64     // runs whose lease it holds
type WorkerRecord = domain.WorkerRecord

// WorkflowStats summarises the runs of one workflow and version.
//
//	WorkflowKey
//	Tally
//	Buckets   []StatsBucket
//	P50, P95  time.Duration // created to finished, of the runs that completed in the window
//	OldestDue time.Time     // when the oldest run that can be claimed became due
type WorkflowStats = domain.WorkflowStats

// StatsBucket counts what happened in a stretch of time.
//
//	Start                      time.Time
//	Started, Completed, Failed int64
type StatsBucket = domain.StatsBucket

// StatsWindow is a stretch of time, cut into buckets of equal width.
//
//	Start time.Time
//	Width time.Duration // of a bucket
//	Count int
//
// (StatsWindow).Bucket is the index of the bucket that a time is in; (StatsWindow).Starts are their beginnings.
type StatsWindow = domain.StatsWindow

// StatsCell are runs of one workflow and status that were created and finished in the same buckets.
//
//	WorkflowKey
//	Status            RunStatus
//	Created, Finished int // buckets; -1 is outside the window
//	Runs              int64
//	Durations         []time.Duration // created to finished, of the completed ones
type StatsCell = domain.StatsCell

// Stats gathers what a store has looked at into summaries: after each (*Stats).Look, (*Stats).Add cells or
// (*Stats).Count runs; tell (*Stats).Live of workflows with runs that have not ended. (*Stats).Workflows are the
// summaries.
type Stats = domain.Stats
