package domain

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
)

// DefaultNamespace is the namespace of stores that name none; TypeScript's default too.
const DefaultNamespace = "default"

// RunStatus is where a workflow run stands.
type RunStatus string

// The run statuses. A parked run is "running" without a worker.
const (
	RunPending   RunStatus = "pending"
	RunRunning   RunStatus = "running"
	RunCompleted RunStatus = "completed"
	RunFailed    RunStatus = "failed"
	RunCanceled  RunStatus = "canceled"
)

// ParseRunStatus maps a stored status, the legacy words included, to today's.
func ParseRunStatus(s string) RunStatus {
	switch s {
	case "sleeping":
		return RunRunning
	case "succeeded":
		return RunCompleted
	}
	return RunStatus(s)
}

// Terminal reports whether the run has ended for good.
func (s RunStatus) Terminal() bool {
	return s == RunCompleted || s == RunFailed || s == RunCanceled
}

// Valid reports whether s is one of today's statuses.
func (s RunStatus) Valid() bool {
	return s.Terminal() || s == RunPending || s == RunRunning
}

// Run is a row of workflow_runs. Empty strings, nil payloads and zero times stand for NULL.
type Run struct {
	NamespaceID       string
	ID                string
	WorkflowName      string
	Version           string // "" is unversioned
	Status            RunStatus
	IdempotencyKey    string
	Config            json.RawMessage
	Context           json.RawMessage
	Input             json.RawMessage
	Output            json.RawMessage
	Error             *Failure
	Attempts          int // claims so far: the epoch of the latest claim
	Failures          int // workflow attempts that failed
	Recoveries        int // takeovers from dead workers since the last progress
	ParentNamespaceID string
	ParentAttemptID   string
	WorkerID          string
	AvailableAt       time.Time
	DeadlineAt        time.Time
	StartedAt         time.Time
	FinishedAt        time.Time
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// Parked reports whether the run waits in the database without a worker.
func (r *Run) Parked() bool { return r.Status == RunRunning && r.WorkerID == "" }

// Owned reports whether l is the lease that this row grants. A parked run grants none.
func (r *Run) Owned(l Lease) bool {
	return r.Status == RunRunning && r.WorkerID != "" && r.WorkerID == l.WorkerID && r.Attempts == l.Epoch
}

// NewRun asks for a run. The caller makes the ID, so that asking again after a lost answer is harmless.
type NewRun struct {
	ID                string
	WorkflowName      string
	Version           string
	IdempotencyKey    string          // "" is none
	IdempotencyWindow time.Duration   // how long the key binds; 0 is 24 h
	Config            json.RawMessage // nil is {}
	Context           json.RawMessage
	Input             json.RawMessage // nil is null
	StartAfter        time.Duration   // added to the database's now; ignored when StartAt is set
	StartAt           time.Time       // zero is at once
	DeadlineAt        time.Time       // zero is none
	ParentNamespaceID string
	ParentAttemptID   string
	// History are attempts that the run begins with, for a run that goes on where another one was: completed
	// or failed, with ids of their own, in whatever order. They become the run's: their NamespaceID and RunID
	// count for nothing. All else is kept as given; UpdatedAt becomes now, CreatedAt keeps milliseconds. The
	// Config has to say so (RerunConfig with a step): the first claim of other runs reads no history. The child
	// of a StartChild has no Config and no History.
	History []StepAttempt
}

// DefaultIdempotencyWindow is how long an idempotency key binds when nothing else is said (TypeScript's constant).
const DefaultIdempotencyWindow = 24 * time.Hour

// Window is the window in force for the run's idempotency key.
func (n *NewRun) Window() time.Duration {
	if n.IdempotencyWindow <= 0 {
		return DefaultIdempotencyWindow
	}
	return n.IdempotencyWindow
}

// AvailableAt is when the run may first be claimed, by the store's clock.
func (n *NewRun) AvailableAt(now time.Time) time.Time {
	if !n.StartAt.IsZero() {
		return n.StartAt
	}
	return now.Add(n.StartAfter)
}

// WorkflowKey names what a worker can execute.
type WorkflowKey struct {
	Name    string
	Version string
}

// Lease is a worker's right to a run: what every write of a worker carries.
type Lease struct {
	RunID    string
	WorkerID string
	Epoch    int
}

// RunState is the little of a run that polling needs.
type RunState struct {
	ID       string
	Status   RunStatus
	Epoch    int
	WorkerID string
}

// RunCounts are the numbers of runs per status.
type RunCounts struct {
	Pending, Running, Completed, Failed, Canceled int64
}

// Add counts n runs of a stored status; unknown statuses are ignored.
func (c *RunCounts) Add(status string, n int64) {
	switch ParseRunStatus(status) {
	case RunPending:
		c.Pending += n
	case RunRunning:
		c.Running += n
	case RunCompleted:
		c.Completed += n
	case RunFailed:
		c.Failed += n
	case RunCanceled:
		c.Canceled += n
	}
}

// Cursor is a place in a list ordered by creation time and id.
type Cursor struct {
	CreatedAt time.Time
	ID        string
}

// Compare orders places by time and id.
func (c Cursor) Compare(other Cursor) int {
	return cmp.Or(c.CreatedAt.Compare(other.CreatedAt), strings.Compare(c.ID, other.ID))
}

// Place is where the run is in lists.
func (r *Run) Place() Cursor { return Cursor{CreatedAt: r.CreatedAt, ID: r.ID} }

// CeilMillis rounds up to the millisecond, the precision that the tables share: a wait never ends early.
func CeilMillis(t time.Time) time.Time {
	if r := t.Truncate(time.Millisecond); !r.Equal(t) {
		return r.Add(time.Millisecond)
	}
	return t
}

// MaxRecoveryDelay bounds the extra wait before a run whose owners keep dying is claimed again.
const MaxRecoveryDelay = 5 * time.Minute

// RecoveryDelay is how long after the lease's end a run with so many recoveries waits for its next owner:
// nothing the first time, then 2 s, 4 s, … up to MaxRecoveryDelay.
func RecoveryDelay(recoveries int) time.Duration {
	switch {
	case recoveries <= 0:
		return 0
	case recoveries >= 9:
		return MaxRecoveryDelay
	}
	return time.Second << recoveries
}
