package interop_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
)

// effect is one execution of a step function.
type effect struct{ run, at, by string }

// world is a database of the test's own, and what happened around it.
type world struct {
	t       *testing.T
	url     string
	schema  string
	modules string

	mu      sync.Mutex
	effects []effect
	gates   []string
	logged  []string
}

// sides are the two languages.
var sides = []string{"go", "ts"}

func other(lang string) string {
	if lang == "go" {
		return "ts"
	}
	return "go"
}

// worlds runs the test in a database that each language has made.
func worlds(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for _, maker := range sides {
		t.Run("made by "+maker, func(t *testing.T) {
			t.Parallel()
			test(t, adoptedWorld(t, maker))
		})
	}
}

// directions runs the test from each language to the other, in a database that each has made.
func directions(t *testing.T, test func(t *testing.T, w *world, from, to string)) {
	t.Helper()
	t.Parallel()
	for _, maker := range sides {
		for _, from := range sides {
			t.Run(fmt.Sprintf("made by %s from %s to %s", maker, from, other(from)), func(t *testing.T) {
				t.Parallel()
				test(t, adoptedWorld(t, maker), from, other(from))
			})
		}
	}
}

var schemas struct {
	sync.Mutex
	last int
}

func newWorld(t *testing.T, maker string) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	url := os.Getenv("OPENWORKFLOW_TEST_POSTGRES_URL")
	if url == "" {
		t.Skip("OPENWORKFLOW_TEST_POSTGRES_URL is not set: scripts/with-postgres.sh sets it")
	}
	modules, err := installed()
	if err != nil {
		t.Skipf("no TypeScript OpenWorkflow to test with: %v", err)
	}
	schemas.Lock()
	schemas.last++
	schema := fmt.Sprintf("interop_%d_%d", os.Getpid(), schemas.last)
	schemas.Unlock()
	w := &world{t: t, url: url, schema: schema, modules: modules}
	t.Cleanup(func() { w.exec(`DROP SCHEMA IF EXISTS ` + schema + ` CASCADE`) })
	t.Cleanup(func() {
		if t.Failed() {
			w.describe()
		}
	})
	if maker == "ts" {
		w.ts(t).kill()
	} else {
		w.golang(t)
	}
	return w
}

// adoptedWorld is a world whose database has been migrated by Go before anybody works on it, whoever made it: a
// migration under a running TypeScript process has its driver write strings (docs/production.md).
func adoptedWorld(t *testing.T, maker string) *world {
	t.Helper()
	w := newWorld(t, maker)
	if err := postgres.Migrate(testContext(t), w.url, postgres.WithSchema(w.schema)); err != nil {
		t.Fatal(err)
	}
	return w
}

// exec runs a statement of the test's own.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	w.query(func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	})
}

func (w *world) query(do func(ctx context.Context, conn *pgx.Conn) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, w.url)
	if err != nil {
		w.t.Errorf("connecting: %v", err)
		return
	}
	defer conn.Close(ctx)
	if err := do(ctx, conn); err != nil {
		w.t.Errorf("a statement of the test: %v", err)
	}
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	w.query(func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, strings.ReplaceAll(sql, "{}", w.schema), args...).Scan(&n)
	})
	return n
}

// expireLease does what time does to the lease of a worker that died.
func (w *world) expireLease(run string) {
	w.t.Helper()
	w.exec(`UPDATE `+w.schema+`.workflow_runs SET available_at = now() WHERE id = $1 AND worker_id IS NOT NULL`, run)
}

func (w *world) note(e effect) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects = append(w.effects, e)
}

func (w *world) atGate(at string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gates = append(w.gates, at)
}

func (w *world) log(words string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logged = append(w.logged, words)
}

// executions lists the languages that executed a step's function, in order.
func (w *world) executions(run, at string) (by []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.effects {
		if e.run == run && e.at == at {
			by = append(by, e.by)
		}
	}
	return by
}

// wantExecutions says which languages must have executed the function of a step.
func (w *world) wantExecutions(t *testing.T, run, at string, want ...string) {
	t.Helper()
	if got := w.executions(run, at); !slices.Equal(got, want) {
		t.Errorf("step %s was executed by %v, want %v", at, got, want)
	}
}

// awaitGate waits until a step stands at its gate.
func (w *world) awaitGate(t *testing.T, at string) {
	t.Helper()
	w.eventually(t, "step "+at+" stands at its gate", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Contains(w.gates, at)
	})
}

// eventually looks until something is so: what other processes do sends this one no event.
func (w *world) eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// awaitParked waits until the run waits without a worker.
func (w *world) awaitParked(t *testing.T, run string) {
	t.Helper()
	w.eventually(t, "run "+run+" is parked", func() bool {
		return w.count(`SELECT count(*) FROM {}.workflow_runs WHERE id = $1 AND status = 'running' AND worker_id IS NULL`, run) == 1
	})
}

// describe writes the rows of a failed test to its log.
func (w *world) describe() {
	w.query(func(ctx context.Context, conn *pgx.Conn) error {
		for _, sql := range []string{
			`SELECT concat_ws(' ', id, workflow_name, version, status, worker_id, attempts, available_at, error, output) FROM {}.workflow_runs ORDER BY created_at, id LIMIT 40`,
			`SELECT concat_ws(' ', workflow_run_id, id, step_name, kind, status, context, output, error, created_at) FROM {}.step_attempts ORDER BY created_at, id LIMIT 60`,
			`SELECT concat_ws(' ', 'signal', workflow_run_id, step_attempt_id, signal, data) FROM {}.workflow_signals LIMIT 40`,
		} {
			rows, err := conn.Query(ctx, strings.ReplaceAll(sql, "{}", w.schema))
			if err != nil {
				return err
			}
			found, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			for _, row := range found {
				w.t.Log(row)
			}
		}
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Logf("effects: %v", w.effects)
	w.t.Logf("TypeScript logged: %q", w.logged)
}

// completedOnce checks that no step has two completed attempts.
func (w *world) completedOnce(t *testing.T) {
	t.Helper()
	if n := w.count(`SELECT count(*) FROM (SELECT 1 FROM {}.step_attempts WHERE status = 'completed'
		GROUP BY namespace_id, workflow_run_id, step_name HAVING count(*) > 1) t`); n > 0 {
		t.Errorf("%d steps have more than one completed attempt", n)
	}
}
