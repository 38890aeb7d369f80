package ports

import (
	"context"
	"time"
)

// Notifier is an optional capability of a Backend: news from all processes that share the database.
// Losing news costs latency, never correctness.
type Notifier interface {
	// Subscribe returns a channel of news, closed when ctx ends or the subscription breaks (subscribe
	// again, and look at everything once). The channel is buffered; news that do not fit are replaced by
	// one Event with Missed.
	Subscribe(ctx context.Context) (<-chan Event, error)
}

// Paced is an optional capability of a Backend: how long a worker whose leases last that long may go without
// looking when it has nothing to do, because news and known times reach it anyway. It is asked before each
// pause: the answer may change with what the backend finds out. Without it that is 30 s with a Notifier, 1 s
// without one. News that were lost, with the process that should have sent them, are made up for by that look,
// so it has to be well below two leases unless none can be lost.
type Paced interface {
	IdleInterval(lease time.Duration) time.Duration
}

// Announcer is an optional capability of a Backend: it has the other processes' workers look at these workflows. A
// worker that stops leaves wake times behind that only it knew of.
type Announcer interface {
	Announce(ctx context.Context, workflows []string)
}

// BatchReclaimer is an optional capability of a Backend: it takes many parked runs back at once. A worker that is
// behind with its claims asks for the sleepers that it parked as they wake, so that they need not wait for all
// that became due before them; without it they do.
type BatchReclaimer interface {
	// ReclaimRuns is ReclaimRun for several runs, in one transaction. It returns those that it has taken back, in
	// any order. Those that somebody claimed or ended since are left out, and so are those that an
	// earlier call took back whose answer was lost.
	ReclaimRuns(ctx context.Context, reqs []ReclaimRequest) (ClaimResult, error)
}

// Event is a bundle of news about one namespace.
type Event struct {
	Due      []string // names of workflows that have new runs, or newly due ones
	Finished []string // runs that ended
	Touched  []string // runs that somebody may own and for which something arrived: a signal, a child's end, a cancel
	Missed   bool     // news were lost: look at everything
}
