package ports

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Inspector is an optional capability of a Backend: what people and monitoring look at. Its methods are cheap
// enough for a page that is loaded every few seconds over a table of millions of runs; where an exact answer
// is not, they say what they have not looked at.
type Inspector interface {
	// TallyRuns counts the runs that the filter selects, per status (the filter's own Status and Live count
	// for nothing), each up to limit. No number is too high; one that may be too low is limit, or its
	// status is in AtLeast.
	TallyRuns(ctx context.Context, filter RunFilter, limit int64) (domain.Tally, error)

	// WorkflowStats summarises the runs of each workflow and version that has runs in the window, or runs
	// that have not ended.
	WorkflowStats(ctx context.Context, req StatsRequest) (StatsResult, error)

	// ListWorkers lists the namespace's workers, by id: those that registered within the last seenWithin, and
	// those that hold a live lease.
	ListWorkers(ctx context.Context, seenWithin time.Duration) ([]domain.WorkerRecord, error)

	// GetStepAttempts returns the attempts with these ids, in any order; unknown ids are left out.
	GetStepAttempts(ctx context.Context, ids []string) ([]domain.StepAttempt, error)

	// Ping asks the database whether it answers and has the tables that this version needs; else
	// ErrNotMigrated or the error of the connection.
	Ping(ctx context.Context) error
}

// Registry is an optional capability of a Backend: workers say that they live.
type Registry interface {
	// RegisterWorker inserts the worker, or renews its registration: SeenAt becomes now. Of a worker that is
	// there already, StartedAt stays. StartedAt, SeenAt and Holding of the record count for nothing.
	// Registrations that nobody renewed for domain.RegistrationKept are removed.
	RegisterWorker(ctx context.Context, w domain.WorkerRecord) error

	// UnregisterWorker removes a worker's registration, if there is one.
	UnregisterWorker(ctx context.Context, id string) error
}

// StatsRequest says what WorkflowStats looks at.
type StatsRequest struct {
	Window       time.Duration // up to now, at least a millisecond for each bucket
	Buckets      int           // at least 1
	WorkflowName string        // "" is all
	Limit        int64         // up to which the numbers of all time count
}

// StatsResult holds the summaries, busiest first.
type StatsResult struct {
	Workflows []domain.WorkflowStats
	Sampled   bool // the window has more runs than were looked at: the newest
	Now       time.Time
}
