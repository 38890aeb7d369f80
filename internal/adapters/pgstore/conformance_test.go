package pgstore_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backendtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, opener(t, func(*pgstore.Store) {}))
}

// TestConformanceOfShortLooks has every look at the runs stop after so few rows that a case has more.
func TestConformanceOfShortLooks(t *testing.T) {
	t.Parallel()
	for _, rows := range []int32{1, 5} {
		t.Run(strconv.Itoa(int(rows)), func(t *testing.T) {
			t.Parallel()
			backendtest.Run(t, opener(t, func(s *pgstore.Store) { pgstore.LimitScans(s, rows) }))
		})
	}
}

func opener(t *testing.T, prepare func(*pgstore.Store)) backendtest.Opener {
	t.Helper()
	databaseURL(t)
	var mu sync.Mutex
	schemas := make(map[string]string)
	return func(tb *testing.T, store, namespace string) backend.Backend {
		mu.Lock()
		schema, ok := schemas[store]
		if !ok {
			schema = newSchema(t) // outlives the case that opens it first
			schemas[store] = schema
		}
		mu.Unlock()
		s := openIn(tb, schema, namespace)
		prepare(s)
		return s
	}
}
