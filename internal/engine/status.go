package engine

import "time"

// WorkerState is where a worker stands in its life.
type WorkerState int32

// The states, in the order in which a worker passes them.
const (
	WorkerNew WorkerState = iota
	WorkerClaiming
	WorkerStopping
	WorkerStopped
)

// Status is what a worker does at a moment.
type Status struct {
	ID      string
	State   WorkerState
	Slots   int // in all
	InUse   int // slots taken
	Owned   int // runs whose lease it holds
	Parked  int // runs whose goroutines wait here while the database holds them
	Claimed int64
	Queued  int // groups of transitions that wait for the journal

	FailingSince time.Time // since when claims fail; zero if the last one was answered
	Failure      error     // of the last one
}

// claimFailure is the present row of failed claims.
type claimFailure struct {
	since time.Time
	err   error
}

// noteClaim remembers since when claims fail.
func (w *Worker) noteClaim(err error) {
	before := w.failing.Load()
	switch {
	case err == nil && before != nil:
		w.failing.Store(nil)
	case err != nil && before != nil:
		w.failing.Store(&claimFailure{before.since, err})
	case err != nil:
		w.failing.Store(&claimFailure{time.Now(), err})
	}
}

// ID is the worker's id, as runs record it.
func (w *Worker) ID() string { return w.id }

// Status never waits for anything that the worker does.
func (w *Worker) Status() Status {
	s := Status{
		ID: w.id, State: WorkerState(w.state.Load()), Slots: w.cfg.Concurrency, InUse: w.slots.inUse(w.cfg.Concurrency),
		Parked: w.residents.count(), Claimed: w.claimCount.Load(), Queued: w.journal.queued(),
	}
	holders, _ := w.holders()
	s.Owned = len(holders)
	if f := w.failing.Load(); f != nil {
		s.FailingSince, s.Failure = f.since, f.err
	}
	return s
}

func (s *slots) inUse(all int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return all - s.free
}

func (r *residents) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.order.Len()
}

func (j *journal) queued() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.queue)
}
