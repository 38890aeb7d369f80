package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// withClient opens the database, does, and closes it. It migrates nothing: looking at a database must not
// change it.
func (a *app) withClient(ctx context.Context, do func(*openworkflow.Client) error, opts ...openworkflow.ClientOption) (err error) {
	if a.prog.Client != nil {
		ow, err := a.namespaced(a.prog.Client)
		if err != nil {
			return err
		}
		return do(ow)
	}
	t, err := a.target()
	if err != nil {
		return err
	}
	b, err := a.openBackend(ctx, t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	ow, err := openworkflow.New(b, append(opts, a.prog.ClientOptions...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ow.Close()) }()
	return do(ow)
}

type closableBackend interface {
	openworkflow.Backend
	Close() error
}

func (a *app) openBackend(ctx context.Context, t target) (closableBackend, error) {
	namespace := a.cfg.Namespace.Text
	if t.driver == driverSQLite {
		if err := a.fileExists(t.dsn); err != nil {
			return nil, err
		}
		opts := []sqlite.Option{sqlite.WithoutMigrations()}
		if namespace != "" {
			opts = append(opts, sqlite.WithNamespace(namespace))
		}
		return sqlite.Open(ctx, t.dsn, opts...)
	}
	opts := []postgres.Option{postgres.WithoutMigrations()}
	if t.schema != "" {
		opts = append(opts, postgres.WithSchema(t.schema))
	}
	if namespace != "" {
		opts = append(opts, postgres.WithNamespace(namespace))
	}
	return postgres.Open(ctx, t.dsn, opts...)
}

// fileExists fails if there is no file to look at. A file of SQLite comes into being by being opened, which a
// mistyped path must not do.
func (a *app) fileExists(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s; '%s migrate up' makes it", a.shown(path), a.prog.Name)
	} else if err != nil {
		return err
	}
	return nil
}

// namespaced is the program's client, in the namespace that is asked for.
func (a *app) namespaced(ow *openworkflow.Client) (*openworkflow.Client, error) {
	namespace := a.cfg.Namespace.Text
	if namespace == "" || namespace == ow.Backend().Namespace() {
		return ow, nil
	}
	switch b := ow.Backend().(type) {
	case *postgres.Backend:
		return ow.WithBackend(b.WithNamespace(namespace)), nil
	case *sqlite.Backend:
		return ow.WithBackend(b.WithNamespace(namespace)), nil
	case *memory.Backend:
		return ow.WithBackend(b.WithNamespace(namespace)), nil
	}
	return nil, usagef("--namespace: this program's backend, a %T, has one namespace, %q", ow.Backend(), ow.Backend().Namespace())
}
