package pgstore_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/openworkflowdev/openworkflow-go/db/migrations"
	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func migrate(t *testing.T, schema string) {
	t.Helper()
	if err := pgstore.MigrateUp(testContext(t), databaseURL(t), schema); err != nil {
		t.Fatal(err)
	}
}

// applied lists the versions that the database has.
func applied(t *testing.T, schema string) (versions []int64) {
	t.Helper()
	list, err := pgstore.MigrationStatus(testContext(t), databaseURL(t), schema)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if !m.AppliedAt.IsZero() {
			versions = append(versions, m.Version)
		}
	}
	return versions
}

// shape describes the tables of a schema: columns, constraints, indexes.
func shape(t *testing.T, conn *pgx.Conn, schema string) []string {
	t.Helper()
	rows, err := conn.Query(testContext(t), `
		select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
		from information_schema.columns where table_schema = $1 and table_name not like '%goose%'
		union all
		select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
		from pg_constraint where connamespace = (select oid from pg_namespace where nspname = $1) and conrelid::regclass::text not like '%goose%'
		union all
		select indexdef from pg_indexes where schemaname = $1 and tablename not like '%goose%'
		order by 1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = strings.ReplaceAll(strings.ReplaceAll(found[i], `"`+schema+`".`, ""), schema+".", "")
	}
	return found
}

// typescriptMigrations are what the TypeScript package runs, for the schema.
func typescriptMigrations(t *testing.T, schema string) []string {
	t.Helper()
	raw, err := os.ReadFile("testdata/typescript_migrations.sql")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.ReplaceAll(string(raw), `"openworkflow"`, `"`+schema+`"`), "-- ------\n")[1:]
	if len(all) != 6 {
		t.Fatalf("%d TypeScript migrations, want 6", len(all))
	}
	return all
}

func makeByTypeScript(t *testing.T, conn *pgx.Conn, schema string, versions int) {
	t.Helper()
	for _, m := range typescriptMigrations(t, schema)[:versions] {
		execute(t, conn, m)
	}
}

func TestMigrateUpAndDown(t *testing.T) {
	t.Parallel()
	conn, schema := connect(t), newSchema(t)
	if got := applied(t, schema); len(got) != 0 {
		t.Fatalf("a new database has migrations %v", got)
	}
	if scalar[bool](t, conn, `select to_regnamespace($1) is not null`, `"`+schema+`"`) {
		t.Fatal("asking for the status made the schema")
	}
	migrate(t, schema)
	full := shape(t, conn, schema)
	all := applied(t, schema)
	migrate(t, schema)
	if again := shape(t, conn, schema); !slices.Equal(full, again) {
		t.Errorf("migrating again changed the tables")
	}
	for i := len(all) - 1; i >= 0; i-- {
		if err := pgstore.MigrateDown(testContext(t), databaseURL(t), schema); err != nil {
			t.Fatal(err)
		}
		if got := applied(t, schema); !slices.Equal(got, all[:i]) {
			t.Fatalf("after going down: %v, want %v", got, all[:i])
		}
	}
	if left := shape(t, conn, schema); len(left) != 0 {
		t.Errorf("after all the way down there is still %v", left)
	}
	if err := pgstore.MigrateDown(testContext(t), databaseURL(t), schema); err != nil {
		t.Errorf("down once more: %v", err)
	}
	migrate(t, schema)
	if again := shape(t, conn, schema); !slices.Equal(full, again) {
		t.Errorf("down and up changed the tables:\n%v\n%v", full, again)
	}
}

func TestMigrateDownKeepsRuns(t *testing.T) {
	t.Parallel()
	s, schema := open(t)
	if _, err := s.CreateRuns(testContext(t), []domain.NewRun{{ID: "r", WorkflowName: "w"}}); err != nil {
		t.Fatal(err)
	}
	err := pgstore.MigrateDownTo(testContext(t), databaseURL(t), schema, 0)
	if err == nil || !strings.Contains(err.Error(), "there are workflow runs") {
		t.Fatalf("taking back the first migration: %v", err)
	}
	if got := applied(t, schema); !slices.Equal(got, []int64{1}) {
		t.Errorf("left with migrations %v, want the first", got)
	}
	migrate(t, schema)
	if found, err := s.GetRuns(testContext(t), []string{"r"}); err != nil || len(found) != 1 {
		t.Errorf("the run after down and up: %v, %v", found, err)
	}
}

func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() { errs[i] = pgstore.MigrateUp(testContext(t), databaseURL(t), schema) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if n := scalar[int](t, connect(t), `select count(*) from "`+schema+`".openworkflow_goose_migrations where version_id > 0`); n != len(applied(t, schema)) {
		t.Errorf("%d rows of %d migrations", n, len(applied(t, schema)))
	}
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	conn, schema := connect(t), newSchema(t)
	execute(t, conn, `create schema "`+schema+`"`)
	execute(t, conn, `create table "`+schema+`".workflow_signal_buffer (mine int)`) // in the third one's way
	err := pgstore.MigrateUp(testContext(t), databaseURL(t), schema)
	if err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Fatalf("migrating: %v", err)
	}
	if got := applied(t, schema); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("applied %v, want the first two", got)
	}
	execute(t, conn, `drop table "`+schema+`".workflow_signal_buffer`)
	migrate(t, schema)
}

// The first migration makes what TypeScript's make, however far those had come.
func TestBaselineIsTypeScripts(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	theirs := newSchema(t)
	makeByTypeScript(t, conn, theirs, 6)
	want := shape(t, conn, theirs)
	for versions := range 7 {
		schema := newSchema(t)
		makeByTypeScript(t, conn, schema, versions)
		migrate(t, schema)
		if got := scalar[[]int64](t, conn, `select array_agg(version order by version) from "`+schema+`".openworkflow_migrations`); !slices.Equal(got, []int64{0, 1, 2, 3, 4, 5}) {
			t.Errorf("TypeScript reads versions %v", got)
		}
		if err := pgstore.MigrateDownTo(testContext(t), databaseURL(t), schema, 1); err != nil {
			t.Fatal(err)
		}
		if got := shape(t, conn, schema); !slices.Equal(got, want) {
			t.Errorf("from TypeScript's version %d:\n got %s\nwant %s", versions-1, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A run that TypeScript left behind is claimed, with its columns' defaults.
func TestAdoptedRows(t *testing.T) {
	t.Parallel()
	conn, schema := connect(t), newSchema(t)
	makeByTypeScript(t, conn, schema, 6)
	execute(t, conn, `insert into "`+schema+`".workflow_runs (namespace_id, id, workflow_name, status, config, input, attempts, available_at, created_at, updated_at)
		values ('default', gen_random_uuid(), 'w', 'sleeping', '{}', 'null', 3, now(), now(), now()), ('default', gen_random_uuid(), 'w', 'succeeded', '{}', 'null', 1, null, now(), now())`)
	s := openIn(t, schema, "default")
	res, err := s.ClaimRuns(testContext(t), ports.ClaimRequest{WorkerID: "w", Workflows: []domain.WorkflowKey{{Name: "w"}}, Limit: 5, LeaseDuration: time.Minute})
	if err != nil || len(res.Runs) != 1 || res.Runs[0].Attempts != 4 || res.Runs[0].Status != domain.RunRunning || res.Runs[0].Recoveries != 0 {
		t.Errorf("claimed %+v, %v", res.Runs, err)
	}
	counts, err := s.CountRuns(testContext(t))
	if err != nil || counts != (domain.RunCounts{Running: 1, Completed: 1}) {
		t.Errorf("counted %+v, %v", counts, err)
	}
}

// With the real package: each language works on what the other one made.
func TestTypeScriptPackage(t *testing.T) {
	t.Parallel()
	modules := os.Getenv("OPENWORKFLOW_TEST_NODE_MODULES")
	if modules == "" {
		t.Skip("OPENWORKFLOW_TEST_NODE_MODULES is not set: it names a node_modules folder with the npm package openworkflow")
	}
	typescript := func(schema, what string) string {
		out, err := exec.CommandContext(testContext(t), "node", "testdata/typescript.mjs", modules, databaseURL(t), schema, what).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	ours, theirs := newSchema(t), newSchema(t)
	migrate(t, ours)
	typescript(theirs, "make")
	for _, schema := range []string{ours, theirs} {
		s := openIn(t, schema, "default")
		typescript(schema, "make") // on theirs, the second with that key is the first
		run := domain.NewRun{ID: domain.NewID(), WorkflowName: "both", IdempotencyKey: "made by typescript"}
		got, err := s.CreateRuns(testContext(t), []domain.NewRun{run})
		if err != nil || got[0] == run.ID {
			t.Fatalf("the key gives %v, %v", got, err)
		}
		if runs, err := s.GetRuns(testContext(t), got); err != nil || string(runs[0].Input) != `{"by": "typescript"}` {
			t.Fatalf("the key gives %+v, %v", runs, err)
		}
		if id := typescript(schema, "finish"); id != got[0] {
			t.Fatalf("TypeScript finished %s, want %s", id, got[0])
		}
		h, err := s.LoadHistories(testContext(t), ports.HistoryRequest{RunIDs: got})
		if err != nil || len(h.Histories[0].Attempts) != 1 || h.Histories[0].Attempts[0].Status != domain.StepCompleted {
			t.Errorf("history: %+v, %v", h, err)
		}
	}
}

// The files are goose's, for whoever runs goose: in the default schema.
func TestPlainGoose(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	name := "openworkflow_goose_" + strings.ToLower(domain.NewID())
	execute(t, conn, `create database `+name)
	t.Cleanup(func() { _, _ = conn.Exec(context.Background(), `drop database `+name+` with (force)`) })
	cfg, err := pgx.ParseConfig(databaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Database = name
	db := openSQL(t, cfg)
	store, err := database.NewStore(goose.DialectPostgres, "goose_db_version")
	if err != nil {
		t.Fatal(err)
	}
	files := subFS(t, migrations.Postgres, "postgres")
	p, err := goose.NewProvider("", db, files, goose.WithStore(store))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := p.Up(testContext(t)); err != nil {
			t.Fatal(err)
		}
		var runs int
		if err := db.QueryRowContext(testContext(t), `select count(*) from openworkflow.workflow_runs`).Scan(&runs); err != nil {
			t.Fatal(err)
		}
		if _, err := p.DownTo(testContext(t), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// Indexes that somebody renamed or dropped are no reason not to migrate.
func TestMigrateWithoutAnIndex(t *testing.T) {
	t.Parallel()
	for _, change := range []string{
		`drop index %s.workflow_runs_parent_step_idx`,
		`alter index %s.workflow_runs_pkey rename to runs_pk`,
	} {
		schema := newSchema(t)
		migrate(t, schema)
		if err := pgstore.MigrateDown(testContext(t), databaseURL(t), schema); err != nil {
			t.Fatal(err)
		}
		execute(t, connect(t), fmt.Sprintf(change, `"`+schema+`"`))
		if err := pgstore.MigrateUp(testContext(t), databaseURL(t), schema); err != nil {
			t.Errorf("%s: %v", change, err)
		}
	}
}
