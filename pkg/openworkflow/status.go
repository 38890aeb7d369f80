package openworkflow

import (
	"errors"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// WorkerState is where a worker stands in its life.
type WorkerState string

// The states of a worker, in their order.
const (
	WorkerNew      WorkerState = "new"      // Start has not returned yet
	WorkerClaiming WorkerState = "claiming" // it claims runs whenever it has a free slot
	WorkerStopping WorkerState = "stopping" // it claims no more and finishes what is under way
	WorkerStopped  WorkerState = "stopped"
)

// WorkerStatus is what a worker does at a moment.
type WorkerStatus struct {
	ID           string // as runs record it (Run.WorkerID)
	State        WorkerState
	Concurrency  int   // slots
	Executing    int   // slots that are in use: runs that execute now, and those just being claimed
	Holding      int   // runs whose lease it holds; they include runs that are about to be parked and need no slot
	Resident     int   // parked runs whose goroutines are kept here, to go on without replay
	Claimed      int64 // runs claimed since it was made
	QueuedWrites int   // calls that wait for their results to be written

	// ClaimError is the error of the last call for due runs, nil if the database answered it, and FailingSince is
	// since when these calls fail. The worker goes on trying.
	ClaimError   error
	FailingSince time.Time
}

// ID identifies the worker, as runs record it (Run.WorkerID). Each Worker has one of its own.
func (w *Worker) ID() string { return w.engine.ID() }

// Status tells what the worker does now. It asks the worker, not the database, and does not wait.
func (w *Worker) Status() WorkerStatus {
	s := w.engine.Status()
	return WorkerStatus{
		ID: s.ID, State: stateOf(s.State), Concurrency: s.Slots, Executing: s.InUse, Holding: s.Owned, Resident: s.Parked,
		Claimed: s.Claimed, QueuedWrites: s.Queued, ClaimError: s.Failure, FailingSince: s.FailingSince,
	}
}

func stateOf(s engine.WorkerState) WorkerState {
	switch s {
	case engine.WorkerClaiming:
		return WorkerClaiming
	case engine.WorkerStopping:
		return WorkerStopping
	case engine.WorkerStopped:
		return WorkerStopped
	}
	return WorkerNew
}

// Ready says why the worker claims no runs: it is not started, it stops or has stopped, or the database did not
// answer its last claim. nil means that it does; a worker whose slots are all in use is ready. It does not wait,
// and fits readiness checks (package health).
func (w *Worker) Ready() error {
	switch s := w.Status(); {
	case s.State == WorkerNew:
		return errors.New("openworkflow: the worker has not started")
	case s.State != WorkerClaiming:
		return fmt.Errorf("openworkflow: the worker is %s", s.State)
	case s.ClaimError != nil:
		return fmt.Errorf("openworkflow: claims have failed since %s: %w", s.FailingSince.UTC().Format(time.RFC3339), s.ClaimError)
	}
	return nil
}
