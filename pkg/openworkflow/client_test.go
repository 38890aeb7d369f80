package openworkflow_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

var waiting = openworkflow.Declare[int, string]("waiting")

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	var typedNil *memory.Backend
	for _, b := range []openworkflow.Backend{nil, typedNil} {
		if _, err := openworkflow.New(b); !errors.Is(err, openworkflow.ErrInvalidArgument) || !strings.Contains(err.Error(), "the backend is nil") {
			t.Error(err)
		}
	}
	for want, o := range map[string]openworkflow.ClientOption{
		"WithMaxPayload":        openworkflow.WithMaxPayload(0),
		"WithIdempotencyWindow": openworkflow.WithIdempotencyWindow(-time.Hour),
		"WithLogger":            openworkflow.WithLogger(nil),
		"WithSlog":              openworkflow.WithSlog(nil),
	} {
		if _, err := openworkflow.New(memory.New(), o, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// verbs are all that a client can be asked.
func verbs(t *testing.T, c *openworkflow.Client) map[string]error {
	t.Helper()
	ctx := t.Context()
	errs := make(map[string]error)
	_, errs["Run"] = waiting.Run(ctx, c, 1)
	h := waiting.Handle(c, "x")
	_, errs["Result"] = h.Result(ctx)
	_, errs["Result at once"] = h.Result(ctx, openworkflow.WithResultTimeout(0))
	_, errs["Get"] = h.Get(ctx)
	errs["Cancel"] = h.Cancel(ctx)
	errs["Signal"] = h.Signal(ctx, "s", nil)
	_, errs["SendSignal"] = c.SendSignal(ctx, "s", nil)
	_, errs["GetRun"] = c.GetRun(ctx, "x")
	_, errs["ListRuns"] = c.ListRuns(ctx, openworkflow.RunFilter{})
	_, errs["CountRuns"] = c.CountRuns(ctx)
	_, errs["ListStepAttempts"] = c.ListStepAttempts(ctx, "x", openworkflow.PageOptions{})
	errs["CancelRun"] = c.CancelRun(ctx, "x")
	_, errs["TallyRuns"] = c.TallyRuns(ctx, openworkflow.RunFilter{}, 0)
	_, errs["WorkflowStats"] = c.WorkflowStats(ctx, openworkflow.StatsOptions{})
	_, errs["ListWorkers"] = c.ListWorkers(ctx)
	_, errs["GetStepAttempt"] = c.GetStepAttempt(ctx, "x")
	_, errs["StartRun"] = c.StartRun(ctx, "w", "", nil)
	_, errs["Rerun"] = c.Rerun(ctx, "x")
	_, errs["CancelRuns"] = c.CancelRuns(ctx, openworkflow.RunFilter{}, openworkflow.BulkOptions{})
	_, errs["RerunRuns"] = c.RerunRuns(ctx, openworkflow.RunFilter{}, openworkflow.BulkOptions{})
	errs["Ping"] = c.Ping(ctx)
	_, errs["NewWorker"] = c.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(waiting.Implement(nil))})
	return errs
}

func TestUnusableClients(t *testing.T) {
	t.Parallel()
	closed := newClient(t)
	derived := closed.WithBackend(memory.New())
	if err := derived.Close(); err != nil {
		t.Error(err)
	}
	if _, err := closed.CountRuns(t.Context()); err != nil {
		t.Errorf("closing a derived client closed its origin: %v", err)
	}
	if err := closed.Close(); err != nil {
		t.Error(err)
	}
	var none *openworkflow.Client
	if err := none.Close(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		name   string
		client *openworkflow.Client
		want   error
		text   string
	}{
		{"nil", none, openworkflow.ErrInvalidArgument, "the client is nil"},
		{"derived of nil", none.WithBackend(memory.New()), openworkflow.ErrInvalidArgument, "the client is nil"},
		{"zero", new(openworkflow.Client), openworkflow.ErrInvalidArgument, "not made with openworkflow.New"},
		{"without backend", newClient(t).WithBackend(nil), openworkflow.ErrInvalidArgument, "backend is nil"},
		{"closed", closed, openworkflow.ErrClientClosed, "the client is closed"},
		{"derived of closed", derived, openworkflow.ErrClientClosed, "the client is closed"},
	} {
		for verb, err := range verbs(t, c.client) {
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s of a client that is %s: %v", verb, c.name, err)
			}
		}
	}
}

func TestUnknownRuns(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, id := range []string{"nobody", "", "a\x00b", "\xff", strings.Repeat("x", 5000)} {
		h := waiting.Handle(c, id)
		_, get := h.Get(t.Context())
		_, result := h.Result(t.Context())
		for verb, err := range map[string]error{"Get": get, "Result": result, "Cancel": h.Cancel(t.Context()), "Signal": h.Signal(t.Context(), "s", nil)} {
			if !errors.Is(err, openworkflow.ErrRunNotFound) || len(err.Error()) > 600 {
				t.Errorf("%s of %.20q: %v", verb, id, err)
			}
		}
	}
	if page, err := c.ListStepAttempts(t.Context(), "nobody", openworkflow.PageOptions{}); err != nil || len(page.Items) != 0 {
		t.Error(page, err)
	}
}

func TestResultWaits(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		h, err := waiting.Run(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		for want, opts := range map[time.Duration][]openworkflow.ResultOption{
			5 * time.Minute: {nil},
			time.Hour:       {openworkflow.WithResultTimeout(time.Hour)},
			0:               {openworkflow.WithResultTimeout(0)},
		} {
			began := time.Now()
			_, err := h.Result(t.Context(), opts...)
			if !errors.Is(err, openworkflow.ErrResultTimeout) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), h.ID()) {
				t.Error(err)
			}
			if took := time.Since(began); took != want {
				t.Errorf("waited %v, not %v", took, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Result(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, openworkflow.ErrResultTimeout) {
			t.Error(err)
		}
		time.AfterFunc(time.Minute, func() {
			if err := h.Cancel(context.Background()); err != nil {
				t.Error(err)
			}
		})
		if _, err := h.Result(t.Context()); !errors.Is(err, openworkflow.ErrRunCanceled) {
			t.Error(err)
		}
		if err := h.Cancel(t.Context()); err != nil {
			t.Errorf("cancelling twice: %v", err)
		}
		other := openworkflow.Declare[int, int]("other").Handle(c, h.ID())
		if _, err := other.Result(t.Context()); !errors.Is(err, openworkflow.ErrInvalidArgument) || !strings.Contains(err.Error(), `"waiting", not of "other"`) {
			t.Error(err)
		}
	})
}

func TestResultThatDoesNotFit(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		stop := startWorker(t, c, openworkflow.Define("waiting", func(openworkflow.Context, int) (int, error) { return 7, nil }))
		defer stop()
		if _, err := result(t, c, waiting, 1); !errors.Is(err, openworkflow.ErrInvalidPayload) || !strings.Contains(err.Error(), "cannot be read into string") {
			t.Error(err)
		}
		wrong := openworkflow.Declare[string, int]("waiting")
		if _, err := result(t, c, wrong, "seven"); !errors.Is(err, openworkflow.ErrInvalidPayload) || !strings.Contains(err.Error(), `the input of workflow "waiting"`) {
			t.Error(err)
		}
	})
}

func TestCloseEndsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := memory.New()
		c, err := openworkflow.New(db)
		if err != nil {
			t.Fatal(err)
		}
		h, err := waiting.Run(t.Context(), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		clients := []*openworkflow.Client{c, c.WithBackend(db), c.WithBackend(db)}
		ended := make(chan error, len(clients))
		for _, client := range clients {
			go func() {
				_, err := waiting.Handle(client, h.ID()).Result(t.Context())
				ended <- err
			}()
		}
		synctest.Wait()
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		for range clients {
			if err := <-ended; !errors.Is(err, openworkflow.ErrClientClosed) {
				t.Error(err)
			}
		}
	})
}

// A client per transaction must not add up.
//
//nolint:paralleltest // it counts the goroutines of the process
func TestWithBackendLeavesNothing(t *testing.T) {
	db := memory.New()
	c, err := openworkflow.New(db)
	if err != nil {
		t.Fatal(err)
	}
	h, err := waiting.Run(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	for range 100 {
		derived := c.WithBackend(db.WithNamespace("default"))
		if _, err := waiting.Handle(derived, h.ID()).Result(t.Context(), openworkflow.WithResultTimeout(time.Microsecond)); !errors.Is(err, openworkflow.ErrResultTimeout) {
			t.Fatal(err)
		}
	}
	if after := runtime.NumGoroutine(); after > before+20 {
		t.Errorf("%d goroutines became %d", before, after)
	}
}

func TestWithBackendActsElsewhere(t *testing.T) {
	t.Parallel()
	db := memory.New()
	c, err := openworkflow.New(db, openworkflow.WithMaxPayload(10))
	if err != nil {
		t.Fatal(err)
	}
	tenant := c.WithBackend(db.WithNamespace("tenant"))
	h, err := waiting.Run(t.Context(), tenant, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetRun(t.Context(), h.ID()); !errors.Is(err, openworkflow.ErrRunNotFound) {
		t.Error(err)
	}
	if run, err := tenant.GetRun(t.Context(), h.ID()); err != nil || run.NamespaceID != "tenant" {
		t.Error(run, err)
	}
	if _, err := tenant.SendSignal(t.Context(), "s", strings.Repeat("x", 20)); !errors.Is(err, openworkflow.ErrPayloadTooLarge) {
		t.Errorf("the limit was not shared: %v", err)
	}
}

func TestBadPayloads(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	text := openworkflow.Declare[string, string]("text")
	for _, bad := range []struct {
		in   string
		want error
	}{
		{"\xff", openworkflow.ErrInvalidPayload},
		{"\x00", openworkflow.ErrInvalidPayload},
		{strings.Repeat("x", 2<<20), openworkflow.ErrPayloadTooLarge},
	} {
		_, err := text.Run(t.Context(), c, bad.in)
		_, sent := c.SendSignal(t.Context(), "s", bad.in)
		for _, err := range []error{err, sent} {
			if !errors.Is(err, bad.want) || len(err.Error()) > 300 {
				t.Error(err)
			}
		}
	}
	if _, err := c.SendSignal(t.Context(), "s", func() {}); !errors.Is(err, openworkflow.ErrInvalidPayload) {
		t.Error(err)
	}
	if _, err := c.SendSignal(t.Context(), "", nil); !errors.Is(err, openworkflow.ErrInvalidArgument) {
		t.Error(err)
	}
	if _, err := c.SendSignal(t.Context(), "s", nil, openworkflow.WithBuffer(-1)); !errors.Is(err, openworkflow.ErrInvalidArgument) {
		t.Error(err)
	}
	if _, err := c.SendSignal(t.Context(), "s", nil, openworkflow.WithIdempotencyKey(""), nil); !errors.Is(err, openworkflow.ErrInvalidArgument) {
		t.Error(err)
	}
	if n, err := c.CountRuns(t.Context()); err != nil || n.Pending != 0 {
		t.Error("something was written", n, err)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, c *openworkflow.Client) {
		var ids []string
		for i := range 7 {
			h, err := waiting.Run(t.Context(), c, i)
			if err != nil {
				t.Fatal(err)
			}
			ids = append([]string{h.ID()}, ids...) // newest first
			time.Sleep(time.Millisecond)
		}
		filter := openworkflow.RunFilter{WorkflowName: "waiting", Status: openworkflow.RunPending, PageOptions: openworkflow.PageOptions{Limit: 3}}
		var seen, sizes []string
		var last *openworkflow.Page[openworkflow.Run]
		for {
			page, err := c.ListRuns(t.Context(), filter)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Items {
				seen = append(seen, r.ID)
			}
			sizes, last = append(sizes, fmt.Sprint(len(page.Items))), page
			if page.Next == "" {
				break
			}
			filter.After = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(page.Next) // as from a URL
		}
		if fmt.Sprint(seen) != fmt.Sprint(ids) || fmt.Sprint(sizes) != "[3 3 1]" {
			t.Errorf("%v, pages of %v", seen, sizes)
		}
		filter.After, filter.Before = "", last.Prev
		back, err := c.ListRuns(t.Context(), filter)
		if err != nil || back.Items[0].ID != ids[3] || back.Next == "" || back.Prev == "" {
			t.Error(back, err)
		}
		none, err := c.ListRuns(t.Context(), openworkflow.RunFilter{Status: "sleeping"}) // the legacy word for running
		if err != nil || len(none.Items) != 0 || none.Items == nil || none.Next != "" || none.Prev != "" {
			t.Error(none, err)
		}
	})
}

func TestBadPages(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	cursor := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, bad := range []struct {
		page openworkflow.PageOptions
		want string
	}{
		{openworkflow.PageOptions{Limit: -1}, "Limit is -1"},
		{openworkflow.PageOptions{Limit: 1001}, "Limit is 1001"},
		{openworkflow.PageOptions{After: "x", Before: "y"}, "not both"},
		{openworkflow.PageOptions{After: "%%%"}, "After is not a cursor"},
		{openworkflow.PageOptions{Before: cursor("hello")}, "Before is not a cursor"},
		{openworkflow.PageOptions{After: cursor(`{"createdAt":"yesterday","id":"x"}`)}, "After is not a cursor"},
		{openworkflow.PageOptions{After: cursor(`{"createdAt":"2026-01-02T03:04:05.000Z"}`)}, "After is not a cursor"},
		{openworkflow.PageOptions{After: cursor(`{"createdAt":"2026-01-02T03:04:05.000Z","id":"\u0000"}`)}, "After is not a cursor"},
	} {
		_, err := c.ListRuns(t.Context(), openworkflow.RunFilter{PageOptions: bad.page})
		_, steps := c.ListStepAttempts(t.Context(), "x", bad.page)
		for _, err := range []error{err, steps} {
			if !errors.Is(err, openworkflow.ErrInvalidArgument) || !strings.Contains(err.Error(), bad.want) {
				t.Errorf("got %v, want %q", err, bad.want)
			}
		}
	}
	for _, f := range []openworkflow.RunFilter{
		{Status: "done"}, {WorkflowName: "\xff"}, {Version: "\x00"}, {IdempotencyKey: "\xff"},
		{CreatedAfter: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)}, {CreatedBefore: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := c.ListRuns(t.Context(), f); !errors.Is(err, openworkflow.ErrInvalidArgument) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if _, err := c.ListRuns(t.Context(), openworkflow.RunFilter{PageOptions: openworkflow.PageOptions{
		After: cursor(`{"createdAt":"2026-01-02T03:04:05.000Z","id":"0b1e"}`)}}); err != nil { // TypeScript's
		t.Error(err)
	}
}

func TestOptionsOfClient(t *testing.T) {
	t.Parallel()
	c := newClient(t, openworkflow.WithLogger(zap.NewNop()), openworkflow.WithMaxPayload(20))
	text := openworkflow.Declare[string, string]("text")
	if _, err := text.Run(t.Context(), c, strings.Repeat("x", 18)); err != nil {
		t.Error(err)
	}
	if _, err := text.Run(t.Context(), c, strings.Repeat("x", 19)); !errors.Is(err, openworkflow.ErrPayloadTooLarge) {
		t.Error(err)
	}
}
