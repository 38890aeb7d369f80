package sqlitestore

import (
	"context"
	"slices"
	"sync"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// subscriptionBuffer is how many events wait for a slow subscriber before news are lost.
const subscriptionBuffer = 256

// hub spreads the news of this store's commits, and watches the file for those of others while anybody listens.
type hub struct {
	source source

	mu     sync.Mutex
	closed bool
	subs   map[string]map[*subscriber]struct{} // by namespace
	count  int
	stop   context.CancelFunc // ends the watch; nil when there is none
	watch  sync.WaitGroup
}

type subscriber struct {
	events chan ports.Event
	missed bool // the last event in the channel says that news were lost
	stop   func() bool
}

func newHub() *hub { return &hub{subs: make(map[string]map[*subscriber]struct{})} }

// Subscribe is ports.Notifier's.
func (s *Store) Subscribe(ctx context.Context) (<-chan ports.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h := s.db.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ports.ErrClosed
	}
	sub := &subscriber{events: make(chan ports.Event, subscriptionBuffer)}
	if h.subs[s.ns] == nil {
		h.subs[s.ns] = make(map[*subscriber]struct{})
	}
	h.subs[s.ns][sub] = struct{}{}
	if h.count++; h.count == 1 {
		h.startWatch()
	}
	sub.stop = context.AfterFunc(ctx, func() { h.drop(s.ns, sub) })
	return sub.events, nil
}

func (h *hub) startWatch() {
	if h.source == nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	h.watch.Go(func() { h.source.watch(ctx, h.publishMissed) })
}

func (h *hub) drop(namespace string, sub *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.subs[namespace][sub]; !ok {
		return
	}
	delete(h.subs[namespace], sub)
	close(sub.events)
	if h.count--; h.count == 0 {
		h.stopWatch()
	}
}

func (h *hub) stopWatch() {
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// close ends all subscriptions and the watch.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	for _, subs := range h.subs {
		for sub := range subs {
			sub.stop()
			close(sub.events)
		}
	}
	clear(h.subs)
	h.count = 0
	h.stopWatch()
	h.mu.Unlock()
	h.watch.Wait()
}

// listening reports whether anybody would hear.
func (h *hub) listening() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count > 0
}

func (h *hub) publish(news map[string]*ports.Event) {
	if len(news) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for namespace, e := range news {
		for sub := range h.subs[namespace] {
			sub.send(*e)
		}
	}
}

// publishMissed tells everybody to look: somebody else has committed, and only they know what.
func (h *hub) publishMissed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, subs := range h.subs {
		for sub := range subs {
			sub.send(ports.Event{Missed: true})
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

// bulletin collects the news of one namespace.
type bulletin ports.Event

func (b *bulletin) due(workflow string) {
	if !slices.Contains(b.Due, workflow) {
		b.Due = append(b.Due, workflow)
	}
}

func (b *bulletin) finished(runID string) { b.Finished = append(b.Finished, runID) }

func (b *bulletin) touched(runID string) { b.Touched = append(b.Touched, runID) }
