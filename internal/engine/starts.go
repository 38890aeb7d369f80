package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const (
	startBatch   = 1000 // runs that are created in one call
	startTimeout = 30 * time.Second
)

// Starts creates the runs that concurrent callers of one client ask for in batches, as the journal does with
// transitions: a caller that finds no call under way makes it itself, at once; those that come meanwhile go
// together in the next. It has no goroutine while nothing is under way.
type Starts struct {
	backend ports.ClientBackend
	apart   bool

	mu     sync.Mutex
	flying bool
	queue  []*start
}

// start is one run asked for.
type start struct {
	run    domain.NewRun
	made   string // the run's id
	err    error
	leader bool          // it was its turn to call, for all that wait; guarded by the mutex
	turn   chan struct{} // closed when it is
	done   chan struct{} // closed when it is answered
}

// NewStarts creates runs on the backend; one by one if it is a ports.Apart.
func NewStarts(b ports.ClientBackend) *Starts {
	_, apart := b.(ports.Apart)
	return &Starts{backend: b, apart: apart}
}

// Create creates the run and returns its id, or that of the run that stands for it (ports.ClientBackend.CreateRuns).
func (s *Starts) Create(ctx context.Context, run domain.NewRun) (id string, err error) {
	if s.apart {
		return s.one(ctx, run)
	}
	s.mu.Lock()
	if !s.flying { // and so nobody waits
		s.flying = true
		s.mu.Unlock()
		defer s.pass()
		return s.one(ctx, run)
	}
	me := &start{run: run, turn: make(chan struct{}), done: make(chan struct{})}
	s.queue = append(s.queue, me)
	s.mu.Unlock()
	select {
	case <-me.done:
		return me.made, me.err
	case <-ctx.Done():
		s.giveUp(me)
		return "", ctx.Err()
	case <-me.turn:
		return s.lead(ctx, me)
	}
}

// one creates a run by itself.
func (s *Starts) one(ctx context.Context, run domain.NewRun) (id string, err error) {
	made, err := s.create(ctx, []domain.NewRun{run})
	if err != nil {
		return "", err
	}
	return made[0], nil
}

// lead calls for me and for all that wait. Those must not depend on this caller's context.
func (s *Starts) lead(ctx context.Context, me *start) (id string, err error) {
	s.mu.Lock()
	n := min(len(s.queue), startBatch-1)
	batch := append([]*start{me}, s.queue[:n]...)
	s.queue = s.queue[n:]
	s.mu.Unlock()
	if len(batch) == 1 {
		defer s.pass()
		return s.one(ctx, me.run)
	}
	go func() {
		defer s.pass()
		s.answer(context.WithoutCancel(ctx), batch)
	}()
	select {
	case <-me.done:
		return me.made, me.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// giveUp takes a caller away that waits no longer; if it was its turn, it is the next one's.
func (s *Starts) giveUp(me *start) {
	s.mu.Lock()
	if i := slices.Index(s.queue, me); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	}
	leader := me.leader
	s.mu.Unlock()
	if leader {
		s.pass()
	}
}

// pass gives the turn to the first that waits.
func (s *Starts) pass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.flying = false
		return
	}
	next := s.queue[0]
	s.queue = s.queue[1:]
	next.leader = true
	close(next.turn)
}

// answer makes the call and answers the batch. Where one run spoils the call for all, it is found by halves.
func (s *Starts) answer(ctx context.Context, batch []*start) {
	runs := make([]domain.NewRun, len(batch))
	for i, b := range batch {
		runs[i] = b.run
	}
	made, err := s.create(ctx, runs)
	if len(batch) > 1 && errors.Is(err, domain.ErrRejected) {
		s.answer(ctx, batch[:len(batch)/2])
		s.answer(ctx, batch[len(batch)/2:])
		return
	}
	for i, b := range batch {
		if b.err = err; err == nil {
			b.made = made[i]
		}
		close(b.done)
	}
}

func (s *Starts) create(ctx context.Context, runs []domain.NewRun) (ids []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return s.backend.CreateRuns(ctx, runs)
}
