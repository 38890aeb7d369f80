package backendtest

import (
	"bytes"
	"encoding/json"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// listWithoutPayloads: however the runs are found, all of them is there but their inputs and outputs.
func listWithoutPayloads(f *fixture) {
	_, done := f.owned(func(n *backend.NewRun) { n.IdempotencyKey = "key"; n.Context = json.RawMessage(`{"c":3}`) })
	f.ok(complete(done, `{"b":2}`))
	_, broken := f.owned()
	f.ok(fail(broken))
	f.owned()
	f.create()
	for what, filter := range map[string]backend.RunFilter{
		"all":         {},
		"completed":   {Status: backend.RunCompleted},
		"failed":      {Status: backend.RunFailed},
		"running":     {Status: backend.RunRunning},
		"live":        {Live: true},
		"with a key":  {IdempotencyKey: "key"},
		"of a worker": {WorkerID: f.worker},
		"of a name":   {WorkflowName: f.key.Name},
	} {
		for _, page := range []backend.PageRequest{{Limit: 10}, {Limit: 10, Before: &backend.Cursor{}}} {
			f.withoutPayloads(what, filter, page)
		}
	}
}

func (f *fixture) withoutPayloads(what string, filter backend.RunFilter, page backend.PageRequest) {
	f.Helper()
	whole, err := f.b.ListRuns(f.ctx, filter, page)
	f.noError(err, "ListRuns")
	found := len(whole.Items) > 0 && whole.Items[0].Input != nil
	if !found && whole.Stopped == nil {
		f.Fatalf("%s: %+v; want runs with input", what, whole.Items)
	}
	for i := range whole.Items {
		whole.Items[i].Input, whole.Items[i].Output = nil, nil
	}
	filter.WithoutPayloads = true
	bare, err := f.b.ListRuns(f.ctx, filter, page)
	f.noError(err, "ListRuns")
	want, _ := json.Marshal(whole)
	if got, _ := json.Marshal(bare); !bytes.Equal(got, want) {
		f.Errorf("%s, without payloads:\n got %s\nwant %s", what, got, want)
	}
}
