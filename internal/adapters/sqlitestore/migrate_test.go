package sqlitestore_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// schemaOf is the schema as SQLite keeps it, without what differs in white space only and without goose's table.
func schemaOf(t *testing.T, path string) []string {
	t.Helper()
	rows, err := handle(t, path).Query("SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE '%goose%' AND name NOT LIKE 'sqlite_sequence'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Join(strings.Fields(s), " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// typescriptFile is a database that the TypeScript package made.
func typescriptFile(t *testing.T) string {
	t.Helper()
	ddl, err := os.ReadFile(filepath.Join("testdata", "typescript.sql"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ts.db")
	exec(t, handle(t, path), string(ddl))
	return path
}

func exec(tb testing.TB, db *sql.DB, query string, args ...any) {
	tb.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

func queryText(tb testing.TB, db *sql.DB, query string, args ...any) string {
	tb.Helper()
	var s sql.NullString
	if err := db.QueryRow(query, args...).Scan(&s); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	if !s.Valid {
		return "NULL"
	}
	return s.String
}

func migrate(t *testing.T, path string) {
	t.Helper()
	if err := sqlitestore.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
}

// migrations is how many there are.
const migrations = 5

func TestBaselineIsTypeScripts(t *testing.T) {
	t.Parallel()
	want := schemaOf(t, typescriptFile(t))
	path := filepath.Join(t.TempDir(), "go.db")
	migrate(t, path)
	for range migrations - 1 {
		if err := sqlitestore.MigrateDown(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	if got := schemaOf(t, path); !slices.Equal(got, want) {
		t.Errorf("the baseline differs from TypeScript's.\ngot  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	if got := queryText(t, handle(t, path), "SELECT group_concat(version) FROM openworkflow_migrations"); got != "0,1,2,3,4,5" {
		t.Errorf("openworkflow_migrations holds %s", got)
	}
}

func TestTypeScriptDatabaseIsAdopted(t *testing.T) {
	t.Parallel()
	path := typescriptFile(t)
	db := handle(t, path)
	const at = "2026-01-02T03:04:05.006Z"
	exec(t, db, `INSERT INTO workflow_runs (namespace_id, id, workflow_name, version, status, idempotency_key, config, input, error, attempts, worker_id, available_at, created_at, updated_at) VALUES
		('default', 'parked', 'w', NULL, 'sleeping', 'k', '{}', '{"a":1}', NULL, 3, NULL, ?1, ?1, ?1),
		('default', 'done', 'w', 'v2', 'succeeded', NULL, '{}', NULL, NULL, 1, 'x', NULL, ?1, ?1),
		('default', 'failed', 'w', NULL, 'failed', NULL, '{}', NULL, '{"message":"Workflow run deadline exceeded"}', 1, NULL, NULL, ?1, ?1)`, at)
	exec(t, db, `INSERT INTO step_attempts (namespace_id, id, workflow_run_id, step_name, kind, status, config, output, created_at, updated_at) VALUES
		('default', 'a1', 'parked', 's', 'function', 'succeeded', '{}', '[1]', ?1, ?1)`, at)
	fresh := filepath.Join(t.TempDir(), "fresh.db")
	migrate(t, fresh)
	s := openAt(t, path, sqlitestore.Options{})
	if got, want := schemaOf(t, path), schemaOf(t, fresh); !slices.Equal(got, want) {
		t.Errorf("the adopted schema differs from a new one.\ngot  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	res, err := s.ClaimRuns(t.Context(), ports.ClaimRequest{WorkerID: "go", Workflows: []domain.WorkflowKey{{Name: "w"}}, Limit: 9, LeaseDuration: hour})
	if err != nil || len(res.Runs) != 1 || res.Runs[0].ID != "parked" || res.Runs[0].Attempts != 4 || res.Runs[0].Status != domain.RunRunning {
		t.Errorf("claimed %+v, %v; want the parked run at epoch 4", res.Runs, err)
	}
	h, err := s.LoadHistories(t.Context(), ports.HistoryRequest{RunIDs: []string{"parked"}})
	if err != nil || len(h.Histories) != 1 || len(h.Histories[0].Attempts) != 1 || h.Histories[0].Attempts[0].Status != domain.StepCompleted {
		t.Errorf("history %+v, %v", h, err)
	}
	runs, err := s.GetRuns(t.Context(), []string{"done", "failed"})
	if err != nil || len(runs) != 2 {
		t.Fatalf("got %+v, %v", runs, err)
	}
	for _, r := range runs {
		switch {
		case r.ID == "done" && (r.Status != domain.RunCompleted || string(r.Output) != "null" || r.Version != "v2"):
			t.Errorf("read %+v", r)
		case r.ID == "failed" && (r.Error == nil || !errors.Is(domain.SentinelOf(r.Error.Code), domain.ErrDeadlineExceeded)):
			t.Errorf("read %+v", r)
		}
	}
	again, err := s.CreateRuns(t.Context(), []domain.NewRun{{ID: "x", WorkflowName: "w", IdempotencyKey: "k", IdempotencyWindow: 100 * 365 * 24 * hour}})
	if err != nil || again[0] != "parked" {
		t.Errorf("the key of a TypeScript run gave %+v, %v", again, err)
	}
}

// TypeScript's own statements keep working on the migrated tables, and its claim has an index.
func TestTypeScriptWritesAfterMigration(t *testing.T) {
	t.Parallel()
	path := typescriptFile(t)
	migrate(t, path)
	db := handle(t, path)
	const at = "2026-01-02T03:04:05.006Z"
	exec(t, db, `INSERT INTO "workflow_runs" ("namespace_id", "id", "workflow_name", "version", "status", "idempotency_key", "config", "context", "input", "attempts", "parent_step_attempt_namespace_id", "parent_step_attempt_id", "available_at", "deadline_at", "created_at", "updated_at")
		VALUES ('default', 'r', 'w', NULL, 'pending', NULL, '{}', NULL, NULL, 0, NULL, NULL, ?1, NULL, ?1, ?1)`, at)
	plan := planOf(t, db, `SELECT "id" FROM "workflow_runs" WHERE "namespace_id" = ? AND "status" IN ('pending', 'running', 'sleeping') AND "available_at" <= ? AND ("deadline_at" IS NULL OR "deadline_at" > ?) ORDER BY CASE WHEN "status" = 'pending' THEN 0 ELSE 1 END, "available_at", "created_at" LIMIT 1`, "default", at, at)
	if !strings.Contains(plan, "workflow_runs_due_idx (namespace_id=? AND available_at<?)") {
		t.Errorf("TypeScript's claim goes by %s", plan)
	}
	exec(t, db, `INSERT INTO "step_attempts" ("namespace_id", "id", "workflow_run_id", "step_name", "kind", "status", "config", "context", "started_at", "created_at", "updated_at")
		VALUES ('default', 'a', 'r', 's', 'signal-wait', 'running', '{}', '{"kind":"signal-wait","signal":"go","timeoutAt":"2027-01-02T03:04:05.006Z"}', ?1, ?1, ?1)`, at)
	s := openAt(t, path, sqlitestore.Options{WithoutMigrations: true})
	sent, err := s.SendSignals(t.Context(), []domain.Signal{{ID: "i", Name: "go", Key: "k"}})
	if err != nil || !slices.Equal(sent[0].RunIDs, []string{"r"}) {
		t.Errorf("a signal for TypeScript's wait: %+v, %v", sent, err)
	}
}

func planOf(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var id, parent, notUsed int
		var line string
		if err := rows.Scan(&id, &parent, &notUsed, &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "; ")
}

func TestMigrationsRunOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.db")
	migrate(t, path)
	before := schemaOf(t, path)
	migrate(t, path)
	if got := schemaOf(t, path); !slices.Equal(got, before) {
		t.Errorf("a second run changed the schema")
	}
}

func TestConcurrentMigrators(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
			if err != nil {
				t.Errorf("a migrator among others: %v", err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := queryText(t, handle(t, path), "SELECT group_concat(version_id) FROM (SELECT version_id FROM openworkflow_goose_migrations ORDER BY id)")
	if got != "0,1,2,3,4,5" {
		t.Errorf("goose recorded %s", got)
	}
}

func TestMigrationStatusAndDown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.db")
	applied := func() (n int) {
		list, err := sqlitestore.MigrationStatus(t.Context(), path)
		if err != nil || len(list) != migrations {
			t.Fatalf("status %+v, %v", list, err)
		}
		for i, m := range list {
			if m.Version != int64(i+1) || m.Applied == m.AppliedAt.IsZero() || m.Name == "" {
				t.Errorf("migration %+v", m)
			}
			if m.Applied {
				n++
			}
		}
		return n
	}
	if n := applied(); n != 0 {
		t.Errorf("%d migrations of a new file are applied", n)
	}
	migrate(t, path)
	for want := migrations; want > 0; want-- {
		if n := applied(); n != want {
			t.Errorf("%d are applied, want %d", n, want)
		}
		if err := sqlitestore.MigrateDown(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	if got := schemaOf(t, path); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	if err := sqlitestore.MigrateDown(t.Context(), path); err != nil {
		t.Errorf("down where nothing is left: %v", err)
	}
	migrate(t, path)
	openAt(t, path, sqlitestore.Options{WithoutMigrations: true})
}

func TestFailingMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.db")
	db := handle(t, path)
	exec(t, db, "CREATE TABLE workflow_signal_buffer (other INTEGER)") // in the way of 00003
	if err := sqlitestore.Migrate(t.Context(), path); err == nil || !strings.Contains(err.Error(), "workflow_signal_buffer") {
		t.Fatalf("got %v", err)
	}
	exec(t, db, "DROP TABLE workflow_signal_buffer")
	if got := queryText(t, db, "SELECT max(version_id) FROM openworkflow_goose_migrations"); got != "2" {
		t.Errorf("recorded up to %s, want 2: those before the failing one", got)
	}
	migrate(t, path)
	openAt(t, path, sqlitestore.Options{WithoutMigrations: true})
}

func TestNotMigrated(t *testing.T) {
	t.Parallel()
	path := typescriptFile(t)
	if _, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{WithoutMigrations: true}); !errors.Is(err, ports.ErrNotMigrated) {
		t.Errorf("got %v", err)
	}
	s := open(t, "down.db", sqlitestore.Options{})
	db := handle(t, filepath.Join(t.TempDir(), "empty.db"))
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := s.WithTx(tx).CreateRuns(t.Context(), []domain.NewRun{{ID: "r", WorkflowName: "w"}}); !errors.Is(err, ports.ErrNotMigrated) {
		t.Errorf("in a transaction on another database: %v", err)
	}
}
