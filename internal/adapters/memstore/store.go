package memstore

import (
	"context"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var (
	_ ports.Backend   = (*Store)(nil)
	_ ports.Notifier  = (*Store)(nil)
	_ ports.Paced     = (*Store)(nil)
	_ ports.Inspector = (*Store)(nil)
	_ ports.Registry  = (*Store)(nil)
)

// Store is a view of a data set: the namespace that its methods act in. It is safe for concurrent use.
type Store struct {
	namespace string
	data      *data
}

// New makes an empty data set and returns its view of domain.DefaultNamespace.
func New() *Store {
	return &Store{
		namespace: domain.DefaultNamespace,
		data:      &data{spaces: make(map[string]*space), subs: subscribers{byNamespace: make(map[string]map[*subscriber]struct{})}},
	}
}

// WithNamespace returns a view of the same data set in another namespace.
func (s *Store) WithNamespace(namespace string) *Store {
	return &Store{namespace: namespace, data: s.data}
}

// Namespace is the namespace that all methods act in.
func (s *Store) Namespace() string { return s.namespace }

// Close ends the data set for all its views: their methods return ports.ErrClosed, and subscriptions end.
func (s *Store) Close() error {
	s.data.mu.Lock()
	s.data.closed = true
	s.data.mu.Unlock()
	s.data.subs.closeAll()
	return nil
}

// data is what the views share. mu guards everything in it but subs, which guards itself.
type data struct {
	mu     sync.Mutex
	closed bool
	seq    int64
	spaces map[string]*space
	subs   subscribers
}

func (d *data) space(namespace string) *space {
	sp, ok := d.spaces[namespace]
	if !ok {
		sp = newSpace(namespace)
		d.spaces[namespace] = sp
	}
	return sp
}

// nextSeq numbers rows in the order of their making.
func (d *data) nextSeq() int64 {
	d.seq++
	return d.seq
}

// tx is one call's turn with the data: the lock is held while it lives.
type tx struct {
	data *data
	sp   *space
	now  time.Time
	news map[string]*ports.Event
}

// do runs fn with the lock held, and tells the subscribers afterwards.
func (s *Store) do(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	news, err := s.locked(fn)
	s.data.subs.publish(news)
	return err
}

func (s *Store) locked(fn func(*tx) error) (map[string]*ports.Event, error) {
	s.data.mu.Lock()
	defer s.data.mu.Unlock()
	if s.data.closed {
		return nil, ports.ErrClosed
	}
	// Without the monotonic reading times compare as those read from a database do.
	x := &tx{data: s.data, sp: s.data.space(s.namespace), now: time.Now().Round(0).UTC()}
	err := fn(x)
	return x.news, err
}
