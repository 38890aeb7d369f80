package sqlite

import (
	"context"
	"database/sql"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Backend is a SQLite database, seen from one namespace. It is safe for concurrent use. Its methods are
// those of package backend's Backend and Notifier.
type Backend struct{ *store }

// store keeps the internal type's name out of the field's.
type store = sqlitestore.Store

// Option changes how Open and FromDB make a backend.
type Option func(*sqlitestore.Options)

// WithNamespace makes Open and FromDB return the view of this namespace instead of "default".
func WithNamespace(namespace string) Option {
	return func(o *sqlitestore.Options) { o.Namespace = namespace }
}

// WithoutMigrations makes Open and FromDB leave the tables alone: a database that lacks some of the
// migrations is an error. For services whose migrations run elsewhere.
func WithoutMigrations() Option {
	return func(o *sqlitestore.Options) { o.WithoutMigrations = true }
}

func optionsOf(opts []Option) sqlitestore.Options {
	var o sqlitestore.Options
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Open opens the database in the file with this path, which it creates if need be, and runs pending
// migrations. ":memory:" is a database in memory, which ends with the backend. The directory must exist.
//
// The file is put into WAL mode: beside it lie path-wal and path-shm, which belong to it and must be moved
// and backed up with it while it is in use. Commits are durable (synchronous=FULL); those of many callers
// share one. Close the backend when it is no longer used.
func Open(ctx context.Context, path string, opts ...Option) (*Backend, error) {
	s, err := sqlitestore.Open(ctx, path, optionsOf(opts))
	if err != nil {
		return nil, err
	}
	return &Backend{s}, nil
}

// FromDB uses a handle that the caller has opened and goes on owning: closing the backend does not close it.
// It runs pending migrations. The driver must contain SQLite 3.51.3 or newer; modernc.org/sqlite does.
//
// How durable commits are, and whether readers wait for the writer, is what the caller's connections are set
// to. Open the handle with a data source name such as
//
//	file:app.db?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)
//
// where _txlock=immediate makes the caller's own transactions take the write lock when they begin: one that
// reads first and writes later fails with SQLITE_BUSY if somebody else wrote in between, however long it
// waits. A handle with SetMaxOpenConns(1) works too, but then a goroutine that is inside a transaction must
// not call the backend other than through WithTx. A backend of its own (Open) is faster: it keeps its
// statements prepared.
func FromDB(ctx context.Context, db *sql.DB, opts ...Option) (*Backend, error) {
	s, err := sqlitestore.FromDB(ctx, db, optionsOf(opts))
	if err != nil {
		return nil, err
	}
	return &Backend{s}, nil
}

// Path is the path of the database's file, as it was given to Open; "" if the database is in memory.
func (b *Backend) Path() string { return b.store.Path() }

// WithNamespace returns a view of the same database in another namespace.
func (b *Backend) WithNamespace(namespace string) *Backend {
	return &Backend{b.store.WithNamespace(namespace)}
}

// WithTx returns a view whose client verbs act inside the caller's transaction: the runs that it creates,
// the signals that it sends, exist if and only if the caller commits. The transaction must be on the same
// database, through whatever handle. Begin it with BEGIN IMMEDIATE (_txlock=immediate, see FromDB) and keep
// it short: nobody else can write meanwhile. The worker's methods return an error.
func (b *Backend) WithTx(tx *sql.Tx) ports.Backend { return b.store.WithTx(tx) }

// Close ends the backend for all its views, after the calls that are under way: every method returns an
// error from now on, and subscriptions end. A handle given to FromDB stays open.
func (b *Backend) Close() error { return b.store.Close() }
