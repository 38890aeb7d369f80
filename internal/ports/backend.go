package ports

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Backend stores workflow runs. It stores facts and decides nothing: what a transition does is
// domain.ApplyStep and domain.ApplyRun, and every adapter agrees with them.
//
// Every method is safe for concurrent use, acts in one namespace, and is atomic and durable: when it
// returns without error, what it did survives a crash of the process and of the database. A method that
// returns an error may or may not have taken effect (the answer of a COMMIT can be lost); each can be
// called again with the same arguments and then gives the answer it would have given.
//
// Call-level errors (the second result) mean that the database could not be reached or would not answer:
// they are nobody's failure, and the caller tries again. Serialization failures, deadlocks and BUSY are
// retried inside. A batch with an item that the database refuses (ErrRejected) still commits the others.
//
// Times that a backend returns as Now are the database's clock. Rows keep at least millisecond precision.
type Backend interface {
	ClientBackend

	// ClaimRuns gives up to Limit due runs of the named workflows to the worker, those of one workflow in
	// due order, taking turns among the workflows in the order given. No two claims get the same run; rows
	// that others hold are skipped, not waited for. The cost does not grow with the number of other runs.
	ClaimRuns(ctx context.Context, req ClaimRequest) (ClaimResult, error)

	// ReclaimRun takes back a run that this caller parked at Epoch, due or not, if nobody claimed it since:
	// the run is returned with epoch Epoch+1. Otherwise domain.ErrLeaseLost.
	ReclaimRun(ctx context.Context, req ReclaimRequest) (ReclaimResult, error)

	// LoadHistories reads the attempts of runs and what has arrived for their open waits, as committed when
	// it is called. Unknown runs are left out.
	LoadHistories(ctx context.Context, req HistoryRequest) (HistoryResult, error)

	// Commit applies a batch of transitions, in one transaction, and answers each by its index. Within a
	// batch, the transitions of a run's steps are applied before the run's own. It may take several transactions to
	// apply a batch, if an item is refused, a lease is lost or the batch is large, each of which leaves no run ended without the
	// steps before it: after an error some items may have been applied, and the batch can be committed again. A batch holds at most one
	// transition per attempt and one per run (domain.CheckBatch). ts is the caller's again when Commit has returned
	// without an error; what its payloads point to stays as it is.
	//
	// The verdict of each is found in this order: (1) the attempt has already ended with the proposed status,
	// output and error, or exists at all for a start: ok; (2) the epoch is equal and the run is already in the state that the
	// transition produces: ok; (3) the lease is the run's (domain.Run.Owned; an expired lease that nobody
	// claimed still is): applied; (4) domain.ErrLeaseLost. An attempt that ended otherwise than
	// proposed is ErrLeaseLost: a wait's next owner may have ended it.
	//
	// A transition that ends a run closes its running attempts (domain.ApplyClose), drops its buffered
	// signals, and makes a parked parent that waits for it due, all in the same transaction. A park looks,
	// after it has locked the run, for waits that are already satisfied.
	Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error)

	// ExtendLeases moves the end of the worker's leases to now + Duration and names those it no longer holds.
	ExtendLeases(ctx context.Context, req LeaseRequest) (LeaseResult, error)

	// Sweep repairs and expires, up to Limit runs of each kind: fails runs whose deadline passed (as
	// FailRun does, with domain.DeadlineFailure); makes due the parked runs whose wait is already satisfied;
	// makes due now the pending runs of the named workflows that a TypeScript worker put off as "not
	// registered"; delivers buffered signals to open waits; deletes expired buffered signals. One sweep
	// runs at a time per namespace: a second one answers Skipped.
	Sweep(ctx context.Context, req SweepRequest) (SweepResult, error)
}

// ClientBackend is the part of the port that clients need; it is all that a backend inside the caller's
// own transaction has to offer (its other methods return ErrClientOnly).
type ClientBackend interface {
	// Namespace is the namespace that all methods act in.
	Namespace() string

	// CreateRuns creates runs and returns their ids in the order asked for. A run with the id is not made again.
	// Where a run of the same workflow (any version) with the same idempotency key was created within the window,
	// its id is returned instead (of the oldest such), also when both are in this batch; concurrent calls with one
	// key make one run. A run is made with its History in one transaction; that of one that was found is not
	// looked at.
	CreateRuns(ctx context.Context, runs []domain.NewRun) (ids []string, err error)

	// SendSignals delivers signals and answers each by its index with the ids of the runs that got it,
	// sorted. A signal without RunID is delivered to every open wait for its name that has none delivered
	// yet, of runs that have not ended; if there are none and Buffer is set, it is kept for the first such wait
	// to open (one signal to one wait, oldest first). With RunID it is delivered to that run's oldest open
	// wait for the name, or kept until the run opens one; domain.ErrRunNotFound and domain.ErrRunFinished
	// are answers of an item. Runs that are parked become due.
	SendSignals(ctx context.Context, signals []domain.Signal) ([]SignalResult, error)

	// CancelRun ends a run as canceled, with all that ending brings (see Commit). A run that is already
	// canceled is returned as it is. domain.ErrRunNotFound; domain.ErrRunFinished if it completed or failed.
	CancelRun(ctx context.Context, id string) (domain.Run, error)

	// GetRuns returns the runs with these ids, in any order; unknown ids are left out.
	GetRuns(ctx context.Context, ids []string) ([]domain.Run, error)

	// RunStates is GetRuns without payloads, cheap enough to poll with thousands of ids.
	RunStates(ctx context.Context, ids []string) ([]domain.RunState, error)

	// ListRuns returns a page of runs, newest first by (created_at, id).
	ListRuns(ctx context.Context, filter RunFilter, page PageRequest) (Page[domain.Run], error)

	// CountRuns counts the namespace's runs by status.
	CountRuns(ctx context.Context) (domain.RunCounts, error)

	// ListStepAttempts returns a page of a run's attempts, oldest first by (created_at, id).
	ListStepAttempts(ctx context.Context, runID string, page PageRequest) (Page[domain.StepAttempt], error)
}

// ClaimRequest asks for due runs.
type ClaimRequest struct {
	WorkerID      string
	Workflows     []domain.WorkflowKey
	Limit         int
	LeaseDuration time.Duration
	Exclude       []string // ids of runs that must not be claimed: they still unwind here
}

// ClaimResult holds the claimed runs, as they are after the claim.
type ClaimResult struct {
	Runs []domain.Run
	Now  time.Time
	// NextDue is when the next run of these workflows becomes claimable as far as is known now; zero if there
	// is none. It is only looked for when fewer than Limit runs were claimed.
	NextDue time.Time
	// NextDeadline is when the first deadline of a run of the namespace passes that has not ended, as far as is known
	// now; zero if there is none, or if the backend does not look for it. A worker that claims nothing sweeps then.
	NextDeadline time.Time
}

// ReclaimRequest asks for a run back that the caller parked.
type ReclaimRequest struct {
	RunID         string
	WorkerID      string
	Epoch         int
	LeaseDuration time.Duration
}

// ReclaimResult holds the reclaimed run.
type ReclaimResult struct {
	Run domain.Run
	Now time.Time
}

// HistoryRequest names the runs to read.
type HistoryRequest struct {
	RunIDs   []string
	OpenOnly bool // only the running attempts
}

// HistoryResult holds one history per run found.
type HistoryResult struct {
	Histories []domain.History
	Now       time.Time
}

// LeaseRequest names the leases to extend.
type LeaseRequest struct {
	WorkerID string
	Leases   []domain.Lease
	Duration time.Duration
}

// LeaseResult names the runs whose lease is gone.
type LeaseResult struct {
	Lost []string
	Now  time.Time
}

// SignalResult answers one signal.
type SignalResult struct {
	RunIDs []string
	Err    error
}

// SweepRequest bounds a sweep.
type SweepRequest struct {
	Workflows []domain.WorkflowKey // the names that live here
	Limit     int
}

// SweepResult counts what a sweep did.
type SweepResult struct {
	Skipped   bool // another sweep was running
	Expired   int  // runs failed by their deadline
	Woken     int  // parked runs made due
	Requeued  int  // runs that TypeScript had put off
	Delivered int  // buffered signals delivered
	Deleted   int  // expired buffered signals
	More      bool // a limit was reached: sweep again at once
	Now       time.Time
}

// RunFilter selects runs; zero fields select all.
type RunFilter struct {
	Status         domain.RunStatus
	WorkflowName   string
	Version        string
	IdempotencyKey string
	WorkerID       string    // running runs that this worker has a lease on that has not run out
	Live           bool      // only pending and running runs
	CreatedAfter   time.Time // inclusive
	CreatedBefore  time.Time // exclusive

	// WithoutPayloads leaves out the inputs and outputs of the runs that are selected: they are nil.
	WithoutPayloads bool
}

// PageRequest asks for a page: after a cursor, before one, or the first.
type PageRequest struct {
	Limit  int // at least 1
	After  *domain.Cursor
	Before *domain.Cursor
}

// Page is a part of a list, always in the list's order.
//
// A store may stop looking for what a filter selects after so many rows, so that a rare match among millions
// costs no more than a frequent one. Then the page is short, or empty, and Stopped is the place of the
// last row that it looked at: HasNext (of a page before a cursor: HasPrev) is true, and a request after (before)
// Stopped goes on with the next row. A walk that follows it to the end sees what an unbounded one sees.
type Page[T any] struct {
	Items   []T
	HasNext bool
	HasPrev bool
	Stopped *domain.Cursor
}
