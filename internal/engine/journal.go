package engine

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const (
	journalFlushers   = 2       // batches on their way at once
	journalBatch      = 500     // transitions in a batch
	journalBatchBytes = 4 << 20 // payload in a batch
	journalQueue      = 10_000  // groups that wait; more block their callers
	commitTimeout     = 15 * time.Second
)

// journal commits transitions in batches (group commit): while one batch is on its way the next gathers.
// There is no timer and no added delay; when nothing is on its way a transition goes at once.
type journal struct {
	backend ports.Backend
	log     *zap.Logger
	woke    func()    // a commit made a run due
	rooms   sync.Pool // of *[]domain.Transition: room for a batch
	groups  sync.Pool // of *group: those that were answered

	observer Observer // nil is none

	mu       sync.Mutex
	room     *sync.Cond
	idle     *sync.Cond
	queue    []*group
	touched  map[string]struct{} // what the batch that is being made touches
	flushers int
}

// holder is who commits.
type holder interface {
	// alive is false when the holder has lost the right to commit: stop trying.
	alive() bool
}

// group is what one caller commits together, in one batch: a copy, as groups are used again, and so that the
// caller's own need not be on the heap.
type group struct {
	transitions []domain.Transition
	verdicts    []domain.Verdict
	holder      holder
	dead        bool
	done        chan struct{} // of capacity 1: told when verdicts or dead says how it ended
	then        answerFunc    // called instead, where nobody waits
}

// answerFunc is told how a transition ended: what commit would return.
type answerFunc func(t *domain.Transition, verdicts []domain.Verdict, err error)

func newJournal(b ports.Backend, log *zap.Logger, woke func()) *journal {
	j := &journal{backend: b, log: log, woke: woke, touched: make(map[string]struct{})}
	j.groups.New = func() any { return &group{done: make(chan struct{}, 1), transitions: make([]domain.Transition, 0, 1)} }
	j.room, j.idle = sync.NewCond(&j.mu), sync.NewCond(&j.mu)
	return j
}

// commit returns when the transitions are answered, or with ErrSuspended when the holder is no longer
// alive and nobody knows whether they were applied.
func (j *journal) commit(h holder, ts ...domain.Transition) ([]domain.Verdict, error) {
	g := j.groups.Get().(*group)
	g.transitions, g.holder = append(g.transitions, ts...), h
	j.hand(g)
	<-g.done
	defer j.reuse(g)
	return g.answer()
}

// submit is commit for a caller that does not need the answer: then is told. It waits all the same for room in the queue,
// and, where nothing is on its way, for the database.
func (j *journal) submit(h holder, t *domain.Transition, then answerFunc) {
	g := j.groups.Get().(*group)
	g.transitions, g.holder, g.then = append(g.transitions, *t), h, then
	j.hand(g)
}

// answer is how a group ended that has been told.
func (g *group) answer() ([]domain.Verdict, error) {
	if g.dead {
		return nil, domain.ErrSuspended
	}
	return g.verdicts, nil
}

// tell says how groups ended.
func (j *journal) tell(groups []*group) {
	var unwaited []*group
	for _, g := range groups {
		if g.then != nil {
			unwaited = append(unwaited, g)
		} else {
			g.done <- struct{}{}
		}
	}
	if len(unwaited) > 0 {
		go j.tellUnwaited(unwaited)
	}
}

// tellUnwaited tells one after the other; should an observer end the goroutine, the rest on another.
func (j *journal) tellUnwaited(groups []*group) {
	next := 0
	defer func() {
		if next < len(groups) {
			go j.tellUnwaited(groups[next:])
		}
	}()
	for next < len(groups) {
		g := groups[next]
		next++
		verdicts, err := g.answer()
		g.then(&g.transitions[0], verdicts, err)
		j.reuse(g)
	}
}

// hand queues a group, or sends it where nothing is on its way.
func (j *journal) hand(g *group) {
	j.mu.Lock()
	for len(j.queue) >= journalQueue {
		j.room.Wait()
	}
	if len(j.queue) == 0 && j.flushers < journalFlushers { // alone: here, without a goroutine that would have to start
		j.flushers++
		j.mu.Unlock()
		j.send([]*group{g})
		j.handOn()
	} else {
		j.queue = append(j.queue, g)
		if j.flushers < journalFlushers {
			j.flushers++
			go j.flush()
		}
		j.mu.Unlock()
	}
}

// reuse keeps an answered group for another caller, if it has one transition, as nearly all have: the room of larger ones
// would be kept for good.
func (j *journal) reuse(g *group) {
	if len(g.transitions) == 1 {
		clear(g.transitions)
		*g = group{done: g.done, transitions: g.transitions[:0]}
		j.groups.Put(g)
	}
}

// handOn leaves what has gathered meanwhile to a goroutine.
func (j *journal) handOn() {
	j.mu.Lock()
	more := len(j.queue) > 0
	if !more {
		j.rest()
	}
	j.mu.Unlock()
	if more {
		go j.flush()
	}
}

// rest ends a flusher.
func (j *journal) rest() {
	j.flushers--
	if j.flushers == 0 {
		j.idle.Broadcast()
	}
}

// drain waits until nothing is queued or on its way.
func (j *journal) drain() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.flushers > 0 {
		j.idle.Wait()
	}
}

func (j *journal) flush() {
	for {
		batch := j.next()
		if batch == nil {
			return
		}
		j.send(batch)
	}
}

// next takes the longest prefix of the queue that makes a batch. A group that touches an attempt or a run
// that the batch touches already waits for the next one.
func (j *journal) next() []*group {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.queue) == 0 {
		j.rest()
		return nil
	}
	batch := make([]*group, 0, min(len(j.queue), journalBatch))
	var left []*group
	clear(j.touched)
	count, size := 0, 0
	for i, g := range j.queue {
		if count > 0 && (count+len(g.transitions) > journalBatch || size > journalBatchBytes) {
			left = append(left, j.queue[i:]...)
			break
		}
		if !claimKeys(j.touched, g.transitions) {
			left = append(left, g)
			continue
		}
		batch = append(batch, g)
		count += len(g.transitions)
		size += payloadBytes(g.transitions)
	}
	j.queue = left
	j.room.Broadcast()
	return batch
}

func claimKeys(seen map[string]struct{}, ts []domain.Transition) bool {
	for i := range ts {
		if _, taken := seen[transitionKey(&ts[i])]; taken {
			return false
		}
	}
	for i := range ts {
		seen[transitionKey(&ts[i])] = struct{}{}
	}
	return true
}

func transitionKey(t *domain.Transition) string {
	if t.Kind.AboutStep() {
		return t.Attempt.ID
	}
	return t.Lease.RunID
}

func payloadBytes(ts []domain.Transition) int {
	n := 0
	for i := range ts {
		n += len(ts[i].Output) + len(ts[i].Attempt.Output) + len(ts[i].Attempt.Context)
		n += errorBytes(ts[i].Error) + errorBytes(ts[i].Attempt.Error)
		if ts[i].Child != nil {
			n += len(ts[i].Child.Input)
		}
	}
	return n
}

func errorBytes(f *domain.Failure) int {
	if f == nil {
		return 0
	}
	return len(f.Name) + len(f.Message) + len(f.Stack) + len(f.Code)
}

// send commits the batch, as often as it takes: committing again what was committed is harmless. Groups
// whose caller has lost its lease are dropped on the way.
func (j *journal) send(batch []*group) {
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		err := j.try(batch)
		if err == nil {
			return
		}
		j.log.Warn("commit failed; trying again", zap.Error(err), zap.Int("groups", len(batch)), zap.Duration("in", delay))
		time.Sleep(jitter(delay))
		if batch = j.living(batch); len(batch) == 0 {
			return
		}
	}
}

func (j *journal) living(batch []*group) []*group {
	var alive, dead []*group
	for _, g := range batch {
		if g.holder.alive() {
			alive = append(alive, g)
			continue
		}
		g.dead = true
		dead = append(dead, g)
	}
	j.tell(dead)
	return alive
}

func (j *journal) try(batch []*group) error {
	room, _ := j.rooms.Get().(*[]domain.Transition)
	if room == nil {
		room = new([]domain.Transition)
	}
	count := 0
	for _, g := range batch {
		count += len(g.transitions)
	}
	ts := slices.Grow((*room)[:0], count)
	for _, g := range batch {
		ts = append(ts, g.transitions...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	began := j.began()
	verdicts, err := j.backend.Commit(ctx, ts)
	j.flushed(began, len(batch), len(ts), err)
	if err != nil { // it may still be at work
		return err
	}
	clear(ts)
	*room = ts
	j.rooms.Put(room)
	woke := false
	for _, g := range batch {
		n := len(g.transitions)
		g.verdicts, verdicts = verdicts[:n:n], verdicts[n:]
		for i := range g.verdicts {
			woke = woke || g.verdicts[i].Woke
		}
	}
	j.tell(batch)
	if woke {
		j.woke()
	}
	return nil
}

// jitter spreads a delay over [½d, d).
func jitter(d time.Duration) time.Duration {
	if d <= 1 {
		return d
	}
	return d/2 + rand.N(d/2)
}
