package cli

import (
	"context"
	"fmt"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// store is what the migrate commands need of a database.
type store struct {
	up     func(context.Context) error
	down   func(context.Context) error
	status func(context.Context) ([]migration, error)
	// exists fails if there is no database to look at.
	exists func() error
}

// store finds the store that is configured, or the program's own. It connects to nothing.
func (a *app) store() (store, error) {
	if a.prog.Client != nil {
		return a.ownStore()
	}
	t, err := a.target()
	if err != nil {
		return store{}, err
	}
	if t.driver == driverSQLite {
		return a.sqliteStore(t.dsn), nil
	}
	return postgresStore(t), nil
}

// ownStore is that of the program's client.
func (a *app) ownStore() (store, error) {
	switch b := a.prog.Client.Backend().(type) {
	case *postgres.Backend:
		return store{
			exists: func() error { return nil },
			up:     b.Migrate,
			down:   b.MigrateDown,
			status: func(ctx context.Context) ([]migration, error) {
				return postgresMigrations(b.MigrationStatus(ctx))
			},
		}, nil
	case *sqlite.Backend:
		if b.Path() != "" {
			return a.sqliteStore(b.Path()), nil
		}
	}
	return store{}, fmt.Errorf("this program's database, a %T in memory or of another make, has no migrations", a.prog.Client.Backend())
}

func postgresStore(t target) store {
	var opts []postgres.MigrateOption
	if t.schema != "" {
		opts = append(opts, postgres.WithSchema(t.schema))
	}
	return store{
		exists: func() error { return nil }, // the server tells
		up:     func(ctx context.Context) error { return postgres.Migrate(ctx, t.dsn, opts...) },
		down:   func(ctx context.Context) error { return postgres.MigrateDown(ctx, t.dsn, opts...) },
		status: func(ctx context.Context) ([]migration, error) {
			return postgresMigrations(postgres.MigrationStatus(ctx, t.dsn, opts...))
		},
	}
}

func postgresMigrations(list []postgres.Migration, err error) ([]migration, error) {
	out := make([]migration, len(list))
	for i, m := range list {
		out[i] = migration{Version: m.Version, Name: m.Name, AppliedAt: m.AppliedAt}
	}
	return out, err
}

func (a *app) sqliteStore(path string) store {
	return store{
		exists: func() error { return a.fileExists(path) },
		up:     func(ctx context.Context) error { return sqlite.Migrate(ctx, path) },
		down:   func(ctx context.Context) error { return sqlite.MigrateDown(ctx, path) },
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
