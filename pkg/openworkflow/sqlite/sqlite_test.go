package sqlite_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backendtest"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

var (
	_ backend.Backend = (*sqlite.Backend)(nil)
	_ ports.Notifier  = (*sqlite.Backend)(nil)
)

func TestConformance(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	backendtest.Run(t, func(t *testing.T, store, namespace string) backend.Backend {
		b, err := sqlite.Open(t.Context(), filepath.Join(dir, store+".db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b.WithNamespace(namespace)
	})
}

func TestMigrateThenOpenWithoutMigrations(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	if _, err := sqlite.Open(t.Context(), path, sqlite.WithoutMigrations()); !errors.Is(err, ports.ErrNotMigrated) {
		t.Errorf("got %v, want ErrNotMigrated", err)
	}
	if err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	list, err := sqlite.MigrationStatus(t.Context(), path)
	if err != nil || len(list) == 0 {
		t.Fatalf("status %+v, %v", list, err)
	}
	for _, m := range list {
		if !m.Applied || m.AppliedAt.IsZero() {
			t.Errorf("migration %+v is not applied", m)
		}
	}
	b, err := sqlite.Open(t.Context(), path, sqlite.WithoutMigrations(), sqlite.WithNamespace("ns"))
	if err != nil {
		t.Fatal(err)
	}
	if b.Namespace() != "ns" || b.WithNamespace("other").Namespace() != "other" {
		t.Errorf("namespaces %q, %q", b.Namespace(), b.WithNamespace("other").Namespace())
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.MigrateDown(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.WithoutMigrations()); !errors.Is(err, ports.ErrNotMigrated) {
		t.Errorf("after the way down: %v, want ErrNotMigrated", err)
	}
}

func TestCallersTransaction(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "app.db")+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b, err := sqlite.FromDB(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, keep := range []bool{false, true} {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.WithTx(tx).CreateRuns(t.Context(), []domain.NewRun{{ID: "r", WorkflowName: "w"}}); err != nil {
			t.Fatal(err)
		}
		end := tx.Rollback
		if keep {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if runs, err := b.GetRuns(t.Context(), []string{"r"}); err != nil || (len(runs) == 1) != keep {
			t.Errorf("kept %v: %d runs, %v", keep, len(runs), err)
		}
	}
}

// A rerun in the caller's transaction exists, with its history, if and only if that commits.
func TestRerunInCallersTransaction(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "app.db")+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	b, err := sqlite.FromDB(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ow, err := openworkflow.New(b)
	if err != nil {
		t.Fatal(err)
	}
	defer ow.Close()
	twoSteps := openworkflow.Define("two-steps", func(ctx openworkflow.Context, _ openworkflow.None) (string, error) {
		first, err := step.Run(ctx, "first", func(context.Context) (string, error) { return rand.Text(), nil })
		if err != nil {
			return "", err
		}
		return first, step.Do(ctx, "second", func(context.Context) error { return nil })
	})
	w, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(twoSteps)})
	if err != nil {
		t.Fatal(err)
	}
	h, err := twoSteps.Run(t.Context(), ow, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, err := h.Result(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{false, true} {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ow.WithBackend(b.WithTx(tx)).Rerun(t.Context(), h.ID(), openworkflow.FromStep("second"))
		if err != nil {
			t.Fatal(err)
		}
		end := tx.Rollback
		if keep {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if n, err := w.Tick(t.Context()); err != nil || (n == 1) != keep {
			t.Fatalf("kept %v: executed %d runs, %v", keep, n, err)
		}
		if got, err := twoSteps.Handle(ow, again.ID()).Result(t.Context(), openworkflow.WithResultTimeout(0)); keep && (err != nil || got != want) {
			t.Errorf("the rerun's result is %q, %v, want the first run's, %q", got, err, want)
		}
	}
}
