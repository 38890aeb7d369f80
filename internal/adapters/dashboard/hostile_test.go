package dashboard_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// evil tries to leave every context that a page has: text, attributes of either quote, addresses, scripts, comments,
// templates; it turns the direction of text, hides characters, and is no UTF-8.
const evil = "<XQ>\"XQ'XQ`XQ&XQ--></script></textarea></title></svg><XQ onerror=XQ>{{XQ}}javascript:XQ//\u202eXQ\u2066\u200b\x00\x1b[31m\xff\xfe"

// hostile is a store in which every text that somebody chose is evil.
type hostile struct{ *memory.Backend }

func corrupt(r *backend.Run) {
	r.WorkflowName, r.Version, r.IdempotencyKey, r.WorkerID = evil, evil, evil, evil
	r.Input, r.Output, r.Context, r.Config = quoted(evil), json.RawMessage(`{"`+evil), quoted(evil), json.RawMessage(`{"rerunOf":"<XQ>\"XQ","fromStep":"'XQ<XQ>"}`)
	r.Error = &backend.Failure{Name: evil, Message: evil, Stack: evil, Code: evil}
	r.ParentAttemptID, r.ParentNamespaceID = evil, evil
}

func corruptAttempt(a *backend.StepAttempt) {
	a.StepName, a.Output, a.ChildRunID, a.ChildNamespaceID = evil+"/"+evil, quoted(evil), evil, evil
	a.Error = &backend.Failure{Name: evil, Message: evil, Stack: evil, Code: evil}
	if a.Kind == backend.KindSignalWait {
		a.Context = json.RawMessage(`{"kind":"signal-wait","signal":"<XQ>\"XQ'XQ","timeoutAt":"2098-01-02T03:04:05.000Z"}`)
	}
}

// quoted is JSON with the text in it as a database would give it back, but for what it cannot hold.
func quoted(s string) json.RawMessage {
	return json.RawMessage(`{"` + strings.ReplaceAll(strings.ReplaceAll(s, `"`, `\"`), "\x00", "") + `":["<XQ>",1e400,"` + strings.Repeat("<XQ>", 3000) + `"]}`)
}

func (h hostile) GetRuns(ctx context.Context, ids []string) ([]backend.Run, error) {
	runs, err := h.Backend.GetRuns(ctx, ids)
	for i := range runs {
		corrupt(&runs[i])
	}
	return runs, err
}

func (h hostile) ListRuns(ctx context.Context, f backend.RunFilter, p backend.PageRequest) (backend.Page[backend.Run], error) {
	page, err := h.Backend.ListRuns(ctx, backend.RunFilter{}, p)
	for i := range page.Items {
		corrupt(&page.Items[i])
		page.Items[i].ID = evil
	}
	return page, err
}

func (h hostile) ListStepAttempts(ctx context.Context, id string, p backend.PageRequest) (backend.Page[backend.StepAttempt], error) {
	page, err := h.Backend.ListStepAttempts(ctx, id, p)
	for i := range page.Items {
		corruptAttempt(&page.Items[i])
	}
	return page, err
}

func (h hostile) GetStepAttempts(ctx context.Context, ids []string) ([]backend.StepAttempt, error) {
	found, err := h.Backend.GetStepAttempts(ctx, ids)
	for i := range found {
		corruptAttempt(&found[i])
	}
	return found, err
}

func (h hostile) ListWorkers(ctx context.Context, ttl time.Duration) ([]backend.WorkerRecord, error) {
	return []backend.WorkerRecord{{ID: evil, Host: evil, Language: evil, PID: -1, Concurrency: -3, Holding: -7, Workflows: []backend.WorkflowKey{{Name: evil, Version: evil}}}}, nil
}

func (h hostile) WorkflowStats(ctx context.Context, r backend.StatsRequest) (backend.StatsResult, error) {
	out, err := h.Backend.WorkflowStats(ctx, r)
	for i := range out.Workflows {
		out.Workflows[i].Name, out.Workflows[i].Version = evil, evil
	}
	return out, err
}

// TestHostileStrings: whatever is stored, and whatever is asked for, comes out as text.
func TestHostileStrings(t *testing.T) {
	t.Parallel()
	b := memory.New()
	t.Cleanup(func() { _ = b.Close() })
	s := openOn(t, hostile{b}, dashboard.Options{Title: evil, Workflows: []dashboard.Workflow{{Name: evil, Version: evil}}})
	id := s.start("order", "", `{}`)
	done := s.start("order", "", `{}`)
	h := s.claim("order", "")
	step := h.finish("a", `1`)
	bad := h.attempt("b", backend.KindFunction, func(a *backend.StepAttempt) {
		a.Status, a.FinishedAt, a.Error, a.RetryAt = backend.StepFailed, h.now, &backend.Failure{Message: "x"}, h.now.Add(time.Hour)
	})
	h.commit(backend.Transition{Kind: backend.FinishStep, Attempt: bad})
	h.open("c", backend.KindSignalWait, `{"kind":"signal-wait","signal":"x","timeoutAt":"2098-01-02T03:04:05.000Z"}`)
	h.open("d", backend.KindWorkflow, `{}`)
	h.open("e", backend.KindSleep, `{"kind":"sleep","resumeAt":"soon"}`)
	h.park(time.Now().Add(time.Hour))
	s.claim("order", "").fail(backend.Failure{Message: "x"})
	q := url.QueryEscape(evil)
	paths := []string{
		"/", "/?workflow=" + q + "&version=" + q + "&key=" + q + "&worker=" + q + "&since=" + q + "&from=" + q + "&to=" + q + "&status=" + q,
		"/?missing=" + q + "&after=" + q + "&notice=" + q, "/?status=" + q, "/?workflow=" + url.QueryEscape(strings.ToValidUTF8(strings.ReplaceAll(evil, "\x00", ""), "")),
		"/runs/" + id, "/runs/" + done, "/runs/" + id + "?scale=linear", "/runs/" + id + "?steps=" + q, "/runs/" + url.PathEscape(evil),
		"/runs/" + id + "/cancel", "/runs/" + id + "/rerun?from=" + q, "/runs/" + id + "/signal?name=" + q,
		"/steps/" + step, "/steps/" + bad.ID + "?skipped=" + q + "&with=" + q, "/attempts/" + bad.ID, "/attempts/" + url.PathEscape(evil),
		"/workflows?window=" + q, "/workers", "/start?workflow=" + q + "&version=" + q, "/start?like=" + id, "/start?like=" + q,
		"/bulk/cancel?id=" + q, "/bulk/cancel?workflow=" + url.QueryEscape("<XQ>\"XQ'XQ"), "/bulk/" + url.PathEscape(evil), "/" + url.PathEscape(evil),
		"/live/runs?once=1", "/live/runs/" + id + "?once=1", "/live/workflows?once=1", "/live/workers?once=1",
	}
	for _, path := range paths {
		harmless(t, path, s.get(path))
	}
	form := url.Values{"workflow": {evil}, "version": {evil}, "input": {evil}, "key": {evil}, "at": {evil}, "deadline": {evil}, "name": {evil}, "data": {evil}, "from": {evil}, "id": {evil}, "sure": {"yes"}}
	for _, path := range []string{"/start", "/runs/" + id + "/rerun", "/runs/" + id + "/signal", "/bulk/cancel", "/bulk/rerun"} {
		harmless(t, "POST "+path, s.post(path, form))
	}
	form.Set("input", `"<XQ>"`)
	form.Set("data", `"<XQ>"`)
	harmless(t, "POST /start", s.post("/start", form))
	harmless(t, "POST signal", s.post("/runs/"+id+"/signal", form))
}

// held is what forms hold, which has to come back as it was, and what scripts copy from.
var held = regexp.MustCompile(`(?s) (value|href|action|hx-post|data-[a-z-]+|content|id|aria-label)="[^"]*"|<textarea.*?</textarea>`)

// harmless fails the test if anything of the evil text stands where it means something.
func harmless(t *testing.T, path string, a answer) {
	t.Helper()
	if a.status >= http.StatusInternalServerError {
		t.Errorf("%.80s: status %d", path, a.status)
	}
	body := a.body
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") && !strings.Contains(path, "/payload/") {
		var news struct{ Parts map[string]string }
		if err := json.Unmarshal([]byte(body), &news); err != nil {
			t.Errorf("%.80s: %v", path, err)
		}
		body = ""
		for _, html := range news.Parts {
			body += html
		}
	}
	for _, bad := range []string{"<XQ", `"XQ`, "'XQ", "</script><", "--><", "\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\xff"} {
		if bad[0] < ' ' || bad[0] > '~' {
			body = held.ReplaceAllString(body, "")
		}
		if i := strings.Index(body, bad); i >= 0 {
			t.Errorf("%.80s: %q stands on the page as it is: …%q…", path, bad, body[max(0, i-120):min(len(body), i+40)])
		}
	}
	for _, attribute := range []string{`href="javascript:`, `href="XQ`, `src="javascript:`, ` onerror=XQ>`} {
		if strings.Contains(body, attribute) {
			t.Errorf("%.80s: %q is on the page", path, attribute)
		}
	}
}

func TestVeryLongNames(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	name := strings.Repeat("Æ漢🙂", 56)
	id := s.start(name, strings.Repeat("v", 500), `{}`)
	h := s.claim(name, strings.Repeat("v", 500))
	h.finish(strings.Repeat("very/long/", 51), `1`)
	s.get("/").has(t, http.StatusOK, name)
	s.get("/runs/"+id).has(t, http.StatusOK, name, "very/long/")
}
