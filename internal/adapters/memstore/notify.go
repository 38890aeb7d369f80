package memstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// subscriptionBuffer is how many events wait for a slow subscriber before news are lost.
const subscriptionBuffer = 256

// subscribers are those who want news. Its lock is never held together with the data's.
type subscribers struct {
	mu          sync.Mutex
	closed      bool
	byNamespace map[string]map[*subscriber]struct{}
}

type subscriber struct {
	events chan ports.Event
	missed bool // the last event in the channel says that news were lost
	stop   func() bool
}

// Subscribe is ports.Notifier's.
func (s *Store) Subscribe(ctx context.Context) (<-chan ports.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	subs := &s.data.subs
	subs.mu.Lock()
	defer subs.mu.Unlock()
	if subs.closed {
		return nil, ports.ErrClosed
	}
	sub := &subscriber{events: make(chan ports.Event, subscriptionBuffer)}
	if subs.byNamespace[s.namespace] == nil {
		subs.byNamespace[s.namespace] = make(map[*subscriber]struct{})
	}
	subs.byNamespace[s.namespace][sub] = struct{}{}
	sub.stop = context.AfterFunc(ctx, func() { subs.drop(s.namespace, sub) })
	return sub.events, nil
}

func (s *subscribers) drop(namespace string, sub *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.byNamespace[namespace][sub]; ok {
		delete(s.byNamespace[namespace], sub)
		close(sub.events)
	}
}

func (s *subscribers) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, subs := range s.byNamespace {
		for sub := range subs {
			sub.stop()
			close(sub.events)
		}
	}
	clear(s.byNamespace)
}

func (s *subscribers) publish(news map[string]*ports.Event) {
	if len(news) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for namespace, e := range news {
		for sub := range s.byNamespace[namespace] {
			sub.send(*e)
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

// bulletin collects the news of one namespace while the data is locked.
type bulletin struct{ *ports.Event }

func (x *tx) event(namespace string) bulletin {
	if x.news == nil {
		x.news = make(map[string]*ports.Event)
	}
	if x.news[namespace] == nil {
		x.news[namespace] = &ports.Event{}
	}
	return bulletin{x.news[namespace]}
}

func (b bulletin) due(workflow string) {
	if !slices.Contains(b.Due, workflow) {
		b.Due = append(b.Due, workflow)
	}
}

func (b bulletin) finished(runID string) { b.Finished = append(b.Finished, runID) }

func (b bulletin) touched(runID string) { b.Touched = append(b.Touched, runID) }

// IdleInterval is ports.Paced's: no news are lost here unsaid, and every new time is told.
func (s *Store) IdleInterval(time.Duration) time.Duration { return 24 * time.Hour }
