package domain

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The answers to a transition that was not applied.
var (
	// ErrLeaseLost: the lease that the transition carries is no longer the run's. Nothing was written.
	ErrLeaseLost = errors.New("openworkflow: the lease on the run was lost")
	// ErrWaitSatisfied: a wait was to end by timeout, but its signal had arrived. Nothing was written.
	ErrWaitSatisfied = errors.New("openworkflow: the signal arrived before the timeout was recorded")
	// ErrRejected: the database refuses this item's values, and will again. Nothing of it was written.
	ErrRejected = errors.New("openworkflow: the database refused the value")
)

// TransitionKind is what a transition does.
type TransitionKind int

// The transitions. The first three are about one step attempt, the others about the run.
const (
	// StartStep inserts Attempt as running: a function that takes long, or a wait that opens. An attempt
	// with that id that already exists, in whatever status, is left as it is and the answer is ok.
	StartStep TransitionKind = iota + 1
	// StartChild does StartStep for a workflow step and, in the same transaction, makes sure that the
	// attempt has its one child: the run it is already linked to; else one whose parent is this attempt;
	// else one with Child's idempotency key; else a new one, Child. Then it links the attempt to it.
	StartChild
	// FinishStep writes Attempt as completed or failed: inserted, or over its running row. One that finds its
	// attempt ended with the same outcome is ok; with another, somebody else ended it: ErrLeaseLost.
	FinishStep
	// ParkRun releases the run until WakeAt (zero: now). If one of its open waits is already satisfied
	// (a signal delivered, a child terminal), it is due at once.
	ParkRun
	// CompleteRun ends the run with Output.
	CompleteRun
	// FailRun ends the run with Error.
	FailRun
	// RetryRun counts a workflow failure (Error) and makes the run pending until WakeAt.
	RetryRun
)

// AboutStep reports whether the transition writes a step attempt, not the run.
func (k TransitionKind) AboutStep() bool { return k >= StartStep && k <= FinishStep }

// Terminal reports whether the transition ends the run.
func (k TransitionKind) Terminal() bool { return k == CompleteRun || k == FailRun }

// Transition is a change that a worker proposes to a run it holds.
type Transition struct {
	Kind    TransitionKind
	Lease   Lease
	Attempt StepAttempt     // StartStep, StartChild, FinishStep; NamespaceID and RunID are the lease's
	Child   *NewRun         // StartChild
	WakeAt  time.Time       // ParkRun, RetryRun
	Output  json.RawMessage // CompleteRun; nil is null
	Error   *Failure        // FailRun, RetryRun

	// Timeout marks a FinishStep that ends a signal-wait because its time is up. It is refused with
	// ErrWaitSatisfied if a signal has been delivered to the wait: timeout and delivery exclude each other.
	Timeout bool
	// Progress marks a FinishStep that clears the run's recoveries. Run transitions always clear them.
	Progress bool
	// Plain marks a transition that concerns nothing but its own row: a FinishStep that no StartStep came before, and the
	// end of a run that has no parent and no open attempt. It spares the backend from looking for a row to finish, attempts
	// to close and a parent to wake. A false mark on a run's end leaves its parent asleep and its attempts open; one
	// on a step that has a row does no harm.
	Plain bool
}

// OneRow reports whether a transition is marked as Plain and is nothing else either: an insert of a step function's
// attempt, or the update that ends a run.
func (t *Transition) OneRow() bool {
	a := &t.Attempt
	switch {
	case !t.Plain || t.Timeout || t.Progress:
		return false
	case t.Kind == FinishStep:
		return a.ID != "" && a.Kind == KindFunction && len(a.Config)+len(a.Context) == 0
	}
	return t.Kind.Terminal()
}

// Verdict is the answer to one transition.
type Verdict struct {
	// Err is nil when the transition is applied (now or before), else ErrLeaseLost, ErrWaitSatisfied or an
	// error that wraps ErrRejected.
	Err error
	// Woke: this transition made a run due: the parked run itself, a waiting parent, a new child.
	Woke bool
	// Satisfied: the signal-wait that StartStep opened has its signal already, from the buffer.
	Satisfied bool
}

// CheckBatch refuses batches that break the rule of one transition per attempt and one per run.
func CheckBatch(ts []Transition) error {
	attempts, runs := make(map[string]struct{}, len(ts)), make(map[string]struct{}, len(ts))
	for i := range ts {
		seen, id := runs, ts[i].Lease.RunID
		if ts[i].Kind.AboutStep() {
			seen, id = attempts, ts[i].Attempt.ID
		}
		if _, twice := seen[id]; twice {
			return fmt.Errorf("openworkflow: two transitions of %s in one batch", id)
		}
		seen[id] = struct{}{}
	}
	return nil
}
