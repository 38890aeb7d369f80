package backend

import "github.com/openworkflowdev/openworkflow-go/internal/ports"

// Backend stores workflow runs. It stores facts and decides nothing.
//
// Every method is safe for concurrent use, acts in one namespace, and is atomic and durable: when it
// returns without error, what it did survives a crash of the process and of the database. A method that
// returns an error may or may not have taken effect (the answer of a COMMIT can be lost); each can be
// called again with the same arguments and then gives the answer it would have given. Errors of a call
// mean that the database could not be reached or would not answer; serialization failures, deadlocks and
// the like are retried inside. A batch with an item that the database refuses still commits the others.
// Times returned as Now are the database's clock. Rows keep at least millisecond precision.
//
// The methods of ClientBackend, and:
//
//	ClaimRuns(ctx, ClaimRequest) (ClaimResult, error)
//
// gives up to Limit due runs of the named workflows to the worker (ApplyClaim), those of one workflow in
// due order (DueAt), taking turns among the workflows in the order given. No two claims get the same run;
// rows that others hold are skipped, not waited for. A version "" means unversioned runs only. The cost
// does not grow with the number of other runs.
//
//	ReclaimRun(ctx, ReclaimRequest) (ReclaimResult, error)
//
// takes back a run that this caller parked at Epoch, due or not, if nobody claimed it since: the run is
// returned with epoch Epoch+1. Otherwise ErrLeaseLost.
//
//	LoadHistories(ctx, HistoryRequest) (HistoryResult, error)
//
// reads the attempts of runs and what has arrived for their open waits, as committed when it is called.
// Unknown runs are left out.
//
//	Commit(ctx, []Transition) ([]Verdict, error)
//
// applies a batch of transitions in one transaction and answers each by its index. Within a batch, the
// transitions of a run's steps are applied before the run's own. A batch holds at most one transition per
// attempt and one per run (CheckBatch). The batch is the caller's again, and is overwritten, when Commit has
// returned without an error; what its payloads point to stays as it is. The verdict of each is found in this order: (1) the attempt is
// already ended with the proposed status, output and error (compared as JSON values), or exists at all for a
// start: ok; (2) the epoch is equal and the run is already in the state that the transition produces: ok; (3)
// the lease is the run's (Run.Owned; an expired lease that nobody claimed still is): applied; (4) ErrLeaseLost.
// An attempt that ended otherwise than proposed is ErrLeaseLost: a wait's next owner may have ended it. A
// transition that ends a run closes its running attempts (ApplyClose), drops its buffered signals, and makes
// a parked parent that waits for it due (ApplyWake), all in the same transaction. A park looks, after it has
// locked the run, for waits that are already satisfied.
//
//	ExtendLeases(ctx, LeaseRequest) (LeaseResult, error)
//
// moves the end of the worker's leases to now + Duration and names those it no longer holds. A lease that
// expired and that nobody claimed is revived.
//
//	Sweep(ctx, SweepRequest) (SweepResult, error)
//
// repairs and expires, up to Limit runs of each kind: fails runs whose deadline passed (ApplyEnd with
// DeadlineFailure, and all that ending brings); makes due the parked runs whose wait is already
// satisfied; makes due now the pending runs of the named workflows that a TypeScript worker put off as
// "not registered"; delivers buffered signals to open waits; deletes expired buffered signals. One sweep
// runs at a time per namespace: a second one answers Skipped.
type Backend = ports.Backend

// ClientBackend is the part of the port that clients need; it is all that a backend inside the caller's
// own transaction has to offer (its other methods return ErrClientOnly).
//
//	Namespace() string
//
// is the namespace that all methods act in.
//
//	CreateRuns(ctx, []NewRun) (ids []string, err error)
//
// creates runs and returns their ids in the order asked for. A run with the id is not made again. Where a run of
// the same workflow (any version) with the same idempotency key was created within the window, its id is
// returned instead (of the oldest such), also when both are in this batch; concurrent calls with one key make
// one run. A run is made with its History in one transaction; that of one that was found is not looked at.
//
//	SendSignals(ctx, []Signal) ([]SignalResult, error)
//
// delivers signals and answers each by its index with the ids of the runs that got it, sorted. A signal
// without RunID is delivered to every open wait for its name that has none delivered yet, of runs that
// have not ended; if there are none and Buffer is set, it is kept for the first such wait to open (one
// signal to one wait, oldest first). With RunID it is delivered to that run's oldest open wait for the
// name, or kept until the run opens one; ErrRunNotFound and ErrRunFinished are answers of an item. Runs
// that are parked become due.
//
//	CancelRun(ctx, id string) (Run, error)
//
// ends a run as canceled (ApplyEnd), with all that ending brings (see Commit). A run that is already
// canceled is returned as it is. ErrRunNotFound; ErrRunFinished if it completed or failed.
//
//	GetRuns(ctx, ids []string) ([]Run, error)
//
// returns the runs with these ids, in any order; unknown ids are left out.
//
//	RunStates(ctx, ids []string) ([]RunState, error)
//
// is GetRuns without payloads, cheap enough to poll with thousands of ids.
//
//	ListRuns(ctx, RunFilter, PageRequest) (Page[Run], error)
//
// returns a page of runs, newest first by (created_at, id).
//
//	CountRuns(ctx) (RunCounts, error)
//
// counts the namespace's runs by status.
//
//	ListStepAttempts(ctx, runID string, PageRequest) (Page[StepAttempt], error)
//
// returns a page of a run's attempts, oldest first by (created_at, id).
type ClientBackend = ports.ClientBackend

// Notifier is an optional capability of a Backend: news from all processes that share the database.
// Losing news costs latency, never correctness.
//
//	Subscribe(ctx) (<-chan Event, error)
//
// returns a channel of news, closed when ctx ends or the subscription breaks (subscribe again, and look at
// everything once). The channel is buffered; news that do not fit are replaced by one Event with Missed.
type Notifier = ports.Notifier

// Paced is an optional capability of a Backend: how long a worker whose leases last that long may go without
// looking when it has nothing to do, because news and known times reach it anyway. It is asked before each
// pause: the answer may change with what the backend finds out. Without it that is 30 s with a Notifier, 1 s
// without one. News that were lost, with the process that should have sent them, are made up for by that look,
// so it has to be well below two leases unless none can be lost.
//
//	IdleInterval(lease time.Duration) time.Duration
type Paced = ports.Paced

// BatchReclaimer is an optional capability of a Backend: it takes many parked runs back at once. A worker that is
// behind with its claims asks for the sleepers that it parked as they wake, so that they need not wait for all
// that became due before them; without it they do.
//
//	ReclaimRuns(ctx, []ReclaimRequest) (ClaimResult, error)
//
// is ReclaimRun for several runs, in one transaction. It returns those that it has taken back, in any order.
// Those that somebody claimed or ended since are left out, and so are those that an earlier call took back
// whose answer was lost.
type BatchReclaimer = ports.BatchReclaimer

// Inspector is an optional capability of a Backend: what people and monitoring look at. Its methods are cheap
// enough for a page that is loaded every few seconds over a table of millions of runs; where an exact answer
// is not, they say what they have not looked at.
//
//	TallyRuns(ctx, RunFilter, limit int64) (Tally, error)
//
// counts the runs that the filter selects, per status (the filter's own Status and Live count for nothing), each
// up to limit. No number is too high; one that may be too low is limit, or its status is in AtLeast. TallyOf
// makes one answer of several looks.
//
//	WorkflowStats(ctx, StatsRequest) (StatsResult, error)
//
// summarises the runs of each workflow and version that has runs in the window, or runs that have not ended.
// NewStats and WindowUntil do the arithmetic.
//
//	ListWorkers(ctx, seenWithin time.Duration) ([]WorkerRecord, error)
//
// lists the namespace's workers, by id: those that registered within the last seenWithin, and those that hold a
// live lease.
//
//	GetStepAttempts(ctx, ids []string) ([]StepAttempt, error)
//
// returns the attempts with these ids, in any order; unknown ids are left out.
//
//	Ping(ctx) error
//
// asks the database whether it answers and has the tables that this version needs; else ErrNotMigrated or the
// error of the connection.
type Inspector = ports.Inspector

// Registry is an optional capability of a Backend: workers say that they live.
//
//	RegisterWorker(ctx, WorkerRecord) error
//
// inserts the worker, or renews its registration: SeenAt becomes now. Of a worker that is there already,
// StartedAt stays. StartedAt, SeenAt and Holding of the record count for nothing. Registrations that nobody renewed
// for RegistrationKept are removed.
//
//	UnregisterWorker(ctx, id string) error
//
// removes a worker's registration, if there is one.
type Registry = ports.Registry

// Announcer is an optional capability of a Backend: it has the other processes' workers look at these workflows. A
// worker that stops leaves wake times behind that only it knew of.
//
//	Announce(ctx, workflows []string)
type Announcer = ports.Announcer

// Event is a bundle of news about one namespace.
//
//	Due      []string // names of workflows that have new runs, or newly due ones
//	Finished []string // runs that ended
//	Touched  []string // runs that somebody may own and for which something arrived: a signal, a child's end, a cancel
//	Missed   bool     // news were lost: look at everything
type Event = ports.Event

// The errors of the port itself; the others are in this package's list of domain errors.
var (
	// ErrClientOnly is returned by the worker's methods of a backend that lives in a caller's transaction.
	ErrClientOnly = ports.ErrClientOnly
	// ErrNotMigrated: the database lacks tables or columns that this version needs.
	ErrNotMigrated = ports.ErrNotMigrated
	// ErrClosed: the backend has been closed.
	ErrClosed = ports.ErrClosed
)
