package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Backend is a Postgres database, seen from one namespace. It is safe for concurrent use. Its methods are
// those of package backend's Backend and Notifier.
type Backend struct{ *store }

// store keeps the internal type's name out of the field's.
type store = pgstore.Store

// Open connects to the database of a connection string (postgres://user:password@host/database, or
// key=value pairs; the PG* environment variables stand for what it does not say) and runs pending
// migrations. Services that start at once wait for each other. Close the backend when it is no longer used.
func Open(ctx context.Context, dsn string, opts ...Option) (*Backend, error) {
	s, err := pgstore.Open(ctx, dsn, configOf(opts))
	if err != nil {
		return nil, err
	}
	return &Backend{s}, nil
}

// FromPool uses a pool that the caller has opened and goes on owning: closing the backend does not close
// it. It runs pending migrations. Migrations, heartbeats and LISTEN use connections of their own, made as
// the pool makes its own.
func FromPool(ctx context.Context, pool *pgxpool.Pool, opts ...Option) (*Backend, error) {
	s, err := pgstore.FromPool(ctx, pool, configOf(opts))
	if err != nil {
		return nil, err
	}
	return &Backend{s}, nil
}

// WithNamespace returns a view of the same database in another namespace.
func (b *Backend) WithNamespace(namespace string) *Backend {
	return &Backend{b.store.WithNamespace(namespace)}
}

// WithTx returns a view whose client verbs act inside the caller's transaction: the runs that it creates,
// the signals that it sends, exist if and only if the caller commits. What fails there leaves the
// transaction usable. Begin it READ COMMITTED, as is the default: above that level what others committed
// meanwhile is not seen, so that an idempotency key may not find its run. The worker's methods return an
// error.
func (b *Backend) WithTx(tx pgx.Tx) ports.Backend { return b.store.WithTx(tx) }

// Close ends the backend for all its views: every method returns an error from now on, and subscriptions
// end. A pool given to FromPool stays open. Other processes are told before, for two seconds at most, of what was
// done last.
func (b *Backend) Close() error { return b.store.Close() }
