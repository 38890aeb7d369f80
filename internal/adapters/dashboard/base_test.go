package dashboard_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
)

var addresses = regexp.MustCompile(`(?:href|src|action|hx-post|data-src|formaction)="([^"]*)"`)

// TestLinksAreRightUnderAnyPath follows every link of every page, wherever the dashboard is mounted.
func TestLinksAreRightUnderAnyPath(t *testing.T) {
	t.Parallel()
	for name, mount := range map[string]func(*site) (http.Handler, string){
		"at the root":            func(s *site) (http.Handler, string) { return s.h, "/" },
		"StripPrefix":            func(s *site) (http.Handler, string) { return mounted("/a/b/", http.StripPrefix("/a/b", s.h)), "/a/b/" },
		"StripPrefix with slash": func(s *site) (http.Handler, string) { return mounted("/a/", http.StripPrefix("/a/", s.h)), "/a/" },
		"BasePath":               func(s *site) (http.Handler, string) { return mounted("/admin/ow/", s.h), "/admin/ow/" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := dashboard.Options{}
			if name == "BasePath" {
				o.BasePath = "/admin/ow"
			}
			s := open(t, o)
			id := s.start("order", "", `{}`)
			s.claim("order", "").finish("a step/with a slash", `1`)
			h, base := mount(s)
			srv := httptest.NewServer(h)
			t.Cleanup(srv.Close)
			crawl(t, srv.URL, base, id)
		})
	}
}

// mounted answers below the prefix only.
func mounted(prefix string, h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(prefix, h)
	return mux
}

// crawl follows links until it has seen all pages; all of them must lie below base and exist.
func crawl(t *testing.T, origin, base, id string) {
	t.Helper()
	seen := map[string]bool{}
	queue := []string{origin + base}
	kinds := map[string]bool{}
	for len(queue) > 0 && len(seen) < 400 {
		page := queue[0]
		queue = queue[1:]
		at, err := url.Parse(page)
		if err != nil {
			t.Fatal(err)
		}
		if at.Fragment = ""; seen[at.String()] {
			continue
		}
		seen[at.String()] = true
		if !strings.HasPrefix(at.Path, base) {
			t.Errorf("%s lies outside of %s", at, base)
			continue
		}
		kinds[kindOf(strings.TrimPrefix(at.Path, base), id)] = true
		body := follow(t, at)
		for _, m := range addresses.FindAllStringSubmatch(body, -1) {
			to, err := at.Parse(strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(m[1]))
			if err != nil {
				t.Errorf("%s: %q: %v", at, m[1], err)
				continue
			}
			queue = append(queue, to.String())
		}
	}
	for _, want := range []string{"", "workflows", "workers", "start", "runs/ID", "runs/ID/cancel", "runs/ID/rerun", "runs/ID/signal", "steps", "attempts", "assets", "bulk/cancel", "runs/ID/payload/input"} {
		if !kinds[want] {
			t.Errorf("nothing led to %q; seen: %v", want, kinds)
		}
	}
}

func kindOf(path, id string) string {
	path = strings.ReplaceAll(path, id, "ID")
	for _, k := range []string{"steps", "attempts", "assets"} {
		if strings.HasPrefix(path, k+"/") {
			return k
		}
	}
	return path
}

func follow(t *testing.T, at *url.URL) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK {
		t.Errorf("%s: status %d", at, a.StatusCode)
	}
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		return ""
	}
	return string(body)
}

func TestTheBaseWithoutItsSlash(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/ow", nil)
	w := httptest.NewRecorder()
	http.StripPrefix("/admin/ow", s.h).ServeHTTP(w, r)
	if w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "./ow/" {
		t.Errorf("status %d, to %q", w.Code, w.Header().Get("Location"))
	}
	s.get("/runs?status=failed").header.Get("Location")
	if to := s.get("/runs?status=failed").header.Get("Location"); to != "./?status=failed" {
		t.Errorf("/runs leads to %q", to)
	}
}
