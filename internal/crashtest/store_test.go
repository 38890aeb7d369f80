//go:build unix

package crashtest_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// store is a database that processes share. Its fields travel to the workers.
type store struct {
	Kind   string // postgres or sqlite
	URL    string // of the server; the path of the file
	Schema string
}

// backend is what this test needs of a store's backend beyond the port.
type backend interface {
	openworkflow.Backend
	Close() error
}

func (s store) open(ctx context.Context) (backend, error) {
	if s.Kind == "postgres" {
		return s.openPostgres(ctx)
	}
	return sqlite.Open(ctx, s.URL)
}

func newSQLite(t *testing.T) store {
	t.Helper()
	return store{Kind: "sqlite", URL: filepath.Join(t.TempDir(), "runs.db")}
}
