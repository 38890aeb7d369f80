package openworkflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// bare is a backend without optional capabilities.
type bare struct{ ports.Backend }

func TestWithoutAnInspector(t *testing.T) {
	t.Parallel()
	c, err := openworkflow.New(bare{memory.New()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	errs := make(map[string]error)
	_, errs["TallyRuns"] = c.TallyRuns(ctx, openworkflow.RunFilter{}, 0)
	_, errs["WorkflowStats"] = c.WorkflowStats(ctx, openworkflow.StatsOptions{})
	_, errs["ListWorkers"] = c.ListWorkers(ctx)
	_, errs["GetStepAttempt"] = c.GetStepAttempt(ctx, "x")
	errs["Ping"] = c.Ping(ctx)
	for verb, err := range errs {
		if !errors.Is(err, openworkflow.ErrUnsupported) || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", verb, err)
		}
	}
	w, err := c.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(new(shop).workflow())})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Start(ctx), w.Stop(ctx)); err != nil {
		t.Errorf("a worker that cannot register: %v", err)
	}
}

func TestTallyRuns(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for range 3 {
		if _, err := c.StartRun(t.Context(), "w", "v1", nil); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.TallyRuns(t.Context(), openworkflow.RunFilter{Status: openworkflow.RunFailed, WorkflowName: "w"}, 0)
	if err != nil || got.Pending != 3 || got.Limit != openworkflow.DefaultTallyLimit || got.Capped(openworkflow.RunPending) || got.Capped(openworkflow.RunFailed) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = c.TallyRuns(t.Context(), openworkflow.RunFilter{}, 2)
	if err != nil || got.Of(openworkflow.RunPending) != 2 || !got.Capped(openworkflow.RunPending) || got.Capped(openworkflow.RunRunning) {
		t.Errorf("up to 2: %+v, %v", got, err)
	}
	if raw, err := json.Marshal(got); err != nil || string(raw) != `{"pending":2,"running":0,"completed":0,"failed":0,"canceled":0,"limit":2}` {
		t.Errorf("%s, %v", raw, err)
	}
	open := openworkflow.RunTally{Limit: 10, AtLeast: []openworkflow.RunStatus{openworkflow.RunFailed}}
	if !open.Capped(openworkflow.RunFailed) || open.Capped(openworkflow.RunCanceled) {
		t.Error("a number that may be too low does not say so")
	}
	if _, err := c.TallyRuns(t.Context(), openworkflow.RunFilter{}, -1); !errors.Is(err, openworkflow.ErrInvalidArgument) {
		t.Error(err)
	}
	if _, err := c.TallyRuns(t.Context(), openworkflow.RunFilter{WorkerID: "\x00"}, 0); !errors.Is(err, openworkflow.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestWorkflowStats(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		nap := openworkflow.Define("nap", func(ctx openworkflow.Context, d time.Duration) (openworkflow.None, error) {
			return nil, step.Sleep(ctx, "nap", d)
		})
		stop := startWorker(t, c, nap)
		for i := range 20 {
			if _, err := result(t, c, nap, time.Duration(i+1)*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		if _, err := nap.Run(t.Context(), c, time.Hour); err != nil {
			t.Fatal(err)
		}
		due := time.Now()
		time.Sleep(5 * time.Minute)
		all, err := c.WorkflowStats(t.Context(), openworkflow.StatsOptions{WorkflowName: "nap"})
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		w := all[0]
		if len(w.Buckets) != openworkflow.DefaultStatsBuckets || w.Counts.Completed != 20 || w.Counts.Pending != 1 || w.Sampled {
			t.Errorf("%+v", w)
		}
		if w.P50.Round(time.Minute) != 10*time.Minute || w.P95.Round(time.Minute) != 19*time.Minute {
			t.Errorf("half took %v, 95 %% took %v", w.P50, w.P95)
		}
		if lag := w.OldestDue.Sub(due).Abs(); lag > time.Second {
			t.Errorf("due since %v, want %v", w.OldestDue, due)
		}
	})
	c := newClient(t)
	for _, bad := range []openworkflow.StatsOptions{
		{Buckets: -1}, {Buckets: openworkflow.MaxStatsBuckets + 1}, {Window: -time.Hour}, {Window: time.Microsecond}, {WorkflowName: "\xff"},
	} {
		if _, err := c.WorkflowStats(t.Context(), bad); !errors.Is(err, openworkflow.ErrInvalidArgument) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// A worker is listed from its start to its stop, and no longer than three minutes where it is killed.
func TestListWorkers(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		var s shop
		stop := startWorker(t, c, s.workflow())
		synctest.Wait()
		list := func() []openworkflow.WorkerInfo {
			t.Helper()
			ws, err := c.ListWorkers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return ws
		}
		first := list()
		if len(first) != 1 || first[0].Language != "go" || first[0].PID != os.Getpid() || first[0].Concurrency != openworkflow.DefaultConcurrency ||
			len(first[0].Workflows) != 1 || first[0].Workflows[0].Name != "shop" || first[0].Holding != 0 {
			t.Fatalf("%+v", first)
		}
		time.Sleep(time.Hour)
		later := list()
		if len(later) != 1 || time.Since(later[0].SeenAt) > 2*time.Minute || !later[0].StartedAt.Equal(first[0].StartedAt) {
			t.Errorf("an hour later: %+v", later)
		}
		stop()
		if ws := list(); len(ws) != 0 {
			t.Errorf("stopped, and still there: %+v", ws)
		}
	})
}

// registry counts registrations, and refuses them.
type registry struct {
	ports.Backend
	calls int
	err   error
}

func (r *registry) RegisterWorker(context.Context, domain.WorkerRecord) error {
	r.calls++
	return r.err
}

func (r *registry) UnregisterWorker(context.Context, string) error { return r.err }

// An idle worker registers at most once a minute, and one that cannot works all the same.
func TestRegisteringIsRareAndNeedsNotSucceed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &registry{Backend: memory.New(), err: errors.New("permission denied for table workflow_workers")}
		c, err := openworkflow.New(db)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		stop := startWorker(t, c, new(shop).workflow())
		time.Sleep(10 * time.Hour)
		if out, err := c.StartRun(t.Context(), "shop", "", json.RawMessage(`1`)); err != nil {
			t.Error(err)
		} else if _, err := out.Result(t.Context()); err != nil {
			t.Errorf("a worker that could not register: %v", err)
		}
		stop()
		if db.calls > 600 || db.calls < 300 {
			t.Errorf("%d registrations in ten hours", db.calls)
		}
	})
}

func TestGetStepAttempt(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		child := openworkflow.Define("child", func(openworkflow.Context, int) (int, error) { return 1, nil })
		parent := openworkflow.Define("parent", func(ctx openworkflow.Context, n int) (int, error) { return step.RunWorkflow(ctx, child, n) })
		defer startWorker(t, c, child, parent)()
		h, err := parent.Run(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Result(t.Context()); err != nil {
			t.Fatal(err)
		}
		steps, err := c.ListStepAttempts(t.Context(), h.ID(), openworkflow.PageOptions{})
		if err != nil || len(steps.Items) != 1 {
			t.Fatalf("%+v, %v", steps, err)
		}
		run, err := c.GetRun(t.Context(), steps.Items[0].ChildRunID)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := c.GetStepAttempt(t.Context(), run.ParentAttemptID); err != nil || a.RunID != h.ID() || a.ID != steps.Items[0].ID {
			t.Errorf("the child's parent: %+v, %v", a, err)
		}
		for _, id := range []string{"", "unknown", "\x00"} {
			if _, err := c.GetStepAttempt(t.Context(), id); !errors.Is(err, openworkflow.ErrStepAttemptNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
	})
}

func TestPing(t *testing.T) {
	t.Parallel()
	db := memory.New()
	c, err := openworkflow.New(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(t.Context()); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("of a closed database: %v", err)
	}
}

// stopping is a backend whose filtered pages stop after each row that it looks at.
type stopping struct{ *memory.Backend }

func (s stopping) ListRuns(ctx context.Context, f ports.RunFilter, p ports.PageRequest) (ports.Page[domain.Run], error) {
	one := p
	one.Limit = 1
	page, err := s.Backend.ListRuns(ctx, ports.RunFilter{}, one)
	if err != nil || len(page.Items) == 0 {
		return page, err
	}
	at := page.Items[0].Place()
	if f.WorkflowName != page.Items[0].WorkflowName {
		page.Items = nil
	}
	return p.Stop(page, at), nil
}

func TestPagesThatStop(t *testing.T) {
	t.Parallel()
	c, err := openworkflow.New(stopping{memory.New()})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range []string{"b", "a", "b", "b", "a", "b"} {
		h, err := c.StartRun(t.Context(), name, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if name == "a" {
			want = append([]string{h.ID()}, want...)
		}
	}
	filter := openworkflow.RunFilter{WorkflowName: "a"}
	var got, back []string
	end := ""
	for more := true; more; more = filter.After != "" {
		page, err := c.ListRuns(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			got = append(got, r.ID)
		}
		if page.Partial != (page.Next != "") {
			t.Errorf("partial %v, next %q", page.Partial, page.Next)
		}
		if filter.After = page.Next; page.Next != "" {
			end = page.Next
		}
	}
	filter.After, filter.Before = "", end
	for filter.Before != "" {
		page, err := c.ListRuns(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			back = append([]string{r.ID}, back...)
		}
		if page.Partial && len(page.Items) == 0 && (page.Next == "" || page.Prev == "") {
			t.Errorf("an empty page leads nowhere: %+v", page)
		}
		if filter.Before = page.Prev; !page.Partial {
			filter.Before = ""
		}
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("forwards %v, want %v", got, want)
	}
	if len(back) != 2 || back[0] != want[0] || back[1] != want[1] {
		t.Errorf("backwards %v, want %v", back, want)
	}
}
