package dashboard_test

import (
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

// FuzzRouter: no request, however strange, panics or is answered with a fault of ours.
func FuzzRouter(f *testing.F) {
	b := memory.New()
	f.Cleanup(func() { _ = b.Close() })
	ow, err := openworkflow.New(b)
	if err != nil {
		f.Fatal(err)
	}
	h, err := ow.StartRun(f.Context(), "order", "", []byte(`{}`))
	if err != nil {
		f.Fatal(err)
	}
	d, err := dashboard.New(ow, dashboard.Options{BasePath: "/ow"})
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{"/", "/ow", "/ow/", "", "/runs/" + h.ID(), "/runs/" + h.ID() + "/cancel", "/bulk/cancel", "/start", "//", "/../", "/runs/%2e%2e", "/runs/%00", "/steps/x", "/live/runs", "/assets/app.css", "/workflows/"} {
		f.Add(http.MethodGet, path, "status=failed&workflow=order&once=1", "HX-Request")
		f.Add(http.MethodPost, path, "sure=yes&id=1&name=x&data={}&workflow=y", "Sec-Fetch-Site")
		f.Add(http.MethodHead, path, "after=x&steps=y&with=z&skipped=-1", "X-Dashboard-Root")
	}
	f.Fuzz(func(t *testing.T, method, path, query, header string) {
		u := &url.URL{Path: path, RawQuery: query}
		if strings.HasPrefix(path, "%") || strings.Contains(path, "%") {
			if plain, err := url.PathUnescape(path); err == nil {
				u.Path, u.RawPath = plain, path
			}
		}
		r := &http.Request{
			Method: method, URL: u, Header: http.Header{}, Host: "example.com", RequestURI: path + "?" + query,
			Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		}
		if method == http.MethodPost {
			r = httptest.NewRequest(method, "/", strings.NewReader(query))
			r.URL, r.RequestURI = u, path
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		r.Header.Set("HX-Request", "true")
		r.Header.Set(header, path)
		r = r.WithContext(t.Context())
		if strings.Contains(u.Path, "live/") { // would stream until the browser goes
			u.RawQuery = "once=1&" + query
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%q %q ? %q: status %d\n%s", method, path, query, w.Code, shorten(w.Body.String()))
		}
		if to := w.Header().Get("Location"); strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\") || strings.Contains(to, "://") && !strings.Contains(to, "?") {
			t.Errorf("%q %q leads to %q", method, path, to)
		}
	})
}

// FuzzFilters: what the filters' form can be filled with selects runs, or is refused: nothing is passed over, and no
// selection is wider than what was asked for.
func FuzzFilters(f *testing.F) {
	b := memory.New()
	f.Cleanup(func() { _ = b.Close() })
	ow, err := openworkflow.New(b)
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"order", "report"} {
		if _, err := ow.StartRun(f.Context(), name, "1", []byte(`{}`), openworkflow.WithIdempotencyKey("k-"+name), openworkflow.WithDeadline(time.Now().Add(time.Hour))); err != nil {
			f.Fatal(err)
		}
	}
	d, err := dashboard.New(ow, dashboard.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("pending", "order", "1", "k-order", "", "1h", "", "")
	f.Add("", "", "", "", "w", "", "2020-01-01T00:00", "2098-01-01")
	f.Add("Pending", " order", "\x00", "\xff", "w", "1y", "0000-00-00", "9999-12-31T23:59:59.999")
	f.Fuzz(func(t *testing.T, status, workflow, version, key, worker, since, from, to string) {
		q := url.Values{"status": {status}, "workflow": {workflow}, "version": {version}, "key": {key}, "worker": {worker}, "since": {since}, "from": {from}, "to": {to}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+q.Encode(), nil)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		body := w.Body.String()
		switch w.Code {
		case http.StatusOK:
		case http.StatusBadRequest:
			if strings.Contains(body, `id="row-`) || !strings.Contains(body, `class="problem"`) {
				t.Errorf("%v: a filter that is wrong selects runs, or nobody is told", q)
			}
			return
		default:
			t.Fatalf("%v: status %d", q, w.Code)
		}
		if name := strings.TrimSpace(workflow); name != "" && name != "order" && strings.Contains(body, `class="row-link"`) && name != "report" {
			t.Errorf("%v: workflow %q selects others", q, name)
		}
		if s := strings.TrimSpace(status); s != "" && s != string(backend.RunPending) && strings.Contains(body, `id="row-`) {
			t.Errorf("%v: status %q selects runs that are pending", q, s)
		}
	})
}
