package docs_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

const urlVariable = "OPENWORKFLOW_TEST_POSTGRES_URL"

// TestSQL does what docs/production.md tells operators to: a migrator makes the tables, a role with the grants
// of the guide runs a service, and the deletion takes old runs with all that belongs to them, and no others.
func TestSQL(t *testing.T) {
	t.Parallel()
	address := os.Getenv(urlVariable)
	if address == "" {
		t.Skip(urlVariable + " is not set: scripts/with-postgres.sh sets it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	name := fmt.Sprintf("docs_%d", time.Now().UnixNano())
	execute := func(sql string) {
		t.Helper()
		if _, err := admin.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if err := postgres.Migrate(ctx, address, postgres.WithSchema(name)); err != nil {
		t.Fatal(err)
	}
	execute("CREATE ROLE " + name + " LOGIN PASSWORD 'secret'")
	defer execute("DROP SCHEMA " + name + " CASCADE; DROP OWNED BY " + name + "; DROP ROLE " + name)

	blocks := sqlOf(t, name)
	if len(blocks) != 2 {
		t.Fatalf("the guide has %d blocks of SQL, this test is about 2", len(blocks))
	}
	execute(strings.ReplaceAll(blocks[0], "TO service", "TO "+name))
	serve(ctx, t, as(t, address, name), name)

	count := func(table string) (n int) {
		t.Helper()
		if err := admin.QueryRow(ctx, "SELECT count(*) FROM "+name+"."+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	execute(blocks[1])
	if n := count("workflow_runs"); n != 3 {
		t.Fatalf("%d runs are left when none is old, want 3", n)
	}
	execute("UPDATE " + name + ".workflow_runs SET finished_at = now() - interval '31 days' WHERE workflow_name <> 'waits'")
	execute(blocks[1])
	if runs, steps, signals := count("workflow_runs"), count("step_attempts"), count("workflow_signals"); runs != 1 || steps != 1 || signals != 0 {
		t.Errorf("%d runs, %d steps and %d signals are left; want 1, 1 and 0", runs, steps, signals)
	}
}

// sqlOf returns the guide's SQL for another schema.
func sqlOf(t *testing.T, schema string) []string {
	t.Helper()
	text, err := os.ReadFile("production.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks, _ := split(string(text), "sql")
	for i, sql := range blocks {
		sql = strings.ReplaceAll(sql, "SCHEMA openworkflow", "SCHEMA "+schema)
		blocks[i] = strings.ReplaceAll(sql, "openworkflow.", schema+".")
	}
	return blocks
}

// as is the address for another role.
func as(t *testing.T, address, role string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "secret")
	return u.String()
}

// serve runs a workflow with a child, a signal and a step to its end, and leaves one that waits.
func serve(ctx context.Context, t *testing.T, address, schema string) {
	t.Helper()
	db, err := postgres.Open(ctx, address, postgres.WithSchema(schema), postgres.WithoutMigrations())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ow, err := openworkflow.New(db)
	if err != nil {
		t.Fatal(err)
	}
	defer ow.Close()
	child := openworkflow.Define("child", func(ctx openworkflow.Context, in int) (int, error) {
		return step.Run(ctx, "add", func(context.Context) (int, error) { return in + 1, nil })
	})
	parent := openworkflow.Define("parent", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
		n, _, err := step.WaitForSignal[int](ctx, "go")
		if err != nil {
			return 0, err
		}
		return step.RunWorkflow(ctx, child, n)
	})
	waits := openworkflow.Define("waits", func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		return nil, step.Sleep(ctx, "sleep", time.Hour)
	})
	worker, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(child, parent, waits)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := waits.Run(ctx, ow, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := worker.Tick(ctx); err != nil { // the one that waits has begun
		t.Fatal(err)
	}
	h, err := parent.Run(ctx, ow, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.Signal(ctx, "go", 41); err != nil {
		t.Fatal(err)
	}
	if n, err := h.Result(ctx); err != nil || n != 42 {
		t.Errorf("the result is %d, %v", n, err)
	}
	if err := worker.Stop(ctx); err != nil {
		t.Error(err)
	}
}
