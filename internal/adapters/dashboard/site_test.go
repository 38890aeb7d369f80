package dashboard_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// site is a dashboard over a store in memory.
type site struct {
	t  *testing.T
	b  backend.Backend
	ow *openworkflow.Client
	h  http.Handler
}

func open(t *testing.T, o dashboard.Options) *site {
	t.Helper()
	b := memory.New()
	t.Cleanup(func() { _ = b.Close() })
	return openOn(t, b, o)
}

func openOn(t *testing.T, b backend.Backend, o dashboard.Options) *site {
	t.Helper()
	ow, err := openworkflow.New(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ow.Close() })
	d, err := dashboard.New(ow, o)
	if err != nil {
		t.Fatal(err)
	}
	return &site{t: t, b: b, ow: ow, h: d}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(r *http.Request) answer {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	got := w.Result()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(body)}
}

func (s *site) get(path string) answer {
	s.t.Helper()
	return s.do(httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, path, nil))
}

func (s *site) post(path string, form url.Values) answer {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.do(r)
}

// has fails the test unless the answer has the status and all the texts.
func (a answer) has(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d\n%s", a.status, status, shorten(a.body))
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("%q is not on the page\n%s", text, shorten(a.body))
		}
	}
}

func (a answer) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("%q is on the page", text)
		}
	}
}

func shorten(s string) string {
	if i := strings.Index(s, "<main"); i >= 0 {
		s = s[i:]
	}
	return s[:min(len(s), 6000)]
}

// start makes a run.
func (s *site) start(workflow, version, input string, opts ...openworkflow.RunOption) string {
	s.t.Helper()
	h, err := s.ow.StartRun(s.t.Context(), workflow, version, json.RawMessage(input), opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	return h.ID()
}

// hand is a worker's hold on a run, for histories that are written as a worker writes them.
type hand struct {
	s     *site
	lease backend.Lease
	now   time.Time
}

// claim takes a run of the workflow.
func (s *site) claim(workflow, version string) *hand {
	s.t.Helper()
	c, err := s.b.ClaimRuns(s.t.Context(), backend.ClaimRequest{
		WorkerID: "worker-1", Workflows: []backend.WorkflowKey{{Name: workflow, Version: version}}, Limit: 1, LeaseDuration: time.Hour,
	})
	if err != nil || len(c.Runs) != 1 {
		s.t.Fatalf("claimed %d runs: %v", len(c.Runs), err)
	}
	run := c.Runs[0]
	return &hand{s, backend.Lease{RunID: run.ID, WorkerID: "worker-1", Epoch: run.Attempts}, c.Now}
}

func (h *hand) commit(ts ...backend.Transition) {
	h.s.t.Helper()
	for i := range ts {
		ts[i].Lease = h.lease
	}
	verdicts, err := h.s.b.Commit(context.WithoutCancel(h.s.t.Context()), ts)
	if err != nil {
		h.s.t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Err != nil {
			h.s.t.Fatalf("transition %d: %v", i, v.Err)
		}
	}
}

// attempt makes a step attempt of the run.
func (h *hand) attempt(step string, kind backend.StepKind, change func(*backend.StepAttempt)) backend.StepAttempt {
	a := backend.StepAttempt{ID: backend.NewID(), StepName: step, Kind: kind, Status: backend.StepRunning, StartedAt: h.now}
	if change != nil {
		change(&a)
	}
	return a
}

func (h *hand) finish(step, output string) string {
	h.s.t.Helper()
	a := h.attempt(step, backend.KindFunction, func(a *backend.StepAttempt) {
		a.Status, a.Output, a.FinishedAt = backend.StepCompleted, json.RawMessage(output), h.now.Add(time.Millisecond)
	})
	h.commit(backend.Transition{Kind: backend.FinishStep, Attempt: a})
	return a.ID
}

func (h *hand) open(step string, kind backend.StepKind, context string) string {
	h.s.t.Helper()
	a := h.attempt(step, kind, func(a *backend.StepAttempt) { a.Context = json.RawMessage(context) })
	h.commit(backend.Transition{Kind: backend.StartStep, Attempt: a})
	return a.ID
}

func (h *hand) park(until time.Time) {
	h.s.t.Helper()
	h.commit(backend.Transition{Kind: backend.ParkRun, WakeAt: until})
}

func (h *hand) fail(f backend.Failure) {
	h.s.t.Helper()
	h.commit(backend.Transition{Kind: backend.FailRun, Error: &f})
}

func (h *hand) complete(output string) {
	h.s.t.Helper()
	h.commit(backend.Transition{Kind: backend.CompleteRun, Output: json.RawMessage(output)})
}
