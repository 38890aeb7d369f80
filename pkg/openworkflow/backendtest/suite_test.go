package backendtest_test

import (
	"sync"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backendtest"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// memories keeps one data set in memory for each store name.
type memories struct {
	mu     sync.Mutex
	stores map[string]*memory.Backend
}

func (m *memories) open(store, namespace string) *memory.Backend {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stores == nil {
		m.stores = make(map[string]*memory.Backend)
	}
	if m.stores[store] == nil {
		m.stores[store] = memory.New()
	}
	return m.stores[store].WithNamespace(namespace)
}

func TestMemory(t *testing.T) {
	t.Parallel()
	var m memories
	backendtest.Run(t, func(_ *testing.T, store, namespace string) backend.Backend { return m.open(store, namespace) })
}
