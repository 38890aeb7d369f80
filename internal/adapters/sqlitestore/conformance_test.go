package sqlitestore_test

import (
	"database/sql"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backendtest"
)

// TestConformance gives every opening a handle of its own on the store's file.
func TestConformance(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	backendtest.Run(t, func(t *testing.T, store, namespace string) backend.Backend {
		return openAt(t, filepath.Join(dir, store+".db"), sqlitestore.Options{Namespace: namespace})
	})
}

// TestConformanceOfShortLooks has every look at the runs stop after so few rows that a case has more.
func TestConformanceOfShortLooks(t *testing.T) {
	t.Parallel()
	for _, rows := range []int64{2} {
		t.Run(strconv.FormatInt(rows, 10), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			backendtest.Run(t, func(t *testing.T, store, namespace string) backend.Backend {
				s := openAt(t, filepath.Join(dir, store+".db"), sqlitestore.Options{Namespace: namespace})
				sqlitestore.LimitScans(s, rows)
				return s
			})
		})
	}
}

// TestConformanceFromDB gives every opening a handle of the caller's.
func TestConformanceFromDB(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	backendtest.Run(t, func(t *testing.T, store, namespace string) backend.Backend {
		return fromDB(t, handle(t, filepath.Join(dir, store+".db")), sqlitestore.Options{Namespace: namespace})
	})
}

// TestConformanceMemory opens views of one database in memory per store.
func TestConformanceMemory(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	stores := make(map[string]*sqlitestore.Store)
	t.Cleanup(func() {
		for _, s := range stores {
			_ = s.Close()
		}
	})
	backendtest.Run(t, func(t *testing.T, store, namespace string) backend.Backend {
		mu.Lock()
		defer mu.Unlock()
		if stores[store] == nil {
			s, err := sqlitestore.Open(t.Context(), ":memory:", sqlitestore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			stores[store] = s
		}
		return stores[store].WithNamespace(namespace)
	})
}

// handle opens the file as the godoc of FromDB says a caller should.
func handle(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("closing the handle: %v", err)
		}
	})
	return db
}

func fromDB(tb testing.TB, db *sql.DB, o sqlitestore.Options) *sqlitestore.Store {
	tb.Helper()
	s, err := sqlitestore.FromDB(tb.Context(), db, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}
