package engine

import (
	"context"
	"sync"
)

// slots bounds how many runs execute at once. Runs that go on come before runs that are claimed.
type slots struct {
	freed chan struct{} // capacity 1: some slot was freed

	mu      sync.Mutex
	free    int
	waiting []chan struct{}
}

func newSlots(n int) *slots { return &slots{freed: make(chan struct{}, 1), free: n} }

// take takes up to n slots without waiting.
func (s *slots) take(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = max(0, min(n, s.free))
	s.free -= n
	return n
}

// acquire waits for a slot.
func (s *slots) acquire(ctx context.Context) error {
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	s.waiting = append(s.waiting, turn)
	s.mu.Unlock()

	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for i, w := range s.waiting {
		if w == turn {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			s.mu.Unlock()
			return context.Cause(ctx)
		}
	}
	s.mu.Unlock()
	s.release(1) // it was our turn already
	return context.Cause(ctx)
}

// release gives n slots back.
func (s *slots) release(n int) {
	if n == 0 {
		return
	}
	s.mu.Lock()
	for n > 0 && len(s.waiting) > 0 {
		close(s.waiting[0])
		s.waiting = s.waiting[1:]
		n--
	}
	s.free += n
	s.mu.Unlock()
	if n > 0 {
		notify(s.freed)
	}
}

// notify leaves a note in a channel of capacity 1; a note that is already there serves for both.
func notify(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
