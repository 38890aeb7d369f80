package sqlitestore_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func TestBadPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("this is not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, says string }{
		"empty":             {"", "the path is empty"},
		"blank":             {"  ", "the path is empty"},
		"URI":               {"file:x.db?mode=ro", "not a URI"},
		"URL":               {"sqlite://x.db", "not a URI"},
		"NUL":               {"x\x00.db", "NUL"},
		"directory":         {dir, "is a directory"},
		"missing directory": {filepath.Join(dir, "no", "such", "x.db"), "does not exist; create it first"},
		"file as directory": {filepath.Join(garbage, "x.db"), "not a directory"},
		"no database":       {garbage, "not a SQLite database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for what, err := range map[string]error{
				"Open":    openError(t, c.path),
				"Migrate": sqlitestore.Migrate(t.Context(), c.path),
			} {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v, want an error that says %q", what, err, c.says)
				}
			}
		})
	}
}

func openError(t *testing.T, path string) error {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{})
	if err == nil {
		_ = s.Close()
	}
	return err
}

func TestPathsThatLookLikeURIs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "100%.db", "what?.db", "#1.db", "ünïcode.db", "a&b=c.db"} {
		dir := t.TempDir()
		openAt(t, filepath.Join(dir, name), sqlitestore.Options{})
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{})
	claimed(t, s, 200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 8192; i < len(raw); i++ {
		raw[i] = 0xA5
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	err = openError(t, path)
	if err == nil {
		s := openAt(t, path, sqlitestore.Options{})
		_, err = s.CreateRuns(t.Context(), []domain.NewRun{{ID: domain.NewID(), WorkflowName: "w"}})
	}
	if err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	migrate(t, path)
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := sqlitestore.FromDB(t.Context(), db, sqlitestore.Options{}); err == nil || !strings.Contains(err.Error(), "must be writable") {
		t.Errorf("got %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	db := handle(t, filepath.Join(t.TempDir(), "x.db"))
	db.SetMaxOpenConns(1)
	s := fromDB(t, db, sqlitestore.Options{})
	l := claimed(t, s, 1)[0]
	pages := queryText(t, db, "PRAGMA page_count")
	exec(t, db, "PRAGMA max_page_count = "+pages)
	big := finishStep(l, "big")
	big.Attempt.Output = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	if _, err := s.Commit(t.Context(), []domain.Transition{big}); err == nil || errors.Is(err, domain.ErrRejected) || !strings.Contains(err.Error(), "full") {
		t.Errorf("got %v, want an error of the call that says the disk is full", err)
	}
	exec(t, db, "PRAGMA max_page_count = 1000000")
	mustCommit(t, s, big)
}

func TestFromDBMistakes(t *testing.T) {
	t.Parallel()
	if _, err := sqlitestore.FromDB(t.Context(), nil, sqlitestore.Options{}); err == nil {
		t.Error("a nil handle was taken")
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := sqlitestore.FromDB(t.Context(), db, sqlitestore.Options{}); err == nil || !strings.Contains(err.Error(), "SetMaxOpenConns(1)") {
		t.Errorf("got %v", err)
	}
	db.SetMaxOpenConns(1)
	s := fromDB(t, db, sqlitestore.Options{})
	claimed(t, s, 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(); err != nil {
		t.Errorf("the caller's handle was closed: %v", err)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	s := open(t, "x.db", sqlitestore.Options{})
	view := s.WithNamespace("other")
	news, err := view.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, open := <-news; open {
		t.Error("the subscription did not end")
	}
	_, createErr := view.CreateRuns(t.Context(), []domain.NewRun{{ID: "r", WorkflowName: "w"}})
	_, readErr := view.GetRuns(t.Context(), []string{"r"})
	_, subErr := view.Subscribe(t.Context())
	for _, err := range []error{createErr, readErr, subErr} {
		if !errors.Is(err, ports.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
}
