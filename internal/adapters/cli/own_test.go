package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// TestOwnDatabase: a program's own client serves all commands, whatever the environment says.
func TestOwnDatabase(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		b, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "app.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		useOwn(t, b, "SQLite 3.")
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		dsn, schema := postgresURL(t), "cli_"+strings.ToLower(ulid.Make().String())
		t.Cleanup(func() { dropSchema(t, dsn, schema) })
		b, err := postgres.Open(t.Context(), dsn, postgres.WithSchema(schema))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		useOwn(t, b, "schema "+schema)
	})
}

func useOwn(t *testing.T, b openworkflow.Backend, known string) {
	t.Helper()
	s := shell{program: cli.Program{Name: "shop", Client: newClient(t, b)}, vars: map[string]string{"OPENWORKFLOW_URL": "mysql://no", "OPENWORKFLOW_NAMESPACE": "no"}}
	for _, use := range []struct{ line, want string }{
		{"migrate status", "00001_typescript_baseline.sql"},
		{"migrate up", "the database is up to date"},
		{"doctor", known},
		{"runs start a", "Status    pending"},
		{"runs start b -n tenant", "Status    pending"},
		{"stats -n tenant -o json", `"pending": 1`},
		{"runs list --namespace none", "No runs."},
	} {
		if r := s.run(t, strings.Fields(use.line)...); r.status != cli.ExitOK || !strings.Contains(r.stdout, use.want) {
			t.Errorf("%s: %+v", use.line, r)
		}
	}
	if r := s.run(t, "migrate", "down", "--yes"); r.status != cli.ExitOK || !strings.HasPrefix(r.stdout, "taken back ") {
		t.Errorf("%+v", r)
	}
	if r := s.run(t, "migrate", "up", "-o", "json"); r.status != cli.ExitOK || strings.Count(r.stdout, `"version"`) != 1 {
		t.Errorf("%+v", r)
	}
}
