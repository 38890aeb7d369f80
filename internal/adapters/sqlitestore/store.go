package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var (
	_ ports.Backend   = (*Store)(nil)
	_ ports.Notifier  = (*Store)(nil)
	_ ports.Inspector = (*Store)(nil)
	_ ports.Registry  = (*Store)(nil)
)

// Store is a view of a database: the namespace that its methods act in. It is safe for concurrent use.
type Store struct {
	verbs
	db *database
}

// Options are what a store is opened with; the zero value is the default.
type Options struct {
	Namespace         string        // domain.DefaultNamespace
	WithoutMigrations bool          // refuse a database that is not migrated instead of migrating it
	BusyTimeout       time.Duration // how long a call waits while others hold the write lock; 10 s
}

const defaultBusyTimeout = 10 * time.Second

func (o Options) withDefaults() Options {
	if o.Namespace == "" {
		o.Namespace = domain.DefaultNamespace
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = defaultBusyTimeout
	}
	return o
}

// database is what the views of one handle share.
type database struct {
	name    string // the file, for errors
	file    string // its path; "" in memory
	writer  *writer
	readers *pool // nil: one connection does everything
	own     []*sql.DB
	hub     *hub
	closed  atomic.Bool
	closing sync.Once
	sweeps  sweeps
	scan    scanLimits
}

func newStore(db *database, namespace string) *Store {
	return &Store{verbs: verbs{ns: namespace, on: db}, db: db}
}

// WithNamespace returns a view of the same database in another namespace.
func (s *Store) WithNamespace(namespace string) *Store { return newStore(s.db, namespace) }

// Close ends all views: their methods return ports.ErrClosed, and subscriptions end. Calls under way are
// waited for. A handle that came from the caller stays open.
func (s *Store) Close() error {
	var err error
	s.db.closing.Do(func() { err = s.db.close() })
	return err
}

func (d *database) close() error {
	d.closed.Store(true)
	d.hub.close()
	errs := []error{d.writer.pool.close()}
	if d.readers != nil {
		errs = append(errs, d.readers.close())
	}
	for _, db := range d.own {
		errs = append(errs, db.Close())
	}
	return interpretError(d.name, errors.Join(errs...))
}

// limits are those of looks at the runs.
func (d *database) limits() scanLimits { return d.scan }

// runner runs work in a transaction of some kind.
type runner interface {
	limits() scanLimits
	// write runs fn in a transaction that keeps all of it or, if it fails, nothing.
	write(ctx context.Context, namespace string, fn func(*work) error) error
	// read runs fn on one snapshot of what is committed.
	read(ctx context.Context, namespace string, fn func(*work) error) error
}

func (d *database) write(ctx context.Context, namespace string, fn func(*work) error) error {
	if d.closed.Load() {
		return ports.ErrClosed
	}
	return interpretError(d.name, d.writer.do(ctx, namespace, fn))
}

func (d *database) read(ctx context.Context, namespace string, fn func(*work) error) error {
	if d.readers == nil {
		return d.write(ctx, namespace, fn)
	}
	if d.closed.Load() {
		return ports.ErrClosed
	}
	s, err := d.readers.get(ctx)
	if err != nil {
		return interpretError(d.name, err)
	}
	err = snapshot(s, namespace, fn)
	d.readers.put(s, err != nil && !isAnswer(err))
	return interpretError(d.name, err)
}

func snapshot(s *session, namespace string, fn func(*work) error) error {
	if err := s.exec(sqlBegin); err != nil {
		return err
	}
	err := fn(newWork(s.queries, s, namespace))
	return errors.Join(err, s.exec(sqlCommit))
}

// verbs are the methods that act the same in transactions of the store's own and in the caller's.
type verbs struct {
	ns string
	on runner
}

// Namespace is the namespace that all methods act in.
func (v *verbs) Namespace() string { return v.ns }

func write[T any](ctx context.Context, v *verbs, fn func(*work) (T, error)) (T, error) {
	return through(fn, func(fn func(*work) error) error { return v.on.write(ctx, v.ns, fn) })
}

func read[T any](ctx context.Context, v *verbs, fn func(*work) (T, error)) (T, error) {
	return through(fn, func(fn func(*work) error) error { return v.on.read(ctx, v.ns, fn) })
}

func through[T any](fn func(*work) (T, error), run func(func(*work) error) error) (T, error) {
	var out T
	err := run(func(x *work) (err error) {
		out, err = fn(x)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return out, nil
}
