package backendtest

import (
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// registryCases hold the optional Registry to its word, by what an Inspector sees of it.
func registryCases() []testCase {
	return []testCase{
		{"Registered", registryRow},
		{"Renewed", registryRenewed},
		{"Unregistered", registryGone},
		{"NotSeenForLong", registryStale},
		{"Namespaces", registryNamespaces},
	}
}

func (f *fixture) registry() backend.Registry {
	f.Helper()
	f.inspector()
	r, ok := f.b.(backend.Registry)
	if !ok {
		f.Skip("the backend is no Registry")
	}
	return r
}

func (f *fixture) registration() backend.WorkerRecord {
	return backend.WorkerRecord{
		ID: f.worker, Host: "höst", PID: 4711, Language: "go", Concurrency: 10,
		Workflows: []backend.WorkflowKey{{Name: "a \"b\""}, {Name: "c", Version: "v1"}},
	}
}

func (f *fixture) register(w backend.WorkerRecord) {
	f.Helper()
	f.noError(f.registry().RegisterWorker(f.ctx, w), "RegisterWorker")
}

func (f *fixture) onlyWorker() backend.WorkerRecord {
	f.Helper()
	ws := f.workers()
	if len(ws) != 1 {
		f.Fatalf("%d workers, want one: %+v", len(ws), ws)
	}
	return ws[0]
}

func registryRow(f *fixture) {
	given := f.registration()
	s := f.during(func() { f.register(given) })
	want := given
	want.StartedAt, want.SeenAt = moment, moment
	f.sameRow("the worker", s, f.onlyWorker(), want)
	f.owned()
	if w := f.onlyWorker(); w.Holding != 1 || w.Host != given.Host {
		f.Errorf("with a lease: %+v", w)
	}
}

func registryRenewed(f *fixture) {
	f.register(f.registration())
	first := f.onlyWorker()
	f.pass(first.SeenAt.Add(5 * precision))
	changed := f.registration()
	changed.Concurrency, changed.Workflows, changed.StartedAt = 3, changed.Workflows[:1], time.Now().Add(nextHour)
	f.register(changed)
	w := f.onlyWorker()
	if !(span{}).sameTime(w.StartedAt, first.StartedAt) || !w.SeenAt.After(first.SeenAt) || w.Concurrency != 3 || !slices.Equal(w.Workflows, changed.Workflows) {
		f.Errorf("renewed: %+v, before %+v", w, first)
	}
}

func registryGone(f *fixture) {
	r := f.registry()
	f.register(f.registration())
	f.noError(r.UnregisterWorker(f.ctx, f.worker), "UnregisterWorker")
	f.noError(r.UnregisterWorker(f.ctx, f.worker), "UnregisterWorker again")
	if ws := f.workers(); len(ws) != 0 {
		f.Errorf("a worker that is gone is listed: %+v", ws)
	}
}

func registryStale(f *fixture) {
	i := f.inspector()
	f.register(f.registration())
	f.pass(f.onlyWorker().SeenAt.Add(30 * time.Millisecond))
	ws, err := i.ListWorkers(f.ctx, 10*time.Millisecond)
	f.noError(err, "ListWorkers")
	if len(ws) != 0 {
		f.Errorf("a worker that was not seen for long is listed: %+v", ws)
	}
	f.owned()
	ws, err = i.ListWorkers(f.ctx, 10*time.Millisecond)
	f.noError(err, "ListWorkers")
	if len(ws) != 1 || ws[0].PID != f.registration().PID || ws[0].Holding != 1 {
		f.Errorf("a worker that holds a run: %+v", ws)
	}
}

func registryNamespaces(f *fixture) {
	f.register(f.registration())
	other := f.in("ns-" + backend.NewID())
	if ws := other.workers(); len(ws) != 0 {
		f.Errorf("another namespace lists %+v", ws)
	}
	f.noError(other.registry().UnregisterWorker(f.ctx, f.worker), "UnregisterWorker")
	f.onlyWorker()
}
