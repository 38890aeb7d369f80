package pgstore

import (
	"context"
	"slices"
	"sync"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// subscriptionBuffer is how many events wait for a slow subscriber before news are lost.
const subscriptionBuffer = 256

// subscribers are those in this process who want news.
type subscribers struct {
	mu     *sync.Mutex
	closed *bool
	of     map[string]map[*subscriber]struct{} // by namespace
}

type subscriber struct {
	events chan ports.Event
	missed bool // the last event in the channel says that news were lost
	stop   func() bool
}

func newSubscribers() subscribers {
	return subscribers{mu: new(sync.Mutex), closed: new(bool), of: make(map[string]map[*subscriber]struct{})}
}

func (s subscribers) add(ctx context.Context, namespace string) (<-chan ports.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if *s.closed {
		return nil, ports.ErrClosed
	}
	sub := &subscriber{events: make(chan ports.Event, subscriptionBuffer)}
	if s.of[namespace] == nil {
		s.of[namespace] = make(map[*subscriber]struct{})
	}
	s.of[namespace][sub] = struct{}{}
	sub.stop = context.AfterFunc(ctx, func() { s.drop(namespace, sub) })
	return sub.events, nil
}

func (s subscribers) drop(namespace string, sub *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.of[namespace][sub]; !ok {
		return
	}
	delete(s.of[namespace], sub)
	if len(s.of[namespace]) == 0 {
		delete(s.of, namespace)
	}
	close(sub.events)
}

func (s subscribers) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.closed = true
	for _, subs := range s.of {
		for sub := range subs {
			sub.stop()
			close(sub.events)
		}
	}
	clear(s.of)
}

func (s subscribers) publish(namespace string, e ports.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.of[namespace] {
		sub.send(e)
	}
}

// all tells every subscriber, whatever the namespace.
func (s subscribers) all(e ports.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, subs := range s.of {
		for sub := range subs {
			sub.send(e)
		}
	}
}

// send never blocks: the channel's last place is kept for the word that news were lost. Only receivers run
// beside it, so the room that it sees does not shrink.
func (s *subscriber) send(e ports.Event) {
	switch {
	case len(s.events) < cap(s.events)-1:
		e.Due, e.Finished, e.Touched = slices.Clone(e.Due), slices.Clone(e.Finished), slices.Clone(e.Touched)
		s.events <- e
		s.missed = false
	case !s.missed:
		s.events <- ports.Event{Missed: true}
		s.missed = true
	}
}
