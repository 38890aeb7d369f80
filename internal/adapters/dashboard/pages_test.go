package dashboard_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func TestEmpty(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	s.get("/").has(t, http.StatusOK, "No runs yet", "Start a run")
	s.get("/workflows").has(t, http.StatusOK, "No workflow ran in this time")
	s.get("/workers").has(t, http.StatusOK, "No live worker")
	s.get("/start").has(t, http.StatusOK, `name="workflow"`)
	s.get("/healthz").has(t, http.StatusOK, "ok")
	s.get("/readyz").has(t, http.StatusOK, "ok")
}

func TestRunsAreListedCountedAndFiltered(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	pending := s.start("order", "1", `{}`, openworkflow.WithIdempotencyKey("key-7"))
	s.start("order", "2", `{}`)
	failed := s.claim("order", "2")
	failed.fail(backend.Failure{Name: "Error", Message: "the card was declined"})
	later := s.start("report", "", `{}`, openworkflow.WithStartAt(time.Now().Add(3*time.Hour)))

	all := s.get("/")
	all.has(t, http.StatusOK, pending, failed.lease.RunID, later, "the card was declined", "scheduled", "starts ")
	if n := counts(all.body); n != "3 2 0 0 1 0" {
		t.Errorf("counts are %q", n)
	}
	for _, tt := range []struct {
		query     string
		has, lack string
	}{
		{"?status=failed", failed.lease.RunID, pending},
		{"?workflow=report", later, pending},
		{"?workflow=order&version=1", pending, failed.lease.RunID},
		{"?key=key-7", pending, later},
		{"?since=1h", pending, "nothing"},
		{"?from=2020-01-01T00:00&to=2020-01-02T00:00", "No run is like this", pending},
	} {
		page := s.get("/" + tt.query)
		page.has(t, http.StatusOK, tt.has)
		page.lacks(t, tt.lack)
	}
}

var statNumber = regexp.MustCompile(`<span class="stat-n">([^<]*)</span>`)

// counts are the numbers above the list: all, pending, running, completed, failed, canceled.
func counts(body string) string {
	var out []string
	for _, m := range statNumber.FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return strings.Join(out, " ")
}

func TestFiltersThatMakeNoSenseSelectNothing(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "", `{}`)
	for _, query := range []string{
		"?status=asleep", "?from=yesterday", "?to=31.1.", "?since=ever", "?workflow=a%00b", "?key=%ff", "?after=x", "?before=e30",
		"?after=a&before=b", "?worker=" + strings.Repeat("w", 2000),
	} {
		page := s.get("/" + query)
		if page.status != http.StatusBadRequest {
			t.Errorf("%s: status %d", query, page.status)
		}
		if !strings.Contains(page.body, `class="problem"`) {
			t.Errorf("%s: the page does not say what is wrong", query)
		}
		page.lacks(t, id)
	}
}

func TestPagesOfTheList(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	for range 120 {
		s.start("many", "", `{}`)
	}
	seen := map[string]bool{}
	path, pages := "/?workflow=many", 0
	for path != "" {
		page := s.get(path)
		page.has(t, http.StatusOK)
		pages++
		for _, m := range regexp.MustCompile(`id="row-([0-9A-Z]+)"`).FindAllStringSubmatch(page.body, -1) {
			if seen[m[1]] {
				t.Fatalf("run %s is on two pages", m[1])
			}
			seen[m[1]] = true
		}
		path = link(page.body, "next")
	}
	if pages != 3 || len(seen) != 120 {
		t.Errorf("%d runs on %d pages", len(seen), pages)
	}
}

// link finds the address of a link by its rel, as a path of the test's.
func link(body, rel string) string {
	m := regexp.MustCompile(`href="\./([^"]*)" rel="` + rel + `"`).FindStringSubmatch(body)
	if m == nil {
		return ""
	}
	return "/" + strings.ReplaceAll(m[1], "&amp;", "&")
}

func TestSearchFindsWhatATextNames(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "", `{}`, openworkflow.WithIdempotencyKey("the key"))
	h := s.claim("order", "")
	attempt := h.finish("charge", `1`)
	for q, want := range map[string]string{
		id: "./runs/" + id, attempt: "./runs/" + id, "the+key": "./?key=the+key", "order": "./?workflow=order",
		"worker-1": "./?worker=worker-1", "nobody": "./?missing=nobody", "": "./", "%00": "./?missing=%00",
	} {
		got := s.get("/search?q=" + q)
		if got.status != http.StatusSeeOther || got.header.Get("Location") != want {
			t.Errorf("%q leads to %d %q, want %q", q, got.status, got.header.Get("Location"), want)
		}
	}
	s.get("/?missing=%3Cb%3E").has(t, http.StatusOK, "Nothing is known as", "&lt;b&gt;")
}

func TestRunPage(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "v2", `{"id": 7, "name": "teapot"}`, openworkflow.WithIdempotencyKey("k"), openworkflow.WithDeadline(time.Now().Add(time.Hour)))
	h := s.claim("order", "v2")
	h.finish("reserve", `{"warehouse":"north"}`)
	failing := h.attempt("charge", backend.KindFunction, func(a *backend.StepAttempt) {
		a.Status, a.FinishedAt, a.RetryAt = backend.StepFailed, h.now.Add(time.Millisecond), h.now.Add(time.Hour)
		a.Error = &backend.Failure{Name: "*card.Error", Message: "declined", Code: "card-declined", Stack: "at charge()"}
	})
	h.commit(backend.Transition{Kind: backend.FinishStep, Attempt: failing})
	h.open("decision", backend.KindSignalWait, `{"kind":"signal-wait","signal":"decided","timeoutAt":"2098-01-02T03:04:05.000Z"}`)
	h.open("night", backend.KindSleep, `{"kind":"sleep","resumeAt":"2097-01-02T03:04:05.000Z"}`)
	child := h.attempt("ship", backend.KindWorkflow, func(a *backend.StepAttempt) {
		a.Context = json.RawMessage(`{"kind":"workflow","timeoutAt":"2098-01-02T03:04:05.000Z"}`)
	})
	h.commit(backend.Transition{Kind: backend.StartChild, Attempt: child, Child: &backend.NewRun{
		ID: backend.NewID(), WorkflowName: "ship-parcel", IdempotencyKey: "c", ParentNamespaceID: "default", ParentAttemptID: child.ID,
	}})
	other := h.finish("again", `1`)
	h.park(time.Now().Add(time.Hour))

	page := s.get("/runs/" + id)
	page.has(t, http.StatusOK, "order", "v2", "waiting", id, "teapot", "Idempotency key", "Deadline",
		"waits for the signal", "decided", "2098-01-02", "sleeps; it wakes", "2097-01-02", "attempt 2 is due", "waits for",
		"reserve", "charge", "decision", "night", "ship", "Cancel", "Rerun", "Send signal", "/live/runs/"+id)
	for _, shape := range []string{"b-done", "b-failed", "b-retry", "b-signal", "b-sleep", "b-child", "b-left", "now-line"} {
		if !strings.Contains(page.body, `class="`+shape) && !strings.Contains(page.body, " "+shape) {
			t.Errorf("no bar is drawn as %s", shape)
		}
	}
	// the child knows its parent
	kid := regexp.MustCompile(`href="\.\./runs/([0-9A-Z]+)">its child`).FindStringSubmatch(page.body)
	if kid == nil {
		t.Fatal("no link to the child")
	}
	s.get("/runs/"+kid[1]).has(t, http.StatusOK, "Parent", "../runs/"+id, "ship")
	// what a row unfolds to
	step := s.get("/steps/" + failing.ID + "?with=" + other)
	step.has(t, http.StatusOK, "declined", "card-declined", "*card.Error", "at charge()", "Attempt 1", "Rerun from here", "Retry due")
	step.lacks(t, "Attempt 2") // the other one is of another step
}

func TestRunThatEnded(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "", `{}`)
	h := s.claim("order", "")
	h.finish("one", `1`)
	h.fail(backend.Failure{Name: "Oops", Message: "it broke", Stack: "at main()", Code: "broken"})
	page := s.get("/runs/" + id)
	page.has(t, http.StatusOK, "failed", "it broke", "at main()", "broken", "Oops", "It failed before it had a result", "Rerun")
	page.lacks(t, "Send signal", ">Cancel<", "data-live=")
}

func TestNobodyServesTheWorkflow(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("orphan", "", `{}`)
	s.get("/runs/"+id).has(t, http.StatusOK, "no live worker has this workflow and version registered")
	s.get("/workflows").has(t, http.StatusOK, "orphan", "no live worker")
}

func TestLongRunsHavePages(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("long", "", `{}`)
	h := s.claim("long", "")
	for i := range 620 {
		h.now = h.now.Add(time.Millisecond)
		h.finish("step-"+string(rune('a'+i%26))+strings.Repeat("x", i/26), `1`)
	}
	h.complete(`true`)
	page := s.get("/runs/" + id)
	page.has(t, http.StatusOK, "more steps than fit")
	if n := strings.Count(page.body, `<details class="tl-step"`); n != 500 {
		t.Errorf("%d steps on the first page", n)
	}
	m := regexp.MustCompile(`href="\.\./(runs/[^"]*)">Go on with the next`).FindStringSubmatch(page.body)
	if m == nil {
		t.Fatal("no link to the next page")
	}
	next := s.get("/" + strings.ReplaceAll(m[1], "&amp;", "&"))
	next.has(t, http.StatusOK, "later steps of a long run")
	if n := strings.Count(next.body, `<details class="tl-step"`); n != 120 {
		t.Errorf("%d steps on the second page", n)
	}
}

func TestWorkersAndWorkflows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, dashboard.Options{})
		def := openworkflow.Define("greet", func(openworkflow.Context, string) (string, error) { return "hello", nil }, openworkflow.WithVersion("3"))
		w, err := s.ow.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(def), Concurrency: 7})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.Stop(t.Context()) }()
		synctest.Wait() // a worker registers beside its first claim
		h, err := def.Run(t.Context(), s.ow, "ann")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Result(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.get("/workers").has(t, http.StatusOK, "1 worker", "greet", "0 of 7", "go")
		s.get("/workflows?window=1h").has(t, http.StatusOK, "greet", "Half within", `class="spark-ok"`)
		s.get("/start").has(t, http.StatusOK, "greet")
	})
}

func TestLargePayloadsAreFoldedAndCut(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	list := `["` + strings.Repeat(`0123456789","`, 12000) + `end"]`
	id := s.start("big", "", list)
	page := s.get("/runs/" + id)
	page.has(t, http.StatusOK, "only the beginning is shown", "<details class=\"fold\"", "array, 12001 items")
	if len(page.body) > 700_000 {
		t.Errorf("the page has %d bytes", len(page.body))
	}
	file := s.get("/runs/" + id + "/payload/input")
	file.has(t, http.StatusOK, `"end"`)
	if got := file.header.Get("Content-Disposition"); got != `attachment; filename="`+id+`-input.json"` {
		t.Errorf("it is sent as %q", got)
	}
	s.get("/runs/"+id+"/payload/output").has(t, http.StatusNotFound)
	s.get("/runs/"+id+"/payload/config").has(t, http.StatusNotFound)
}
