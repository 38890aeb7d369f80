package openworkflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// starting starts n runs of a workflow and returns their ids.
func starting(t *testing.T, c *openworkflow.Client, name string, n int) (ids []string) {
	t.Helper()
	for i := range n {
		h, err := c.StartRun(t.Context(), name, "v1", json.RawMessage(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, h.ID())
	}
	return ids
}

func TestCancelRuns(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	starting(t, c, "a", 7)
	others := starting(t, c, "b", 3)
	filter := openworkflow.RunFilter{WorkflowName: "a", PageOptions: openworkflow.PageOptions{Limit: 2, After: "ignored"}}
	got, err := c.CancelRuns(t.Context(), filter, openworkflow.BulkOptions{DryRun: true})
	if err != nil || got.Matched != 7 || got.Done != 0 {
		t.Errorf("dry: %+v, %v", got, err)
	}
	if n, err := c.CountRuns(t.Context()); err != nil || n.Pending != 10 {
		t.Errorf("after a dry run: %+v, %v", n, err)
	}
	var seen []int
	got, err = c.CancelRuns(t.Context(), filter, openworkflow.BulkOptions{Limit: 3, Progress: func(r openworkflow.BulkResult) { seen = append(seen, r.Done) }})
	if err != nil || got.Matched != 3 || got.Done != 3 || fmt.Sprint(seen) != "[1 2 3]" {
		t.Errorf("up to three: %+v, %v, progress %v", got, err, seen)
	}
	got, err = c.CancelRuns(t.Context(), filter, openworkflow.BulkOptions{})
	if err != nil || got.Matched != 4 || got.Done != 4 || got.Skipped != 0 {
		t.Errorf("the rest: %+v, %v", got, err)
	}
	for _, id := range others {
		if r, err := c.GetRun(t.Context(), id); err != nil || r.Status != openworkflow.RunPending {
			t.Errorf("another workflow's run: %+v, %v", r, err)
		}
	}
	for _, bad := range []openworkflow.RunFilter{{Status: openworkflow.RunCompleted}, {Status: "nonsense"}, {PageOptions: openworkflow.PageOptions{Limit: -1}}} {
		if _, err := c.CancelRuns(t.Context(), bad, openworkflow.BulkOptions{}); !errors.Is(err, openworkflow.ErrInvalidArgument) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := c.CancelRuns(t.Context(), filter, openworkflow.BulkOptions{Limit: -1}); !errors.Is(err, openworkflow.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestRerunRuns(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	ids := starting(t, c, "a", 5)
	// A rerun has the input of its run, also where the filter, of a list perhaps, does without.
	filter := openworkflow.RunFilter{WorkflowName: "a", WithoutPayloads: true, PageOptions: openworkflow.PageOptions{Limit: 2}}
	if list, err := c.ListRuns(t.Context(), filter); err != nil || len(list.Items) != 2 || list.Items[0].Input != nil {
		t.Errorf("without payloads: %+v, %v", list, err)
	}
	got, err := c.RerunRuns(t.Context(), filter, openworkflow.BulkOptions{})
	if err != nil || got.Matched != 5 || got.Done != 5 {
		t.Fatalf("%+v, %v", got, err)
	}
	all, err := c.ListRuns(t.Context(), openworkflow.RunFilter{})
	if err != nil || len(all.Items) != 10 {
		t.Fatalf("%d runs, %v", len(all.Items), err)
	}
	repeated := make(map[string]string)
	for _, r := range all.Items {
		if of, from := r.RerunOf(); of != "" {
			repeated[of] = string(r.Input)
			if from != "" || r.Version != "v1" || r.Status != openworkflow.RunPending || r.IdempotencyKey != "" {
				t.Errorf("a rerun is %+v", r)
			}
		}
	}
	for i, id := range ids {
		if repeated[id] != fmt.Sprint(i) {
			t.Errorf("run %d was repeated with input %q", i, repeated[id])
		}
	}
}

// backwards is a backend that gives each new run an id before those of all others, as the clock of another machine might.
type backwards struct {
	*memory.Backend
	next int
}

func (b *backwards) CreateRuns(ctx context.Context, runs []domain.NewRun) ([]string, error) {
	for i := range runs {
		b.next--
		runs[i].ID = fmt.Sprintf("%026d", b.next)
	}
	return b.Backend.CreateRuns(ctx, runs)
}

// The runs that were selected, and those that are made of them, may all be of one millisecond.
func TestRerunRunsNotTheirReruns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := openworkflow.New(&backwards{Backend: memory.New(), next: 1e6})
		if err != nil {
			t.Fatal(err)
		}
		starting(t, c, "a", 5)
		got, err := c.RerunRuns(t.Context(), openworkflow.RunFilter{PageOptions: openworkflow.PageOptions{Limit: 2}}, openworkflow.BulkOptions{Limit: 50})
		if err != nil || got.Matched != 5 || got.Done != 5 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// failing is a backend that refuses to cancel some runs.
type failing struct {
	*memory.Backend
	refuse func(id string) error
}

func (f failing) CancelRun(ctx context.Context, id string) (domain.Run, error) {
	if err := f.refuse(id); err != nil {
		return domain.Run{}, err
	}
	return f.Backend.CancelRun(ctx, id)
}

func TestBulkFailures(t *testing.T) {
	t.Parallel()
	broken := errors.New("the database is away")
	var refusals map[string]error
	c, err := openworkflow.New(failing{memory.New(), func(id string) error { return refusals[id] }})
	if err != nil {
		t.Fatal(err)
	}
	ids := starting(t, c, "a", 4)
	refusals = map[string]error{ids[0]: broken, ids[1]: domain.ErrRunFinished, ids[2]: domain.ErrRunNotFound}
	got, err := c.CancelRuns(t.Context(), openworkflow.RunFilter{}, openworkflow.BulkOptions{})
	if err != nil || got.Matched != 4 || got.Done != 1 || got.Skipped != 2 || len(got.Failed) != 1 || got.Failed[0].RunID != ids[0] || !errors.Is(got.Failed[0], broken) {
		t.Errorf("%+v, %v", got, err)
	}
	if raw, err := json.Marshal(got); err != nil || string(raw) != `{"matched":4,"done":1,"skipped":2,"failed":[{"runId":"`+ids[0]+`","error":"the database is away"}]}` {
		t.Errorf("%s, %v", raw, err)
	}
	for _, id := range starting(t, c, "b", 30) {
		refusals[id] = broken
	}
	got, err = c.CancelRuns(t.Context(), openworkflow.RunFilter{WorkflowName: "b"}, openworkflow.BulkOptions{})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "10 failures in a row") || len(got.Failed) != 10 {
		t.Errorf("when nothing works: %d failures, %v", len(got.Failed), err)
	}
}

func TestBulkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	starting(t, c, "a", 5)
	ctx, cancel := context.WithCancel(t.Context())
	got, err := c.CancelRuns(ctx, openworkflow.RunFilter{}, openworkflow.BulkOptions{Progress: func(r openworkflow.BulkResult) {
		if r.Done == 2 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || got.Done != 2 || got.Matched != 2 || len(got.Failed) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A bulk verb walks over pages that a backend stops.
func TestBulkOverPagesThatStop(t *testing.T) {
	t.Parallel()
	c, err := openworkflow.New(stopping{memory.New()})
	if err != nil {
		t.Fatal(err)
	}
	starting(t, c, "a", 2)
	starting(t, c, "b", 5)
	starting(t, c, "a", 1)
	got, err := c.CancelRuns(t.Context(), openworkflow.RunFilter{WorkflowName: "a"}, openworkflow.BulkOptions{})
	if err != nil || got.Done != 3 || got.Matched != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

var _ ports.Backend = failing{}
