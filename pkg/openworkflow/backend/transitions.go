package backend

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Transition is a change that a worker proposes to a run it holds.
//
//	Kind     TransitionKind
//	Lease    Lease
//	Attempt  StepAttempt     // StartStep, StartChild, FinishStep; NamespaceID and RunID are the lease's
//	Child    *NewRun         // StartChild
//	WakeAt   time.Time       // ParkRun, RetryRun
//	Output   json.RawMessage // CompleteRun; nil is null
//	Error    *Failure        // FailRun, RetryRun
//	Timeout  bool            // a FinishStep that ends a signal-wait because its time is up: refused with
//	                         // ErrWaitSatisfied if a signal has been delivered to the wait
//	Progress bool            // a FinishStep that clears the run's recoveries
//	Plain    bool            // nothing but its own row is concerned: a FinishStep that no StartStep came before, the end
//	                         // of a run without a parent and without open attempts. It spares look-ups. A false mark on a
//	                         // run's end leaves its parent asleep and its attempts open; one on a step does no harm
//
// Its method OneRow reports whether one insert of an attempt, or one update of a run, is all of it.
type Transition = domain.Transition

// TransitionKind is what a transition does. Its method AboutStep tells the first three from the others.
type TransitionKind = domain.TransitionKind

// The transitions. The first three are about one step attempt, the others about the run.
const (
	// StartStep inserts Attempt as running: a function that takes long, or a wait that opens. An attempt
	// with that id that already exists, in whatever status, is left as it is and the answer is ok.
	StartStep = domain.StartStep
	// StartChild does StartStep for a workflow step and, in the same transaction, makes sure that the
	// attempt has its one child: the run it is already linked to; else one whose parent is this attempt;
	// else one with Child's idempotency key; else a new one, Child. Then it links the attempt to it.
	StartChild = domain.StartChild
	// FinishStep writes Attempt as completed or failed: inserted, or over its running row.
	FinishStep = domain.FinishStep
	// ParkRun releases the run until WakeAt (zero: now). If one of its open waits is already satisfied
	// (a signal delivered, a child terminal), it is due at once.
	ParkRun = domain.ParkRun
	// CompleteRun ends the run with Output.
	CompleteRun = domain.CompleteRun
	// FailRun ends the run with Error.
	FailRun = domain.FailRun
	// RetryRun counts a workflow failure (Error) and makes the run pending until WakeAt.
	RetryRun = domain.RetryRun
)

// Verdict is the answer to one transition.
//
//	Err       error // nil when applied, now or before; else ErrLeaseLost, ErrWaitSatisfied or one that wraps ErrRejected
//	Woke      bool  // this transition made a run due: the parked run itself, a waiting parent, a new child
//	Satisfied bool  // the signal-wait that StartStep opened has its signal already, from the buffer
type Verdict = domain.Verdict

// The errors that backends answer with.
var (
	ErrLeaseLost     = domain.ErrLeaseLost     // the lease is no longer the run's; nothing was written
	ErrWaitSatisfied = domain.ErrWaitSatisfied // the signal had arrived before the timeout; nothing was written
	ErrRejected      = domain.ErrRejected      // the database refuses the values, and will again
	ErrRunNotFound   = domain.ErrRunNotFound
	ErrRunFinished   = domain.ErrRunFinished
)

// ApplyStep is what a transition about a step does. attempt is the stored attempt with the transition's
// id, nil if there is none; delivered says whether a signal has been delivered to it. It returns the
// attempt as it is to be stored, nil when nothing is to be written. The child of StartChild is the
// caller's to find or create and to link. run is changed only by Progress.
func ApplyStep(run *Run, attempt *StepAttempt, t *Transition, delivered bool, now time.Time) (*StepAttempt, error) {
	return domain.ApplyStep(run, attempt, t, delivered, now)
}

// ApplyRun is what a transition about the run does to its row. satisfied says whether an open wait of
// the run has what it waits for. applied is false when the row was already in the state that the
// transition produces. Closing the open attempts of a run that ended and waking its parent is the caller's.
func ApplyRun(run *Run, t *Transition, satisfied bool, now time.Time) (applied bool, err error) {
	return domain.ApplyRun(run, t, satisfied, now)
}

// ApplyClaim is what a claim does to the row: the epoch rises, and a takeover from a dead owner is counted.
func ApplyClaim(run *Run, workerID string, lease time.Duration, now time.Time) {
	domain.ApplyClaim(run, workerID, lease, now)
}

// Claimable reports whether the run may be claimed now: not ended, before its deadline, due, and, after
// repeated deaths of its owners, only once the recovery delay has passed.
func Claimable(run *Run, now time.Time) bool { return domain.Claimable(run, now) }

// DueAt is when a run that has not ended may be claimed.
func DueAt(run *Run) time.Time { return domain.DueAt(run) }

// RecoveryDelay is how long after the lease's end a run with so many recoveries waits for its next owner.
func RecoveryDelay(recoveries int) time.Duration { return domain.RecoveryDelay(recoveries) }

// ApplyEnd ends a run that nobody needs to own: by cancelling it or because its deadline passed.
func ApplyEnd(run *Run, status RunStatus, failure *Failure, now time.Time) {
	domain.ApplyEnd(run, status, failure, now)
}

// ApplyClose closes an attempt that was open when its run ended with status.
func ApplyClose(a *StepAttempt, status RunStatus, now time.Time) { domain.ApplyClose(a, status, now) }

// ApplyWake makes a parked run due now, at the latest; it reports whether the run is parked. A run that
// somebody owns is not touched: its owner finds what arrived.
func ApplyWake(run *Run, now time.Time) bool { return domain.ApplyWake(run, now) }

// CheckBatch refuses batches that break the rule of one transition per attempt and one per run.
func CheckBatch(ts []Transition) error { return domain.CheckBatch(ts) }

// DeadlineFailure is what a run that passed its deadline is failed with, in both languages.
func DeadlineFailure() Failure { return domain.DeadlineFailure() }

// EndedFailure closes an attempt that was still open when its run ended.
func EndedFailure(status RunStatus) Failure { return domain.EndedFailure(status) }

// ParseFailure reads a stored error; nil for SQL NULL or JSON null.
func ParseFailure(raw []byte) *Failure { return domain.ParseFailure(raw) }

// ParseRunStatus maps a stored status, the legacy words "sleeping" and "succeeded" included, to today's.
func ParseRunStatus(s string) RunStatus { return domain.ParseRunStatus(s) }

// ParseStepStatus maps a stored status, the legacy word "succeeded" included, to today's.
func ParseStepStatus(s string) StepStatus { return domain.ParseStepStatus(s) }

// ChildKey is the idempotency key of the child run that a workflow step starts, in both languages.
func ChildKey(namespace, attemptID string) string { return domain.ChildKey(namespace, attemptID) }

// NewID makes the id of a run, an attempt, a signal or a worker: a ULID of the present time.
func NewID() string { return domain.NewID() }

// DefaultIdempotencyWindow is how long an idempotency key binds when nothing else is said.
const DefaultIdempotencyWindow = domain.DefaultIdempotencyWindow

// RegistrationKept is how long a registration that nobody renews is kept.
const RegistrationKept = domain.RegistrationKept

// TallyOf makes one answer of several looks at the same runs. No look counts too many, so the highest number is
// the best; it is exact where one look was complete. Numbers are cut at limit.
func TallyOf(limit int64, scans ...Scan) Tally { return domain.TallyOf(limit, scans...) }

// WindowUntil is the window of about that length that now is in the last bucket of.
func WindowUntil(now time.Time, length time.Duration, buckets int) StatsWindow {
	return domain.WindowUntil(now, length, buckets)
}

// NewStats gathers for the window; the all-time numbers are cut at limit.
func NewStats(window StatsWindow, limit int64) *Stats { return domain.NewStats(window, limit) }
