package cli_test

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/oklog/ulid/v2"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/config"
)

type listed struct {
	Version   int64   `json:"version"`
	Name      string  `json:"name"`
	Applied   bool    `json:"applied"`
	AppliedAt *string `json:"appliedAt"`
}

func listMigrations(t *testing.T, vars map[string]string, args ...string) []listed {
	t.Helper()
	r := run(t, vars, append([]string{"migrate", "status", "--output", "json"}, args...)...)
	if r.status != cli.ExitOK {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	var list []listed
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	return list
}

func countApplied(list []listed) int {
	n := 0
	for _, m := range list {
		if m.Applied != (m.AppliedAt != nil) {
			return -1
		}
		if m.Applied {
			n++
		}
	}
	return n
}

// expect runs a command that must succeed and returns what it printed.
func expect(t *testing.T, vars map[string]string, args ...string) string {
	t.Helper()
	r := run(t, vars, args...)
	if r.status != cli.ExitOK || r.stderr != "" {
		t.Fatalf("%v: status %d, stderr %q", args, r.status, r.stderr)
	}
	return r.stdout
}

func TestMigrateSQLite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	vars := map[string]string{config.EnvURL: "sqlite:" + path, config.EnvSchema: "ignored"}

	golden(t, "sqlite_up", expect(t, vars, "migrate", "up"))
	golden(t, "sqlite_up_again", expect(t, vars, "migrate", "up"))
	golden(t, "sqlite_status", expect(t, vars, "migrate", "status"))
	golden(t, "sqlite_status_json", expect(t, vars, "migrate", "status", "--output", "json"))
	golden(t, "sqlite_down", expect(t, vars, "migrate", "down", "--yes"))
	golden(t, "sqlite_status_down", expect(t, vars, "migrate", "status"))
	golden(t, "sqlite_up_json", expect(t, vars, "migrate", "up", "--output", "json"))
	golden(t, "sqlite_up_again_json", expect(t, vars, "migrate", "up", "--output", "json"))
	for range listMigrations(t, vars) {
		expect(t, vars, "migrate", "down", "--yes")
	}
	golden(t, "sqlite_down_end", expect(t, vars, "migrate", "down", "--yes"))
	golden(t, "sqlite_status_end", expect(t, vars, "migrate", "status"))
}

func TestSQLiteURLForms(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"sqlite:%", "sqlite://%", "%", "SQLITE:%"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "app.db")
			given := strings.ReplaceAll(form, "%", path)
			expect(t, nil, "migrate", "up", "--url", given)
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s did not make the file: %v", given, err)
			}
		})
	}
}

func TestMigrateSQLiteFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "no", "such", "folder", "app.db")
	r := run(t, nil, "migrate", "up", "--url", "sqlite:"+path)
	if r.status != cli.ExitFailed || !strings.HasPrefix(r.stderr, "openworkflow: ") || r.stdout != "" {
		t.Errorf("%+v", r)
	}
}

// TestSQLiteMissingFile: only up makes a database.
func TestSQLiteMissingFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "typo.db")
	for _, verb := range []string{"status", "down"} {
		r := run(t, nil, "migrate", verb, "--url", path)
		if r.status != cli.ExitFailed || !strings.Contains(r.stderr, "migrate up") {
			t.Errorf("%s: %+v", verb, r)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s made the file", verb)
		}
	}
}

func TestMigratePostgres(t *testing.T) {
	t.Parallel()
	dsn := postgresURL(t)
	schema := "cli_" + strings.ToLower(ulid.Make().String())
	t.Cleanup(func() { dropSchema(t, dsn, schema) })
	vars := map[string]string{config.EnvURL: dsn, config.EnvSchema: schema}

	before := listMigrations(t, vars)
	if len(before) == 0 || countApplied(before) != 0 {
		t.Fatalf("a new schema has %+v", before)
	}
	out := expect(t, vars, "migrate", "up")
	if strings.Count(out, "applied ") != len(before) {
		t.Errorf("up printed %q", out)
	}
	if n := countApplied(listMigrations(t, nil, "--url", dsn, "--schema", schema)); n != len(before) {
		t.Errorf("%d of %d are applied", n, len(before))
	}
	if out := expect(t, vars, "migrate", "up"); out != "the database is up to date\n" {
		t.Errorf("up again printed %q", out)
	}
	last := before[len(before)-1]
	if out := expect(t, vars, "migrate", "down", "--yes"); !strings.HasPrefix(out, "taken back ") || !strings.Contains(out, last.Name) {
		t.Errorf("down printed %q", out)
	}
	if n := countApplied(listMigrations(t, vars)); n != len(before)-1 {
		t.Errorf("%d of %d are applied after down", n, len(before))
	}
	expect(t, vars, "migrate", "up")
}

func TestMigratePostgresBadSchema(t *testing.T) {
	t.Parallel()
	dsn := postgresURL(t)
	r := run(t, nil, "migrate", "up", "--url", dsn, "--schema", `a"; DROP SCHEMA public; --`)
	if r.status != cli.ExitFailed || r.stdout != "" || !strings.HasPrefix(r.stderr, "openworkflow: invalid schema") {
		t.Errorf("%+v", r)
	}
}

// TestPasswordsStaySecret: nothing listens on port 1, so every command fails, in the driver's words.
func TestPasswordsStaySecret(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-hunter22"
	for _, dsn := range []string{
		"postgres://app:" + secret + "@127.0.0.1:1/db?connect_timeout=2",
		"postgresql://app@127.0.0.1:1/db?connect_timeout=2&password=" + secret,
		"postgres://app:" + secret + "@127.0.0.1:1/db?sslmode=nonsense",
		"postgres://app:" + secret + "@127.0.0.1:notaport/db",
	} {
		for _, command := range []string{"migrate up", "migrate down --yes", "migrate status", "runs list", "doctor", "stats"} {
			r := run(t, nil, append(strings.Fields(command), "--url", dsn)...)
			if r.status == cli.ExitOK || r.stderr+r.stdout == "" {
				t.Errorf("%s %s: %+v", command, dsn, r)
			}
			if strings.Contains(r.stdout+r.stderr, secret) {
				t.Errorf("%s prints the password: %s", command, r.stdout+r.stderr)
			}
		}
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	dsn := postgresURL(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "wr0ng-hunter22"
	u.User = url.UserPassword("openworkflow_nobody", secret)
	r := run(t, nil, "migrate", "up", "--url", u.String())
	if r.status != cli.ExitFailed || !strings.Contains(r.stderr, "openworkflow_nobody") || strings.Contains(r.stderr, secret) {
		t.Errorf("%+v", r)
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "app.db")
	r := shell{}.runContext(ctx, t, "migrate", "up", "--url", path)
	if r.status != cli.ExitInterrupted || r.stderr != "openworkflow: interrupted\n" {
		t.Errorf("%+v", r)
	}
}

func postgresURL(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("OPENWORKFLOW_TEST_POSTGRES_URL")
	if dsn == "" {
		t.Skip("OPENWORKFLOW_TEST_POSTGRES_URL is not set: scripts/with-postgres.sh sets it")
	}
	return dsn
}

func dropSchema(t *testing.T, dsn, schema string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{schema}.Sanitize()+" CASCADE"); err != nil {
		t.Error(err)
	}
}
