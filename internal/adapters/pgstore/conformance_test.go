package pgstore_test

import (
	"sync"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backendtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	databaseURL(t)
	var mu sync.Mutex
	schemas := make(map[string]string)
	backendtest.Run(t, func(tb *testing.T, store, namespace string) backend.Backend {
		mu.Lock()
		schema, ok := schemas[store]
		if !ok {
			schema = newSchema(t) // outlives the case that opens it first
			schemas[store] = schema
		}
		mu.Unlock()
		return openIn(tb, schema, namespace)
	})
}
