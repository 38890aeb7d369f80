package sqlite

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
)

// Migration is the state of one migration of a database.
type Migration struct {
	Version   int64
	Name      string // the file's
	Applied   bool
	AppliedAt time.Time // zero if it is not applied
}

// Migrate runs the pending migrations of the database in the file with this path, which it creates if need
// be. A database that the TypeScript package made is adopted. It is safe to run in several processes at
// once, and while workers run; either all pending migrations up to a failing one are applied, or nothing.
func Migrate(ctx context.Context, path string) error { return sqlitestore.Migrate(ctx, path) }

// MigrateDown takes back the latest migration. Taking back the first one drops all tables and what they hold.
func MigrateDown(ctx context.Context, path string) error { return sqlitestore.MigrateDown(ctx, path) }

// MigrationStatus lists all migrations, oldest first, and whether the database has them.
func MigrationStatus(ctx context.Context, path string) ([]Migration, error) {
	list, err := sqlitestore.MigrationStatus(ctx, path)
	out := make([]Migration, len(list))
	for i, m := range list {
		out[i] = Migration(m)
	}
	return out, err
}
