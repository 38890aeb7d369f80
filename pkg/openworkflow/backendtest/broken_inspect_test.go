package backendtest_test

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// inspected is a backend that shows something else than there is.
type inspected struct {
	*memory.Backend
	list     func(*backend.RunFilter, *backend.PageRequest, *backend.Page[backend.Run])
	filter   func(*backend.RunFilter)
	tally    func(*backend.Tally)
	stats    func(*backend.StatsResult)
	workers  func([]backend.WorkerRecord) []backend.WorkerRecord
	attempts func([]backend.StepAttempt) []backend.StepAttempt
	register func(*backend.WorkerRecord)
	kept     bool // registrations stay
}

func (b *inspected) ListRuns(ctx context.Context, f backend.RunFilter, p backend.PageRequest) (backend.Page[backend.Run], error) {
	page, err := b.Backend.ListRuns(ctx, f, p)
	if b.list != nil {
		b.list(&f, &p, &page)
	}
	return page, err
}

func (b *inspected) TallyRuns(ctx context.Context, f backend.RunFilter, limit int64) (backend.Tally, error) {
	if b.filter != nil {
		b.filter(&f)
	}
	t, err := b.Backend.TallyRuns(ctx, f, limit)
	if b.tally != nil {
		b.tally(&t)
	}
	return t, err
}

func (b *inspected) WorkflowStats(ctx context.Context, req backend.StatsRequest) (backend.StatsResult, error) {
	res, err := b.Backend.WorkflowStats(ctx, req)
	if b.stats != nil {
		b.stats(&res)
	}
	return res, err
}

func (b *inspected) ListWorkers(ctx context.Context, within time.Duration) ([]backend.WorkerRecord, error) {
	ws, err := b.Backend.ListWorkers(ctx, within)
	if b.workers != nil {
		ws = b.workers(ws)
	}
	return ws, err
}

func (b *inspected) GetStepAttempts(ctx context.Context, ids []string) ([]backend.StepAttempt, error) {
	as, err := b.Backend.GetStepAttempts(ctx, ids)
	if b.attempts != nil {
		as = b.attempts(as)
	}
	return as, err
}

func (b *inspected) RegisterWorker(ctx context.Context, w backend.WorkerRecord) error {
	if b.register != nil {
		b.register(&w)
	}
	return b.Backend.RegisterWorker(ctx, w)
}

func (b *inspected) UnregisterWorker(ctx context.Context, id string) error {
	if b.kept {
		return nil
	}
	return b.Backend.UnregisterWorker(ctx, id)
}

// showing makes a backend that shows something else.
func showing(change func(*inspected)) func(*memory.Backend) backend.Backend {
	return func(b *memory.Backend) backend.Backend {
		i := &inspected{Backend: b}
		change(i)
		return i
	}
}

func inspectBreakages() map[string]breakage {
	return map[string]breakage{
		"counts a run too many": {"Inspect/Tally", showing(func(i *inspected) {
			i.tally = func(t *backend.Tally) { t.Pending++ }
		})},
		"counts no canceled runs and does not say so": {"Inspect/TallyUpToALimit", showing(func(i *inspected) {
			i.tally = func(t *backend.Tally) { t.Canceled = 0 }
		})},
		"counts beyond the limit": {"Inspect/TallyUpToALimit", showing(func(i *inspected) {
			i.tally = func(t *backend.Tally) { t.Completed = 4 }
		})},
		"minds the status of a tally": {"Inspect/Tally", showing(func(i *inspected) {
			i.tally = func(t *backend.Tally) { t.Pending = 0 }
		})},
		"tallies all workers": {"Inspect/TallyFiltered", showing(func(i *inspected) {
			i.filter = func(f *backend.RunFilter) { f.WorkerID = "" }
		})},
		"tallies all versions": {"Inspect/TallyFiltered", showing(func(i *inspected) {
			i.filter = func(f *backend.RunFilter) { f.Version = "" }
		})},
		"leaves out a bucket": {"Inspect/Stats", showing(func(i *inspected) {
			i.stats = func(res *backend.StatsResult) {
				for w := range res.Workflows {
					res.Workflows[w].Buckets = res.Workflows[w].Buckets[1:]
				}
			}
		})},
		"counts failures as completions": {"Inspect/Stats", showing(func(i *inspected) {
			i.stats = func(res *backend.StatsResult) {
				for w := range res.Workflows {
					for b := range res.Workflows[w].Buckets {
						res.Workflows[w].Buckets[b].Completed += res.Workflows[w].Buckets[b].Failed
					}
				}
			}
		})},
		"lists the idlest workflow first": {"Inspect/Stats", showing(func(i *inspected) {
			i.stats = func(res *backend.StatsResult) { slices.Reverse(res.Workflows) }
		})},
		"takes leases for waiting": {"Inspect/StatsOfWhatIsDue", showing(func(i *inspected) {
			i.stats = func(res *backend.StatsResult) {
				for w := range res.Workflows {
					res.Workflows[w].OldestDue = time.Now().Add(-time.Hour)
				}
			}
		})},
		"ignores the workflow asked for": {"Inspect/StatsOfOneWorkflow", showing(func(i *inspected) {
			i.stats = func(res *backend.StatsResult) { res.Workflows = append(res.Workflows, backend.WorkflowStats{}) }
		})},
		"lists dead workers": {"Inspect/WorkersByTheirLeases", showing(func(i *inspected) {
			i.workers = func(ws []backend.WorkerRecord) []backend.WorkerRecord {
				return append(ws, backend.WorkerRecord{ID: "dead"})
			}
		})},
		"finds one attempt only": {"Inspect/StepAttempts", showing(func(i *inspected) {
			i.attempts = func(as []backend.StepAttempt) []backend.StepAttempt { return as[:min(1, len(as))] }
		})},
		"registers without workflows": {"Registry/Registered", showing(func(i *inspected) {
			i.register = func(w *backend.WorkerRecord) { w.Workflows = nil }
		})},
		"registers a worker twice": {"Registry/Renewed", showing(func(i *inspected) {
			i.register = func(w *backend.WorkerRecord) { w.ID = backend.NewID() }
		})},
		"keeps registrations": {"Registry/Unregistered", showing(func(i *inspected) { i.kept = true })},
		"lists a worker for ever": {"Registry/NotSeenForLong", showing(func(i *inspected) {
			i.workers = func(ws []backend.WorkerRecord) []backend.WorkerRecord {
				if len(ws) == 0 {
					return []backend.WorkerRecord{{ID: "old"}}
				}
				return ws
			}
		})},
		"lists runs whose lease has run out": {"List/FilterByWorker", showing(func(i *inspected) {
			i.list = func(f *backend.RunFilter, _ *backend.PageRequest, page *backend.Page[backend.Run]) {
				if f.WorkerID == "short" {
					all, _ := i.Backend.ListRuns(context.Background(), backend.RunFilter{Version: "v1"}, backend.PageRequest{Limit: 10})
					*page = all
				}
			}
		})},
		"skips a match where it stops looking": {"List/FilteredPages", showing(func(i *inspected) {
			i.list = func(f *backend.RunFilter, p *backend.PageRequest, page *backend.Page[backend.Run]) {
				if f.WorkflowName == "" || p.Before != nil || len(page.Items) < 2 {
					return
				}
				last := page.Items[len(page.Items)-1] // looked at, so it belongs to this page
				page.Items = page.Items[:len(page.Items)-1]
				page.Stopped, page.HasNext = &backend.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}, true
			}
		})},
		"lists payloads that nobody wants": {"List/WithoutPayloads", showing(func(i *inspected) {
			i.list = func(f *backend.RunFilter, _ *backend.PageRequest, page *backend.Page[backend.Run]) {
				if f.WithoutPayloads && f.Live {
					page.Items[0].Input = json.RawMessage(`{"a":1}`)
				}
			}
		})},
		"leaves out more than payloads": {"List/WithoutPayloads", showing(func(i *inspected) {
			i.list = func(f *backend.RunFilter, _ *backend.PageRequest, page *backend.Page[backend.Run]) {
				if f.WithoutPayloads && f.Status == backend.RunFailed {
					page.Items[0].Error = nil
				}
			}
		})},
		"stops looking and calls it the end": {"List/FilteredPages", showing(func(i *inspected) {
			i.list = func(f *backend.RunFilter, p *backend.PageRequest, page *backend.Page[backend.Run]) {
				if f.WorkflowName != "" && p.Before == nil && len(page.Items) > 1 {
					page.Items, page.HasNext = page.Items[:1], false
				}
			}
		})},
	}
}
