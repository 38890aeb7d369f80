package backend

import "github.com/openworkflowdev/openworkflow-go/internal/ports"

// ClaimRequest asks for due runs.
//
//	WorkerID      string
//	Workflows     []WorkflowKey
//	Limit         int
//	LeaseDuration time.Duration
//	Exclude       []string // ids of runs that must not be claimed: they still unwind here
type ClaimRequest = ports.ClaimRequest

// ClaimResult holds the claimed runs, as they are after the claim.
//
//	Runs    []Run
//	Now     time.Time
//	NextDue time.Time // when the next run of these workflows becomes claimable as far as is known now; zero
//	                  // if there is none. It is only looked for when fewer than Limit runs were claimed.
//	NextDeadline time.Time // when the first deadline of a run of the namespace passes that has not ended, as far as
//	                       // is known now; zero if there is none, or if the backend does not look for it
type ClaimResult = ports.ClaimResult

// ReclaimRequest asks for a run back that the caller parked.
//
//	RunID         string
//	WorkerID      string
//	Epoch         int // of the park
//	LeaseDuration time.Duration
type ReclaimRequest = ports.ReclaimRequest

// ReclaimResult holds the reclaimed run.
//
//	Run Run
//	Now time.Time
type ReclaimResult = ports.ReclaimResult

// HistoryRequest names the runs to read.
//
//	RunIDs   []string
//	OpenOnly bool // only the running attempts
type HistoryRequest = ports.HistoryRequest

// HistoryResult holds one history per run found.
//
//	Histories []History
//	Now       time.Time
type HistoryResult = ports.HistoryResult

// LeaseRequest names the leases to extend.
//
//	WorkerID string
//	Leases   []Lease
//	Duration time.Duration
type LeaseRequest = ports.LeaseRequest

// LeaseResult names the runs whose lease is gone.
//
//	Lost []string
//	Now  time.Time
type LeaseResult = ports.LeaseResult

// SignalResult answers one signal.
//
//	RunIDs []string // the runs that got it, sorted
//	Err    error    // ErrRunNotFound, ErrRunFinished, or one that wraps ErrRejected
type SignalResult = ports.SignalResult

// SweepRequest bounds a sweep.
//
//	Workflows []WorkflowKey // the names that live here
//	Limit     int
type SweepRequest = ports.SweepRequest

// SweepResult counts what a sweep did.
//
//	Skipped   bool // another sweep was running
//	Expired   int  // runs failed by their deadline
//	Woken     int  // parked runs made due
//	Requeued  int  // runs that TypeScript had put off
//	Delivered int  // buffered signals delivered
//	Deleted   int  // expired buffered signals
//	More      bool // a limit was reached: sweep again at once
//	Now       time.Time
type SweepResult = ports.SweepResult

// RunFilter selects runs; zero fields select all.
//
//	Status         RunStatus
//	WorkflowName   string
//	Version        string
//	IdempotencyKey string
//	WorkerID       string    // running runs that this worker has a lease on that has not run out
//	Live           bool      // only pending and running runs
//	CreatedAfter   time.Time // inclusive
//	CreatedBefore  time.Time // exclusive
//
// (*RunFilter).Selects reports whether it selects a run.
type RunFilter = ports.RunFilter

// PageRequest asks for a page: after a cursor, before one, or the first.
//
//	Limit  int // at least 1
//	After  *Cursor
//	Before *Cursor
type PageRequest = ports.PageRequest

// Page is a part of a list, always in the list's order. As in TypeScript, a page before a cursor has a
// next one, and a page after a cursor has a previous one.
//
// A store may stop looking for what a filter selects after so many rows, so that a rare match among millions
// costs no more than a frequent one. Then the page is short, or empty, and Stopped is the place of the last row
// that it looked at: HasNext (of a page before a cursor: HasPrev) is true, and a request after (before) Stopped
// goes on with the next row. A walk that follows it to the end sees what an unbounded one sees.
//
//	Items   []T
//	HasNext bool
//	HasPrev bool
//	Stopped *Cursor
type Page[T any] = ports.Page[T]

// StatsRequest says what WorkflowStats looks at.
//
//	Window       time.Duration // up to now, at least a millisecond for each bucket
//	Buckets      int           // at least 1
//	WorkflowName string        // "" is all
//	Limit        int64         // up to which the numbers of all time count
type StatsRequest = ports.StatsRequest

// StatsResult holds the summaries, busiest first.
//
//	Workflows []WorkflowStats
//	Sampled   bool // the window has more runs than were looked at: the newest
//	Now       time.Time
type StatsResult = ports.StatsResult
