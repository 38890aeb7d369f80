package storetest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Ids and times are part of a failure, so a stored one would not fail again: the log has the commands.
	// A check is some dozens of commands on databases, so there are fewer than rapid's hundred.
	defaults := map[string]string{"rapid.checks": "25", "rapid.steps": "80", "rapid.nofailfile": "true", "rapid.shrinktime": "10s"}
	flag.Visit(func(f *flag.Flag) { delete(defaults, f.Name) })
	for name, value := range defaults {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	os.Exit(m.Run())
}

// system is a store under comparison.
type system struct {
	name string
	in   func(namespace string) ports.Backend
}

func inMemory() system {
	store := memstore.New()
	return system{"memory", func(ns string) ports.Backend { return store.WithNamespace(ns) }}
}

func onSQLite(t *testing.T) system {
	store, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlitestore.Options{Namespace: domain.DefaultNamespace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("closing the SQLite store: %v", err)
		}
	})
	return system{"sqlite", func(ns string) ports.Backend { return store.WithNamespace(ns) }}
}
