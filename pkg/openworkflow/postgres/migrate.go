package postgres

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
)

// Migration is the state of one migration of a database.
type Migration struct {
	Version   int64
	Name      string // the file's
	Applied   bool
	AppliedAt time.Time // zero if it is not applied
}

// Migrate runs the pending migrations. It makes the schema if it is not there. A database that the
// TypeScript package made is adopted. It is safe to run in several processes at once: they wait for each
// other. Each migration is a transaction: one that fails leaves nothing behind.
func Migrate(ctx context.Context, dsn string, opts ...MigrateOption) error {
	return pgstore.MigrateUp(ctx, dsn, schemaOf(opts))
}

// MigrateDown takes back the latest migration, with the columns and tables that it made. The first one,
// whose tables may be a TypeScript service's, is taken back only while they hold no runs.
func MigrateDown(ctx context.Context, dsn string, opts ...MigrateOption) error {
	return pgstore.MigrateDown(ctx, dsn, schemaOf(opts))
}

// MigrateDownTo takes back all migrations after this version, as MigrateDown does; 0 is all there are.
func MigrateDownTo(ctx context.Context, dsn string, version int64, opts ...MigrateOption) error {
	return pgstore.MigrateDownTo(ctx, dsn, schemaOf(opts), version)
}

// MigrationStatus lists all migrations, oldest first, and whether the database has them. It changes nothing.
func MigrationStatus(ctx context.Context, dsn string, opts ...MigrateOption) ([]Migration, error) {
	return migrationsOf(pgstore.MigrationStatus(ctx, dsn, schemaOf(opts)))
}

// Migrate runs the pending migrations of the backend's database, as the function Migrate does.
func (b *Backend) Migrate(ctx context.Context) error { return b.store.MigrateUp(ctx) }

// MigrateDown takes back the latest migration of the backend's database, as the function MigrateDown does. The
// backend does not work without it.
func (b *Backend) MigrateDown(ctx context.Context) error { return b.store.MigrateDown(ctx) }

// MigrationStatus lists all migrations, oldest first, and whether the backend's database has them.
func (b *Backend) MigrationStatus(ctx context.Context) ([]Migration, error) {
	return migrationsOf(b.store.MigrationStatus(ctx))
}

func migrationsOf(list []pgstore.Migration, err error) ([]Migration, error) {
	out := make([]Migration, len(list))
	for i, m := range list {
		out[i] = Migration{Version: m.Version, Name: m.Name, Applied: !m.AppliedAt.IsZero(), AppliedAt: m.AppliedAt}
	}
	return out, err
}
