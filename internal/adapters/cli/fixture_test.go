package cli_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/oklog/ulid/v2"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/config"
)

// row is what is inserted: columns and values. Durations are times before (or, negative, after) the fixture's.
type row map[string]any

// The fixture's runs: one of each kind that looks different.
const (
	runGreeted  = "01KAA0000000000000000GREET"
	runDeclined = "01KAA00000000000000DEC11NE"
	runParked   = "01KAA000000000000000PARKED"
	runHeld     = "01KAA0000000000000000HE1D0"
	runOrphan   = "01KAA00000000000000ORPHAN0"
	runLater    = "01KAA0000000000000001ATER0"
	runCanceled = "01KAA0000000000000CANCE1ED"
	runHostile  = "01KAA00000000000000H0ST11E"
	runChild    = "01KAA00000000000000000CH1D"
	attemptKid  = "01KAA000000000000000ATTK1D"
	workerOne   = "01KAA0000000000000W0RKER01"
)

const hostile = "evil\x1b[31m\u202edrow\u009b2J"

// The runs are listed newest first: as lists show them.
var fixtureRuns = []row{
	{"id": runHeld, "workflow_name": "import", "status": "running", "attempts": 3, "recoveries": 1, "worker_id": workerOne,
		"input": `{"file":"orders.csv"}`, "available_at": -20 * time.Second, "started_at": 75 * time.Second, "created_at": 80 * time.Second},
	{"id": runOrphan, "workflow_name": "report", "version": "2026-10", "status": "pending", "attempts": 0,
		"available_at": 90 * time.Second, "created_at": 90 * time.Second},
	{"id": runLater, "workflow_name": "greet", "status": "pending", "attempts": 1, "failures": 1, "input": `{"name":"Bob"}`,
		"error": `{"name":"Error","message":"the printer is on fire"}`, "available_at": -5 * time.Minute, "started_at": 2 * time.Minute, "created_at": 3 * time.Minute},
	{"id": runChild, "workflow_name": "invoice", "status": "running", "attempts": 1, "worker_id": workerOne, "parent_step_attempt_namespace_id": "default",
		"parent_step_attempt_id": attemptKid, "input": "null", "available_at": 10 * time.Second, "started_at": 9 * time.Minute, "created_at": 9 * time.Minute},
	{"id": runParked, "workflow_name": "order", "version": "v2", "status": "running", "attempts": 4, "idempotency_key": "order-7", "input": `{"id":7}`,
		"available_at": -3 * time.Hour, "deadline_at": -24 * time.Hour, "started_at": 10 * time.Minute, "created_at": 10 * time.Minute},
	{"id": runDeclined, "workflow_name": "order", "version": "v2", "status": "failed", "attempts": 1, "input": `{"id":6}`,
		"error":      `{"name":"StepError","message":"step \"charge-card\" failed after 3 attempts: the bank says no\nand no again","code":"card-declined","stack":"at charge.go:12\nat main.go:1"}`,
		"started_at": 59 * time.Minute, "finished_at": 58 * time.Minute, "created_at": 60 * time.Minute},
	{"id": runCanceled, "workflow_name": "import", "status": "canceled", "attempts": 0, "finished_at": 2 * time.Hour, "created_at": 3 * time.Hour},
	{"id": runHostile, "workflow_name": hostile, "status": "failed", "attempts": 1, "input": `"` + "\u202e" + `"`,
		"error":      `{"name":"Error","message":"\u001b]0;owned\u0007"}`,
		"started_at": 4 * time.Hour, "finished_at": 4 * time.Hour, "created_at": 4 * time.Hour},
	{"id": runGreeted, "workflow_name": "greet", "status": "completed", "attempts": 2, "input": `{"name":"Ann"}`, "output": `{"greeting":"Hello, Ann!"}`,
		"config": `{"rerunOf":"01KAA00000000000000000F1RST","fromStep":"deliver"}`, "worker_id": workerOne,
		"started_at": 26*time.Hour - time.Second, "finished_at": 26*time.Hour - 3*time.Second, "created_at": 26 * time.Hour},
}

func attempt(id, run, name, kind, status string, began, ended time.Duration, more row) row {
	r := row{"id": id, "workflow_run_id": run, "step_name": name, "kind": kind, "status": status, "created_at": began, "started_at": began}
	if status != "running" {
		r["finished_at"] = ended
	}
	for k, v := range more {
		r[k] = v
	}
	return r
}

var fixtureAttempts = []row{
	attempt("a1", runGreeted, "compose", "function", "completed", 26*time.Hour-time.Second, 26*time.Hour-1500*time.Millisecond, row{"output": `"Hello, Ann!"`}),
	attempt("a2", runGreeted, "take-a-breath", "sleep", "completed", 26*time.Hour-1500*time.Millisecond, 26*time.Hour-2900*time.Millisecond, nil),
	attempt("a3", runGreeted, "deliver", "function", "completed", 26*time.Hour-2900*time.Millisecond, 26*time.Hour-3*time.Second, nil),
	attempt("b1", runDeclined, "charge-card", "function", "failed", 59*time.Minute, 59*time.Minute-time.Second,
		row{"error": `{"name":"Error","message":"the bank does not answer"}`, "retry_at": 59*time.Minute - 2*time.Second}),
	attempt("b2", runDeclined, "charge-card", "function", "failed", 58*time.Minute+time.Second, 58*time.Minute,
		row{"error": `{"name":"BankError","message":"the bank says no\nand no again","code":"card-declined"}`, "final": true}),
	attempt("c1", runParked, "reserve", "function", "completed", 10*time.Minute, 10*time.Minute-350*time.Millisecond, nil),
	attempt("c2", runParked, "pack", "function", "failed", 9*time.Minute+30*time.Second, 9*time.Minute,
		row{"error": `{"name":"Error","message":"no box fits"}`, "retry_at": -30 * time.Second}),
	attempt("c3", runParked, "cool-off", "sleep", "running", 9*time.Minute, 0, row{"context": `{"kind":"sleep","resumeAt":"{3h}"}`}),
	attempt("c4", runParked, "approval", "signal-wait", "running", 9*time.Minute-time.Millisecond, 0,
		row{"context": `{"kind":"signal-wait","signal":"order-approved","timeoutAt":"{24h}"}`}),
	attempt(attemptKid, runParked, "invoice", "workflow", "running", 9*time.Minute-2*time.Millisecond, 0,
		row{"context": `{"kind":"workflow","timeoutAt":"{24h}"}`, "child_workflow_run_namespace_id": "default", "child_workflow_run_id": runChild}),
	attempt("h1", runHostile, hostile, "function", "failed", 4*time.Hour, 4*time.Hour, row{"error": `{"message":"\u001b[2J"}`, "final": true}),
	attempt("k1", runHeld, "read-file", "function", "running", 70*time.Second, 0, nil),
}

var fixtureWorkers = []row{{"id": workerOne, "host": "app-7", "pid": 4711, "language": "go", "concurrency": 10,
	"workflows":  `[{"name":"greet"},{"name":"import"},{"name":"invoice"},{"name":"order","version":"v2"}]`,
	"started_at": 3 * time.Hour, "seen_at": 12 * time.Second}}

// insert writes the statement that inserts a row.
func insert(table string, r row, base time.Time, defaults row) string {
	var columns, values []string
	all := row{"namespace_id": "default"}
	for k, v := range defaults {
		all[k] = v
	}
	for k, v := range r {
		all[k] = v
	}
	for column, value := range all {
		columns = append(columns, column)
		values = append(values, literal(value, base))
	}
	return "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")"
}

func literal(value any, base time.Time) string {
	switch v := value.(type) {
	case time.Duration:
		return "'" + stored(base.Add(-v)) + "'"
	case string:
		v = strings.NewReplacer("{3h}", stored(base.Add(3*time.Hour)), "{24h}", stored(base.Add(24*time.Hour)), "'", "''").Replace(v)
		return "'" + v + "'"
	}
	return fmt.Sprint(value)
}

func stored(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// fixture is a database with runs of all kinds, and a clock that stands still.
type fixture struct {
	name string // of the backend
	shell
	exec func(string)
}

func (f *fixture) fill(base time.Time, prefix string) {
	// Parents and children refer to each other: the references come last.
	for _, r := range fixtureRuns {
		bare := row{}
		for k, v := range r {
			if !strings.HasPrefix(k, "parent_") {
				bare[k] = v
			}
		}
		f.exec(insert(prefix+"workflow_runs", bare, base, row{"config": "{}", "input": "null", "updated_at": time.Duration(0)}))
	}
	for _, r := range fixtureAttempts {
		f.exec(insert(prefix+"step_attempts", r, base, row{"config": "{}", "updated_at": time.Duration(0)}))
	}
	f.exec("UPDATE " + prefix + "workflow_runs SET parent_step_attempt_namespace_id = 'default', parent_step_attempt_id = '" + attemptKid + "' WHERE id = '" + runChild + "'")
	for _, r := range fixtureWorkers {
		f.exec(insert(prefix+"workflow_workers", r, base, nil))
	}
}

// onSQLiteAndPostgres runs a test on a fixture of each; they must look the same. Postgres is left out where
// there is no server.
func onSQLiteAndPostgres(t *testing.T, test func(*testing.T, *fixture)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqliteFixture(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, postgresFixture(t))
	})
}

func sqliteFixture(t *testing.T) *fixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	base := time.Now().UTC().Truncate(time.Second)
	f := &fixture{name: "sqlite", shell: shell{vars: map[string]string{config.EnvURL: "sqlite:" + path}, now: func() time.Time { return base }}}
	expect(t, f.vars, "migrate", "up")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	f.exec = func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v in %s", err, statement)
		}
	}
	f.fill(base, "")
	return f
}

func postgresFixture(t *testing.T) *fixture {
	t.Helper()
	dsn := postgresURL(t)
	schema := "cli_" + strings.ToLower(ulid.Make().String())
	t.Cleanup(func() { dropSchema(t, dsn, schema) })
	base := time.Now().UTC().Truncate(time.Second)
	f := &fixture{name: "postgres", shell: shell{
		vars: map[string]string{config.EnvURL: dsn, config.EnvSchema: schema}, now: func() time.Time { return base },
	}}
	expect(t, f.vars, "migrate", "up")
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	f.exec = func(statement string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%v in %s", err, statement)
		}
	}
	f.fill(base, schema+".")
	return f
}
