package memory

import (
	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
)

// Backend is a data set in memory, seen from one namespace. It is safe for concurrent use and starts no
// goroutines. Its methods are those of package backend's Backend and Notifier.
type Backend struct{ *store }

// store keeps the internal type's name out of the field's.
type store = memstore.Store

// Option changes how New makes a backend.
type Option func(*config)

type config struct{ namespace string }

// WithNamespace makes New return the view of this namespace instead of "default".
func WithNamespace(namespace string) Option {
	return func(c *config) { c.namespace = namespace }
}

// New makes an empty data set.
func New(opts ...Option) *Backend {
	var c config
	for _, opt := range opts {
		opt(&c)
	}
	b := &Backend{memstore.New()}
	if c.namespace != "" {
		return b.WithNamespace(c.namespace)
	}
	return b
}

// WithNamespace returns a view of the same data set in another namespace.
func (b *Backend) WithNamespace(namespace string) *Backend {
	return &Backend{b.store.WithNamespace(namespace)}
}

// Close ends the data set for all its views: every method returns an error from now on, and
// subscriptions end.
func (b *Backend) Close() error { return b.store.Close() }
