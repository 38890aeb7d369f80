package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// store is what the migrate commands need of a database.
type store struct {
	up     func(context.Context) error
	down   func(context.Context) error
	status func(context.Context) ([]migration, error)
	// exists fails if there is no database to look at. A file of SQLite comes into being by being opened,
	// which a mistyped path must not do.
	exists func() error
}

// openStore finds the store that the flags and the environment name. It connects to nothing.
func openStore(env Environment, flags migrateFlags) (store, target, error) {
	t, err := parseTarget(firstOf(flags.url, env.Getenv(EnvURL)))
	if err != nil {
		return store{}, t, err
	}
	if t.driver == driverSQLite {
		if flags.schema != "" {
			return store{}, t, usagef("--schema is for Postgres: SQLite has one set of tables in a file")
		}
		return sqliteStore(t.dsn), t, nil
	}
	return postgresStore(t.dsn, firstOf(flags.schema, env.Getenv(EnvSchema))), t, nil
}

func postgresStore(dsn, schema string) store {
	var opts []postgres.MigrateOption
	if schema != "" {
		opts = append(opts, postgres.WithSchema(schema))
	}
	return store{
		exists: func() error { return nil }, // the server tells
		up:     func(ctx context.Context) error { return postgres.Migrate(ctx, dsn, opts...) },
		down:   func(ctx context.Context) error { return postgres.MigrateDown(ctx, dsn, opts...) },
		status: func(ctx context.Context) ([]migration, error) {
			list, err := postgres.MigrationStatus(ctx, dsn, opts...)
			out := make([]migration, len(list))
			for i, m := range list {
				out[i] = migration{Version: m.Version, Name: m.Name, AppliedAt: m.AppliedAt}
			}
			return out, err
		},
	}
}

func sqliteStore(path string) store {
	return store{
		exists: func() error {
			if _, err := os.Stat(path); err != nil {
				return fmt.Errorf("%w; 'openworkflow migrate up' makes the file", err)
			}
			return nil
		},
		up:   func(ctx context.Context) error { return sqlite.Migrate(ctx, path) },
		down: func(ctx context.Context) error { return sqlite.MigrateDown(ctx, path) },
		status: func(ctx context.Context) ([]migration, error) {
			list, err := sqlite.MigrationStatus(ctx, path)
			out := make([]migration, len(list))
			for i, m := range list {
				out[i] = migration{Version: m.Version, Name: m.Name, AppliedAt: m.AppliedAt}
			}
			return out, err
		},
	}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
