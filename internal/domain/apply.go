package domain

import "time"

// ApplyStep is what a transition about a step does. attempt is the stored attempt with the transition's
// id, nil if there is none; delivered says whether a signal has been delivered to it. It returns the
// attempt as it is to be stored, nil when nothing is to be written. The child of StartChild is the
// caller's to find or create and to link. run is changed only by Progress.
func ApplyStep(run *Run, attempt *StepAttempt, t *Transition, delivered bool, now time.Time) (*StepAttempt, error) {
	if attempt != nil && attempt.RunID == t.Lease.RunID && stepAlreadyApplied(attempt, t) {
		return nil, nil
	}
	if run == nil || !run.Owned(t.Lease) || (attempt != nil && attempt.RunID != run.ID) {
		return nil, ErrLeaseLost
	}
	if t.Kind != FinishStep {
		if attempt != nil {
			return nil, nil
		}
		return newAttempt(run, t, now), nil
	}
	if attempt != nil && attempt.Status != StepRunning {
		return nil, ErrLeaseLost
	}
	if t.Timeout && delivered {
		return nil, ErrWaitSatisfied
	}
	if t.Progress {
		run.Recoveries = 0
	}
	return finishedAttempt(run, attempt, t, now), nil
}

func stepAlreadyApplied(attempt *StepAttempt, t *Transition) bool {
	switch t.Kind {
	case FinishStep:
		return sameOutcome(attempt, &t.Attempt)
	case StartChild: // the link is missing when the starter died in between; making it needs the lease
		return attempt.Status != StepRunning || attempt.ChildRunID != ""
	}
	return true
}

func newAttempt(run *Run, t *Transition, now time.Time) *StepAttempt {
	a := t.Attempt
	a.NamespaceID, a.RunID = run.NamespaceID, run.ID
	if t.Kind != FinishStep {
		a.Status, a.Output, a.Error, a.FinishedAt = StepRunning, nil, nil, time.Time{}
		a.Final, a.RetryAt = false, time.Time{}
	}
	if a.Config == nil {
		a.Config = []byte("{}")
	}
	if a.StartedAt.IsZero() {
		a.StartedAt = now
	}
	a.CreatedAt = a.StartedAt.Truncate(time.Millisecond)
	a.UpdatedAt = now
	return &a
}

func finishedAttempt(run *Run, stored *StepAttempt, t *Transition, now time.Time) *StepAttempt {
	if stored == nil {
		a := newAttempt(run, t, now)
		if a.FinishedAt.IsZero() {
			a.FinishedAt = now
		}
		return a
	}
	a := *stored
	a.Status, a.Output, a.Error = t.Attempt.Status, t.Attempt.Output, t.Attempt.Error
	a.Final, a.RetryAt, a.FinishedAt, a.UpdatedAt = t.Attempt.Final, t.Attempt.RetryAt, t.Attempt.FinishedAt, now
	if a.FinishedAt.IsZero() {
		a.FinishedAt = now
	}
	return &a
}

// ApplyRun is what a transition about the run does to its row. satisfied says whether an open wait of
// the run has what it waits for. applied is false when the row was already in the state that the
// transition produces. Closing the open attempts of a run that ended and waking its parent is the caller's.
func ApplyRun(run *Run, t *Transition, satisfied bool, now time.Time) (applied bool, err error) {
	if run == nil {
		return false, ErrLeaseLost
	}
	if run.Attempts == t.Lease.Epoch && alreadyApplied(run, t.Kind) {
		return false, nil
	}
	if !run.Owned(t.Lease) {
		return false, ErrLeaseLost
	}
	run.UpdatedAt, run.Recoveries, run.WorkerID = now, 0, ""
	switch t.Kind {
	case ParkRun:
		run.AvailableAt = t.WakeAt
		if satisfied || t.WakeAt.IsZero() {
			run.AvailableAt = now
		}
	case CompleteRun:
		run.Status, run.Output, run.Error = RunCompleted, t.Output, nil
		if run.Output == nil {
			run.Output = []byte("null")
		}
		run.WorkerID, run.AvailableAt, run.FinishedAt = t.Lease.WorkerID, time.Time{}, now
	case FailRun:
		run.Status, run.Error = RunFailed, t.Error
		run.AvailableAt, run.FinishedAt = time.Time{}, now
	case RetryRun:
		run.Status, run.Error, run.StartedAt = RunPending, t.Error, time.Time{}
		run.Failures++
		run.AvailableAt = t.WakeAt
		if t.WakeAt.IsZero() {
			run.AvailableAt = now
		}
	}
	return true, nil
}

func alreadyApplied(run *Run, kind TransitionKind) bool {
	switch kind {
	case ParkRun:
		return run.Parked()
	case CompleteRun:
		return run.Status == RunCompleted
	case FailRun:
		return run.Status == RunFailed
	case RetryRun:
		return run.Status == RunPending && run.WorkerID == ""
	}
	return false
}

// ApplyClaim is what a claim does to the row: the epoch rises, and a takeover from a dead owner is counted.
func ApplyClaim(run *Run, workerID string, lease time.Duration, now time.Time) {
	if run.Status == RunRunning && run.WorkerID != "" {
		run.Recoveries++
	}
	run.Status, run.WorkerID = RunRunning, workerID
	run.Attempts++
	run.AvailableAt, run.UpdatedAt = now.Add(lease), now
	if run.StartedAt.IsZero() {
		run.StartedAt = now
	}
}

// Claimable reports whether the run may be claimed now: not ended, before its deadline, due, and, after
// repeated deaths of its owners, only once the recovery delay has passed.
func Claimable(run *Run, now time.Time) bool {
	if run.Status.Terminal() || run.AvailableAt.IsZero() {
		return false
	}
	if !run.DeadlineAt.IsZero() && !run.DeadlineAt.After(now) {
		return false
	}
	return !DueAt(run).After(now)
}

// DueAt is when a run that has not ended may be claimed.
func DueAt(run *Run) time.Time {
	if run.WorkerID != "" && run.Status == RunRunning {
		return run.AvailableAt.Add(RecoveryDelay(run.Recoveries))
	}
	return run.AvailableAt
}

// ApplyEnd ends a run that nobody needs to own: by cancelling it or because its deadline passed.
func ApplyEnd(run *Run, status RunStatus, failure *Failure, now time.Time) {
	run.Status, run.WorkerID, run.AvailableAt = status, "", time.Time{}
	run.FinishedAt, run.UpdatedAt = now, now
	if failure != nil {
		run.Error = failure
	}
}

// ApplyClose closes an attempt that was open when its run ended.
func ApplyClose(a *StepAttempt, status RunStatus, now time.Time) {
	if a.Status != StepRunning {
		return
	}
	f := EndedFailure(status)
	a.Status, a.Error, a.Final = StepFailed, &f, true
	a.FinishedAt, a.UpdatedAt = now, now
}

// ApplyWake makes a parked run due now, at the latest; it reports whether the run is parked. A run that
// somebody owns is not touched: its owner finds what arrived.
func ApplyWake(run *Run, now time.Time) bool {
	if !run.Parked() {
		return false
	}
	if run.AvailableAt.IsZero() || run.AvailableAt.After(now) {
		run.AvailableAt = now
	}
	run.UpdatedAt = now
	return true
}
