package sqlitestore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxGroup is how many calls share a transaction at most.
const maxGroup = 256

// writer is the store's only way to write: a queue of calls, and group commit. There is no goroutine of its
// own. The first caller leads: it takes the write lock, commits its call together with all that have queued
// by then, and hands the lead to the first of those that came meanwhile.
type writer struct {
	pool     *pool
	hub      *hub
	patience time.Duration // how long a leader waits for the write lock

	mu      sync.Mutex
	queue   []*call
	leading bool

	commits atomic.Int64
}

// call is one caller's work. fn is nil for one who only wants the data version looked at.
type call struct {
	ctx     context.Context
	ns      string
	fn      func(*work) error
	wake    chan bool // true: lead; false: done
	started bool      // it leads or is being done: it can no longer leave the queue
	done    bool
	work    *work
	err     error
}

// do runs fn inside a transaction and returns when that is committed, or was not.
func (w *writer) do(ctx context.Context, namespace string, fn func(*work) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &call{ctx: ctx, ns: namespace, fn: fn, wake: make(chan bool, 1)}
	if w.enqueue(c) {
		w.lead(c)
		return c.err
	}
	select {
	case lead := <-c.wake:
		if lead {
			w.lead(c)
		}
	case <-ctx.Done():
		if w.withdraw(c) {
			return ctx.Err()
		}
		if lead := <-c.wake; lead {
			w.lead(c)
		}
	}
	return c.err
}

// enqueue reports whether the caller leads.
func (w *writer) enqueue(c *call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, c)
	if w.leading {
		return false
	}
	w.leading, c.started = true, true
	return true
}

func (w *writer) withdraw(c *call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.queue, c)
	if c.started || i < 0 {
		return false
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return true
}

// lead commits one group, hands the lead on, and wakes those whose calls are done. The leader is the first
// in the queue.
func (w *writer) lead(leader *call) {
	s, err := w.pool.get(leader.ctx)
	if err == nil && leader.fn != nil {
		if err = w.begin(leader.ctx, s); err != nil {
			w.pool.put(s, isBroken(err))
		}
	}
	var group []*call
	switch {
	case err != nil && leader.ctx.Err() != nil: // nobody else's trouble
		group = w.take(1)
		leader.err = leader.ctx.Err()
	case err != nil:
		group = w.take(maxGroup)
		for _, c := range group {
			c.err = err
		}
	case leader.fn == nil:
		group = w.take(1)
		leader.err = w.look(s)
		w.pool.put(s, isBroken(leader.err))
	default:
		group = w.take(maxGroup)
		w.run(s, group)
	}
	w.handOn()
	for _, c := range group {
		if c != leader {
			c.wake <- false
		}
	}
}

func (w *writer) take(limit int) []*call {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), limit)
	group := slices.Clone(w.queue[:n])
	w.queue = slices.Delete(w.queue, 0, n)
	for _, c := range group {
		c.started = true
	}
	return group
}

func (w *writer) handOn() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leading = len(w.queue) > 0; w.leading {
		w.queue[0].started = true
		w.queue[0].wake <- true
	}
}

// run gives every call of the group its answer, in the transaction that has begun.
func (w *writer) run(s *session, group []*call) {
	err := w.commitGroup(s, group)
	w.pool.put(s, isBroken(err))
	for _, c := range group {
		if err != nil && !c.done {
			c.err = err
		}
		if c.err == nil && c.work != nil {
			w.hub.publish(c.work.news)
		}
	}
}

// commitGroup commits the calls together. If the database fails one of them, each is tried alone, so that
// one caller's full disk is not everyone's.
func (w *writer) commitGroup(s *session, group []*call) error {
	failedCall, err := w.transact(s, group)
	if !failedCall || len(group) == 1 {
		return err
	}
	for i, c := range group {
		if err = w.begin(c.ctx, s); err == nil {
			_, err = w.transact(s, group[i:i+1])
		}
		if err != nil {
			c.err, c.done = err, true
		}
		if isBroken(err) {
			return err
		}
	}
	return nil
}

// transact ends the transaction that has begun. failedCall says that the database failed at one of the calls.
func (w *writer) transact(s *session, group []*call) (failedCall bool, err error) {
	if err := w.lookAround(s); err != nil {
		return false, errors.Join(err, s.exec(sqlRollback))
	}
	for _, c := range group {
		if err := c.apply(s, len(group) > 1); err != nil {
			_ = s.exec(sqlRollback) // SQLite has already rolled back after some errors, and then says so
			return true, err
		}
	}
	if err := w.end(s, group); err != nil {
		_ = s.exec(sqlRollback)
		return false, err
	}
	for _, c := range group {
		c.done = true
	}
	w.commits.Add(1)
	return false, nil
}

// begin takes the write lock, in tries of the connection's busy timeout.
func (w *writer) begin(ctx context.Context, s *session) error {
	for start := time.Now(); ; {
		err := s.exec(sqlBeginImmediate)
		if err == nil || !isBusy(err) || time.Since(start) >= w.patience {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// end commits; a single call that was refused leaves nothing behind.
func (w *writer) end(s *session, group []*call) error {
	if len(group) == 1 && group[0].err != nil {
		return s.exec(sqlRollback)
	}
	for start := time.Now(); ; {
		err := s.exec(sqlCommit)
		if err == nil || !isBusy(err) || time.Since(start) >= w.patience { // outside WAL mode readers can be in the way
			return err
		}
	}
}

// lookAround spreads the news that somebody else has committed.
func (w *writer) lookAround(s *session) error {
	if !w.pool.keep || !w.hub.listening() {
		return nil
	}
	return w.look(s)
}

func (w *writer) look(s *session) error {
	changed, err := s.readDataVersion()
	if changed && err == nil {
		w.hub.publishMissed()
	}
	return err
}

// apply does the call's work inside the transaction. An answer goes to the call; an error that is returned
// means that the transaction is lost.
func (c *call) apply(s *session, shared bool) error {
	c.err, c.work = c.ctx.Err(), nil
	if c.fn == nil || c.err != nil {
		return nil //nolint:nilerr // the error is the call's answer
	}
	if shared {
		if err := s.exec(sqlSavepointCall); err != nil {
			return err
		}
	}
	x := newWork(s.queries, s, c.ns)
	err := c.fn(x)
	if err != nil && !isAnswer(err) {
		return err
	}
	c.err, c.work = err, x
	switch {
	case !shared:
		return nil
	case err != nil:
		return first(s.exec(sqlRollbackToCall), s.exec(sqlReleaseCall))
	}
	return s.exec(sqlReleaseCall)
}
