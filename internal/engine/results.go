package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// How often the states of all awaited runs are read: quickly at first and then less often where nothing
// notifies, rarely where something does.
const (
	resultPollFirst    = 50 * time.Millisecond
	resultPollLast     = time.Second
	resultPollNotified = 5 * time.Second
)

// The waits before subscribing again after a subscription broke.
const (
	resubscribeFirst = time.Second
	resubscribeLast  = 30 * time.Second
)

// Results serves all waits for the ends of runs of one client: with one subscription where the backend
// notifies, and one batched poll. Its goroutine runs while somebody waits.
type Results struct {
	backend ports.Backend

	mu      sync.Mutex
	waiters map[string]map[*waiter]struct{} // by run
	loop    *resultLoop                     // nil while nobody waits
	loops   sync.WaitGroup
	closed  bool
}

// waiter is one Await that found its run under way.
type waiter struct {
	outcome chan outcome // capacity 1
}

type outcome struct {
	run domain.Run
	err error
}

// resultLoop is what the waiters share with the goroutine that serves them.
type resultLoop struct {
	cancel context.CancelFunc
	joined chan struct{} // capacity 1: there are new waiters
	fed    bool          // it hears of runs that end as soon as it can
	err    error         // of the last look, for those who give up
}

// NewResults serves waits on the backend. It starts nothing.
func NewResults(b ports.Backend) *Results {
	return &Results{backend: b, waiters: make(map[string]map[*waiter]struct{})}
}

// Await returns the run once it has ended. It ends with domain.ErrRunNotFound if there is no such run, the
// backend's error if the run cannot be read at first, ports.ErrClosed after Close, and ctx's error. Errors of
// the backend later on are waited out: they are nobody's failure.
func (r *Results) Await(ctx context.Context, runID string) (domain.Run, error) {
	w := r.joinEarly(runID)
	run, err := r.read(ctx, runID)
	if err != nil || run.Status.Terminal() {
		if w != nil {
			_ = r.leave(runID, w)
		}
		return run, err
	}
	if w == nil {
		if w, err = r.join(runID); err != nil {
			return domain.Run{}, err
		}
	}
	select {
	case o := <-w.outcome:
		return o.run, o.err
	case <-ctx.Done():
	}
	last := r.leave(runID, w)
	select {
	case o := <-w.outcome: // both at once
		return o.run, o.err
	default:
	}
	if last != nil {
		return domain.Run{}, fmt.Errorf("%w (the last look failed: %w)", ctx.Err(), last)
	}
	return domain.Run{}, ctx.Err()
}

func (r *Results) read(ctx context.Context, runID string) (domain.Run, error) {
	runs, err := r.backend.GetRuns(ctx, []string{runID})
	switch {
	case err != nil:
		return domain.Run{}, err
	case len(runs) == 0:
		return domain.Run{}, domain.ErrRunNotFound
	}
	return runs[0], nil
}

// Close ends all waits and joins the goroutine.
func (r *Results) Close() {
	r.mu.Lock()
	r.closed = true
	for id := range r.waiters {
		r.deliver(id, outcome{err: ports.ErrClosed})
	}
	r.mu.Unlock()
	r.loops.Wait()
}

// joinEarly registers a waiter before it has looked, where whatever happens after the look will be heard of: then
// nobody has to look again. It returns nil where it may not.
func (r *Results) joinEarly(runID string) *waiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.loop == nil || !r.loop.fed {
		return nil
	}
	return r.register(runID)
}

func (r *Results) register(runID string) *waiter {
	w := &waiter{make(chan outcome, 1)}
	if r.waiters[runID] == nil {
		r.waiters[runID] = make(map[*waiter]struct{})
	}
	r.waiters[runID][w] = struct{}{}
	return w
}

// join registers a waiter and makes sure that it is served.
func (r *Results) join(runID string) (*waiter, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ports.ErrClosed
	}
	w := r.register(runID)
	if r.loop != nil {
		notify(r.loop.joined)
		return w, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	loop := &resultLoop{cancel: cancel, joined: make(chan struct{}, 1)}
	r.loop = loop
	r.loops.Go(func() { r.serve(ctx, loop) })
	return w, nil
}

// leave takes a waiter away that gave up; it returns the error of the last look, if it failed.
func (r *Results) leave(runID string, w *waiter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var last error
	if r.loop != nil {
		last = r.loop.err
	}
	delete(r.waiters[runID], w)
	if len(r.waiters[runID]) == 0 {
		delete(r.waiters, runID)
	}
	r.rest()
	return last
}

// deliver answers the waiters of a run; with r.mu held.
func (r *Results) deliver(runID string, o outcome) {
	for w := range r.waiters[runID] {
		w.outcome <- o
	}
	delete(r.waiters, runID)
	r.rest()
}

// rest ends the goroutine when nobody waits; with r.mu held.
func (r *Results) rest() {
	if len(r.waiters) == 0 && r.loop != nil {
		r.loop.cancel()
		r.loop = nil
	}
}

// serve looks at what is awaited: when somebody joins, when news say so, and from time to time.
func (r *Results) serve(ctx context.Context, loop *resultLoop) {
	defer loop.cancel()
	feed := newsFeed{backend: r.backend}
	pause := resultPollFirst
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if feed.connect(ctx) {
			timer.Reset(0) // look at everything once: news before now were missed
		}
		r.tell(loop, feed.news != nil)
		select {
		case <-ctx.Done():
			return
		case <-loop.joined:
			pause = resultPollFirst
			r.look(ctx, loop)
		case event, ok := <-feed.news:
			if ok {
				r.hear(ctx, loop, feed.gather(event))
			} else {
				feed.lost()
				r.look(ctx, loop)
			}
			if feed.news != nil {
				continue
			}
			pause = resultPollFirst
		case <-timer.C:
			r.look(ctx, loop)
		}
		timer.Reset(r.pause(loop, &feed, pause))
		pause = min(2*pause, resultPollLast)
	}
}

// tell notes whether the goroutine is fed with news.
func (r *Results) tell(loop *resultLoop, fed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	loop.fed = fed
}

// pause is how long to wait for the next look.
func (r *Results) pause(loop *resultLoop, feed *newsFeed, polling time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if feed.news != nil && loop.err == nil {
		return resultPollNotified
	}
	return polling
}

// hear takes news of runs that ended.
func (r *Results) hear(ctx context.Context, loop *resultLoop, e ports.Event) {
	if e.Missed {
		r.look(ctx, loop)
		return
	}
	r.mu.Lock()
	var ended []string
	for _, id := range e.Finished {
		if len(r.waiters[id]) > 0 {
			ended = append(ended, id)
		}
	}
	r.mu.Unlock()
	if err := r.fetch(ctx, ended); err != nil {
		r.note(loop, err)
		notify(loop.joined) // look again
	}
}

// look reads the states of all awaited runs and fetches those that have ended.
func (r *Results) look(ctx context.Context, loop *resultLoop) {
	r.mu.Lock()
	ids := make([]string, 0, len(r.waiters))
	for id := range r.waiters {
		ids = append(ids, id)
	}
	r.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout) // one look serves all: it must not hang
	defer cancel()
	states, err := r.backend.RunStates(ctx, ids)
	if err == nil {
		err = r.fetch(ctx, r.split(ids, states))
	}
	r.note(loop, err)
}

// split finds the runs that have ended, and answers for those that are gone.
func (r *Results) split(ids []string, states []domain.RunState) (ended []string) {
	known := make(map[string]bool, len(states))
	for _, s := range states {
		known[s.ID] = true
		if s.Status.Terminal() {
			ended = append(ended, s.ID)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if !known[id] {
			r.deliver(id, outcome{err: domain.ErrRunNotFound})
		}
	}
	return ended
}

// fetch reads runs that have ended and delivers them.
func (r *Results) fetch(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	runs, err := r.backend.GetRuns(ctx, ids)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range runs {
		if runs[i].Status.Terminal() {
			r.deliver(runs[i].ID, outcome{run: runs[i]})
		}
	}
	return nil
}

// note keeps the error of the last look. A closed backend stays closed: all waits end.
func (r *Results) note(loop *resultLoop, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	loop.err = err
	if errors.Is(err, ports.ErrClosed) && r.loop == loop {
		for id := range r.waiters {
			r.deliver(id, outcome{err: err})
		}
	}
}

// newsFeed is a subscription that comes back after it broke.
type newsFeed struct {
	backend ports.Backend
	news    <-chan ports.Event // nil while there is none
	again   time.Time          // not before then
	backoff time.Duration
}

// connect subscribes if there is no subscription and it is time for one; it reports whether it did.
func (f *newsFeed) connect(ctx context.Context) bool {
	n, ok := f.backend.(ports.Notifier)
	if !ok || f.news != nil || time.Now().Before(f.again) {
		return false
	}
	news, err := n.Subscribe(ctx)
	if err != nil {
		f.lost()
		return false
	}
	f.news = news
	return true
}

// lost notes that the subscription broke.
func (f *newsFeed) lost() {
	f.backoff = min(max(2*f.backoff, resubscribeFirst), resubscribeLast)
	f.news, f.again = nil, time.Now().Add(f.backoff)
}

// gather adds to an event those that are there already: one look serves them all.
func (f *newsFeed) gather(e ports.Event) ports.Event {
	f.backoff = 0
	all := ports.Event{Finished: slices.Clone(e.Finished), Missed: e.Missed}
	for {
		select {
		case more, ok := <-f.news:
			if !ok {
				f.lost()
				all.Missed = true
				return all
			}
			all.Finished = append(all.Finished, more.Finished...)
			all.Missed = all.Missed || more.Missed
		default:
			return all
		}
	}
}
