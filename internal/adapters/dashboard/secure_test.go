package dashboard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

var everyPage = []string{
	"/", "/workflows", "/workers", "/start", "/nothing", "/runs/nobody", "/search?q=x", "/bulk/cancel", "/healthz", "/readyz", "/live/workers?once=1",
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	for _, path := range everyPage {
		h := s.get(path).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: the policy is %q", path, csp)
		}
	}
}

func TestNothingInline(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "", `{}`)
	s.claim("order", "").finish("a", `1`)
	for _, path := range append(everyPage, "/runs/"+id, "/runs/"+id+"/cancel", "/runs/"+id+"/rerun", "/runs/"+id+"/signal") {
		page := s.get(path)
		for _, bad := range []string{"<style", " style=", "javascript:", " onclick=", " onload=", "http://", "https://"} {
			if strings.Contains(page.body, bad) {
				t.Errorf("%s has %q", path, bad)
			}
		}
		if n, src := strings.Count(page.body, "<script"), strings.Count(page.body, "script src=")+strings.Count(page.body, "script defer src="); n != src {
			t.Errorf("%s has a script inside", path)
		}
	}
}

func TestRequestsFromOtherSites(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	id := s.start("order", "", `{}`)
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/runs/"+id+"/cancel", nil)
		r.Header = header
		s.do(r).has(t, http.StatusForbidden, "from another site")
	}
	if s.status(id) != "pending" {
		t.Error("it was canceled from another site")
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8233}
	far := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 8233}
	for _, tt := range []struct {
		allowed []string
		at      net.Addr
		host    string
		want    bool
	}{
		{nil, local, "localhost:8233", true},
		{nil, local, "127.0.0.1:8233", true},
		{nil, local, "[::1]:8233", true},
		{nil, local, "app.localhost", true},
		{nil, local, "evil.example", false},
		{nil, local, "127.0.0.1.evil.example:8233", false},
		{nil, local, "localhost.evil.example", false},
		{nil, local, "", false},
		{nil, far, "anything.example", true},
		{[]string{"ow.example.com"}, local, "ow.example.com", true},
		{[]string{"ow.example.com"}, local, "OW.example.com:80", true},
		{[]string{"ow.example.com"}, local, "localhost", true},
		{[]string{"ow.example.com:8443"}, far, "ow.example.com:8443", true},
		{[]string{"ow.example.com:8443"}, far, "ow.example.com", false},
		{[]string{"ow.example.com"}, far, "evil.example", false},
		{[]string{"ow.example.com"}, far, "localhost", false},
		{[]string{"*"}, local, "evil.example", true},
	} {
		s := open(t, dashboard.Options{AllowedHosts: tt.allowed})
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, tt.at), http.MethodGet, "/", nil)
		r.Host = tt.host
		got := s.do(r)
		if (got.status == http.StatusOK) != tt.want || !tt.want && got.status != http.StatusMisdirectedRequest {
			t.Errorf("%q at %v with %q allowed: status %d", tt.host, tt.at, tt.allowed, got.status)
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{ReadOnly: true})
	id := s.start("order", "", `{}`)
	for _, path := range []string{"/runs/" + id + "/cancel", "/runs/" + id + "/rerun", "/runs/" + id + "/signal", "/start", "/bulk/cancel", "/bulk/rerun"} {
		s.post(path, url.Values{"sure": {"yes"}, "workflow": {"order"}, "name": {"x"}, "id": {id}}).has(t, http.StatusForbidden, "read-only")
		s.get(path).has(t, http.StatusForbidden, "read-only")
	}
	if n, err := s.ow.CountRuns(t.Context()); err != nil || n.Pending != 1 || n.Canceled != 0 {
		t.Errorf("something was changed: %+v, %v", n, err)
	}
	for _, path := range []string{"/", "/runs/" + id} {
		page := s.get(path)
		page.has(t, http.StatusOK, id, "Read-only")
		page.lacks(t, "/cancel", "/rerun", "/signal", "./start", "../start", `type="checkbox" name="id"`)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	s.post("/start", url.Values{"workflow": {"order"}, "input": {`"` + strings.Repeat("x", 5<<20) + `"`}}).
		has(t, http.StatusRequestEntityTooLarge, "too large")
}

func TestMethods(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/workflows", nil)
	got := s.do(r)
	got.has(t, http.StatusMethodNotAllowed, "That cannot be done here")
	if got.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("it allows %q", got.header.Get("Allow"))
	}
}

// broken is a store whose database says too much.
type broken struct{ backend.Backend }

var errSecret = errors.New(`dial "postgres://admin:hunter2@db.internal/prod": relation "salaries" has the key 4711`)

func (broken) ListRuns(context.Context, backend.RunFilter, backend.PageRequest) (backend.Page[backend.Run], error) {
	return backend.Page[backend.Run]{}, errSecret
}

func (broken) GetRuns(context.Context, []string) ([]backend.Run, error) { panic(errSecret) }

func TestErrorsOfTheDatabaseStayInTheLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := memory.New()
	t.Cleanup(func() { _ = b.Close() })
	s := openOn(t, broken{b}, dashboard.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, path := range []string{"/", "/runs/x", "/live/runs?once=1", "/live/runs/x?once=1", "/search?q=x"} {
		page := s.get(path)
		page.has(t, http.StatusServiceUnavailable)
		page.lacks(t, "hunter2", "salaries", "db.internal", "postgres")
	}
	if !strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "reference=") {
		t.Errorf("the log does not say what was wrong: %s", log.String())
	}
	// A store without the optional capability: pages say so, or do without.
	s.get("/workflows").has(t, http.StatusNotImplemented, "This store cannot tell")
}

func TestRedaction(t *testing.T) {
	t.Parallel()
	hide := func(f dashboard.Field, raw json.RawMessage) json.RawMessage {
		switch f.Kind {
		case dashboard.KindInput:
			return json.RawMessage(strings.ReplaceAll(string(raw), "SECRET", "*****"))
		case dashboard.KindOutput:
			panic("a fault of the hook's")
		case dashboard.KindStepOutput:
			return nil
		case dashboard.KindError, dashboard.KindStepError:
			return json.RawMessage(`{"message":"something about ` + f.Step + `"}`)
		}
		return raw
	}
	s := open(t, dashboard.Options{Redact: hide})
	id := s.start("order", "", `{"card":"SECRET"}`)
	h := s.claim("order", "")
	step := h.finish("charge", `"SECRET"`)
	bad := h.attempt("pay", backend.KindFunction, func(a *backend.StepAttempt) {
		a.Status, a.FinishedAt, a.Error = backend.StepFailed, h.now, &backend.Failure{Name: "SECRET", Message: "SECRET", Stack: "SECRET", Code: "SECRET"}
	})
	h.commit(backend.Transition{Kind: backend.FinishStep, Attempt: bad})
	h.fail(backend.Failure{Name: "SECRET", Message: "SECRET", Stack: "SECRET"})
	done := s.start("order", "", `{}`)
	s.claim("order", "").complete(`"SECRET"`)
	for _, path := range []string{
		"/", "/runs/" + id, "/runs/" + done, "/steps/" + step, "/steps/" + bad.ID, "/attempts/" + bad.ID, "/start?like=" + id, "/live/runs?once=1",
		"/live/runs/" + id + "?once=1", "/runs/" + id + "/payload/input", "/runs/" + done + "/payload/output", "/attempts/" + step + "/payload/output",
		"/runs/" + id + "/cancel", "/runs/" + id + "/rerun", "/runs/" + id + "/signal",
	} {
		page := s.get(path)
		page.lacks(t, "SECRET")
		if page.status >= 500 {
			t.Errorf("%s: status %d", path, page.status)
		}
	}
	s.get("/runs/"+id).has(t, http.StatusOK, "*****", "something about")
	s.get("/steps/"+bad.ID).has(t, http.StatusOK, "something about pay")
}
