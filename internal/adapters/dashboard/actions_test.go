package dashboard_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// went fails the test unless the answer leads to another page.
func (a answer) went(t *testing.T, prefix string) string {
	t.Helper()
	to := a.header.Get("Location")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(to, prefix) {
		t.Fatalf("status %d, to %q\n%s", a.status, to, shorten(a.body))
	}
	return to
}

func (s *site) status(id string) openworkflow.RunStatus {
	s.t.Helper()
	run, err := s.ow.GetRun(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return run.Status
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "", `{}`)
	s.get("/runs/"+id+"/cancel").has(t, http.StatusOK, "Cancel this run?", id)
	if s.status(id) != openworkflow.RunPending {
		t.Fatal("asking canceled it")
	}
	s.post("/runs/"+id+"/cancel", nil).went(t, "../../runs/"+id+"?notice=canceled")
	if s.status(id) != openworkflow.RunCanceled {
		t.Error("it was not canceled")
	}
	s.get("/runs/"+id+"?notice=canceled").has(t, http.StatusOK, "The run was canceled.")
	s.get("/runs/"+id+"?notice=%3Cscript%3E").lacks(t, "data-notice")

	ended := s.start("order", "", `{}`)
	s.claim("order", "").complete(`1`)
	s.post("/runs/"+ended+"/cancel", nil).went(t, "../../runs/"+ended+"?notice=ended")
	s.post("/runs/nobody/cancel", nil).has(t, http.StatusNotFound, "There is no such run")
}

func TestRerun(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "9", `{"n":1}`)
	h := s.claim("order", "9")
	h.finish("one", `1`)
	h.now = h.now.Add(time.Second)
	h.finish("two", `2`)
	h.complete(`true`)
	s.get("/runs/"+id+"/rerun?from=two").has(t, http.StatusOK, `<option value="two" selected>`, `<option value="one">`)

	to := s.post("/runs/"+id+"/rerun", url.Values{"from": {"two"}}).went(t, "../../runs/")
	again := strings.TrimSuffix(strings.TrimPrefix(to, "../../runs/"), "?notice=rerun")
	page := s.get("/runs/" + again)
	page.has(t, http.StatusOK, "Rerun of", id, "from step", "one")
	page.lacks(t, ">two</bdi></span>")
	s.post("/runs/"+id+"/rerun", url.Values{"from": {""}}).went(t, "../../runs/")
	s.post("/runs/"+id+"/rerun", url.Values{"from": {"three"}}).has(t, http.StatusUnprocessableEntity, "three")
	list, err := s.ow.ListRuns(t.Context(), openworkflow.RunFilter{WorkflowName: "order"})
	if err != nil || len(list.Items) != 3 {
		t.Errorf("%d runs: %v", len(list.Items), err)
	}
}

func TestSignal(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "", `{}`)
	h := s.claim("order", "")
	wait := h.open("decision", backend.KindSignalWait, `{"kind":"signal-wait","signal":"decided","timeoutAt":"2098-01-02T03:04:05.000Z"}`)
	h.park(time.Now().Add(time.Hour))
	s.get("/runs/"+id+"/signal").has(t, http.StatusOK, `value="decided"`)
	s.post("/runs/"+id+"/signal", url.Values{"name": {"decided"}, "data": {`{"yes": tru}`}}).
		has(t, http.StatusUnprocessableEntity, "This is not JSON", "line 1, column 12", `{&#34;yes&#34;: tru}`, `aria-invalid="true"`)
	s.post("/runs/"+id+"/signal", url.Values{"name": {""}}).has(t, http.StatusUnprocessableEntity, "Write the name of the signal")
	s.post("/runs/"+id+"/signal", url.Values{"name": {"decided"}, "data": {`{"yes": true}`}}).went(t, "../../runs/"+id+"?notice=signalled")

	next := s.claim("order", "") // the signal made it due
	got := false
	page, err := s.ow.ListStepAttempts(t.Context(), next.lease.RunID, openworkflow.PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range page.Items {
		got = got || a.ID == wait
	}
	if next.lease.RunID != id || !got {
		t.Error("the signal did not wake the run")
	}
	next.complete(`1`)
	s.post("/runs/"+id+"/signal", url.Values{"name": {"decided"}}).has(t, http.StatusUnprocessableEntity, "finished")
}

func TestStart(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{Workflows: []dashboard.Workflow{{Name: "order", Version: "2"}}})
	s.get("/start").has(t, http.StatusOK, "order")
	for _, tt := range []struct {
		form  url.Values
		wrong string
	}{
		{url.Values{"workflow": {""}}, "Write the name of a workflow"},
		{url.Values{"workflow": {"order"}, "input": {"{\n  \"a\": }"}}, "line 2, column 8"},
		{url.Values{"workflow": {"order"}, "deadline": {"2001-01-01T00:00"}}, "This has passed already"},
		{url.Values{"workflow": {"order"}, "at": {"soon"}}, "Write a date and a time"},
		{url.Values{"workflow": {"order"}, "at": {"2098-01-01T00:00"}, "deadline": {"2097-01-01T00:00"}}, "over before it starts"},
		{url.Values{"workflow": {"order"}, "key": {"__signal:x"}}, "OpenWorkflow&#39;s own"},
		{url.Values{"workflow": {strings.Repeat("x", 600)}}, "workflow name"},
		{url.Values{"workflow": {"order"}, "input": {`"\u0000"`}}, "NUL"},
	} {
		page := s.post("/start", tt.form)
		page.has(t, http.StatusUnprocessableEntity, tt.wrong)
	}
	to := s.post("/start", url.Values{
		"workflow": {" order "}, "version": {"2"}, "input": {`{"n": 12345678901234567890}`}, "key": {"k"}, "at": {"2098-01-01T00:00"}, "deadline": {"2099-01-01T00:00"},
	}).went(t, "./runs/")
	id := strings.TrimSuffix(strings.TrimPrefix(to, "./runs/"), "?notice=started")
	run, err := s.ow.GetRun(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var in struct{ N json.Number }
	if err := json.Unmarshal(run.Input, &in); err != nil || in.N != "12345678901234567890" {
		t.Errorf("the input is %s", run.Input)
	}
	if run.WorkflowName != "order" || run.Version != "2" || run.IdempotencyKey != "k" ||
		run.AvailableAt.Year() != 2098 || run.DeadlineAt.Year() != 2099 {
		t.Errorf("it was started as %+v", run)
	}
	s.get("/start?like="+id).has(t, http.StatusOK, "12345678901234567890", `value="order"`, `value="2"`)
}

func TestBulkCancel(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	for range 7 {
		s.start("order", "", `{}`)
	}
	other := s.start("report", "", `{}`)
	ask := s.get("/bulk/cancel?workflow=order&since=1h")
	ask.has(t, http.StatusOK, "Cancel 7 runs?", "created from", `name="workflow" value="order"`)
	ask.lacks(t, `name="since"`)
	s.post("/bulk/cancel", url.Values{"workflow": {"order"}}).has(t, http.StatusUnprocessableEntity, "if you are sure")
	s.post("/bulk/cancel", url.Values{"workflow": {"order"}, "status": {"sleepy"}, "sure": {"yes"}}).has(t, http.StatusBadRequest)
	if n, err := s.ow.CountRuns(t.Context()); err != nil || n.Canceled != 0 {
		t.Fatalf("%d were canceled without being sure: %v", n.Canceled, err)
	}
	s.post("/bulk/cancel", url.Values{"workflow": {"order"}, "sure": {"yes"}}).has(t, http.StatusOK, "Canceled: 7", "All that were meant")
	if s.status(other) != openworkflow.RunPending {
		t.Error("a run that the filter does not select was canceled")
	}
	s.get("/bulk/cancel?status=failed").has(t, http.StatusOK, "Runs that have ended cannot be canceled")
	s.get("/bulk/delete").has(t, http.StatusNotFound)
}

func TestBulkOfThoseTicked(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	a, b, c := s.start("order", "", `{}`), s.start("order", "", `{}`), s.start("order", "", `{}`)
	s.get("/bulk/cancel?id="+a+"&id="+b).has(t, http.StatusOK, "Cancel 2 runs?", "Those that you ticked", a, b)
	s.post("/bulk/cancel", url.Values{"id": {a, b, "nobody"}, "sure": {"yes"}}).has(t, http.StatusOK, "Canceled: 2", "1 had ended or gone")
	if s.status(a) != openworkflow.RunCanceled || s.status(b) != openworkflow.RunCanceled || s.status(c) != openworkflow.RunPending {
		t.Error("not those that were ticked were canceled")
	}
	s.post("/bulk/rerun", url.Values{"id": {a}, "sure": {"yes"}}).has(t, http.StatusOK, "Started again: 1")
	s.post("/bulk/rerun", url.Values{"status": {"canceled"}, "sure": {"yes"}}).has(t, http.StatusOK, "Started again: 2")
	if n, err := s.ow.CountRuns(t.Context()); err != nil || n.Pending != 4 {
		t.Errorf("%d are pending: %v", n.Pending, err)
	}
}

func TestFormsInDialogs(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "", `{}`)
	ask := func(method, path, body string) answer {
		r, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.RequestURI = path
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Target", "sheet-body")
		r.Header.Set("X-Dashboard-Root", "../")
		return s.do(r)
	}
	sheet := ask(http.MethodGet, "/runs/"+id+"/signal", "")
	sheet.has(t, http.StatusOK, `hx-post="../runs/`+id+`/signal"`)
	sheet.lacks(t, "<html", "<main")
	ask(http.MethodPost, "/runs/"+id+"/signal", "name=").has(t, http.StatusUnprocessableEntity, "Write the name of the signal")
	if got := ask(http.MethodPost, "/runs/"+id+"/cancel", "").header.Get("HX-Redirect"); got != "../runs/"+id+"?notice=canceled" {
		t.Errorf("the browser is sent to %q", got)
	}
}
