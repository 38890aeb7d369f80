package sqlitestore_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
)

func TestDiagnose(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	if _, err := sqlitestore.Diagnose(t.Context(), path); err == nil {
		t.Error("a file that does not exist is no error")
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("looking made the file")
	}
	if err := sqlitestore.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	d, err := sqlitestore.Diagnose(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if d.Path != path || d.JournalMode != "wal" || !strings.HasPrefix(d.Version, "3.") || d.Bytes < 4096 || d.FreeBytes != 0 || d.WriteError != nil {
		t.Errorf("%+v", d)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE TABLE filler (x)",
		"INSERT INTO filler WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT randomblob(4096) FROM n",
		"DROP TABLE filler",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if d, err = sqlitestore.Diagnose(t.Context(), path); err != nil || d.FreeBytes < 100*4096 || d.WALBytes == 0 || d.FreeBytes >= d.Bytes {
		t.Errorf("with free pages: %+v, %v", d, err)
	}
}

// TestDiagnoseUnmigrated: what is not migrated yet, and what is not even in WAL mode, is looked at and left as it is.
func TestDiagnoseUnmigrated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE mine (x)"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d, err := sqlitestore.Diagnose(t.Context(), path)
		if err != nil || d.JournalMode != "delete" || d.WriteError != nil {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

// TestDiagnoseLocked: a file that somebody keeps locked cannot be written, which is a finding and not an error.
func TestDiagnoseLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	if err := sqlitestore.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	d, err := sqlitestore.Diagnose(t.Context(), path)
	if err != nil || d.WriteError == nil || !strings.Contains(d.WriteError.Error(), "locked") || d.LockWait <= 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestDiagnoseNotADatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is text\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlitestore.Diagnose(t.Context(), path); err == nil {
		t.Error("a text is diagnosed as a database")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlitestore.Diagnose(ctx, path); err == nil {
		t.Error("a canceled look is no error")
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	for given, want := range map[string]string{path: path, ":memory:": ""} {
		s, err := sqlitestore.Open(t.Context(), given, sqlitestore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.WithNamespace("other").Path(); got != want {
			t.Errorf("%s: %q, want %q", given, got, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
