package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// rootKey is the context's key of the way from the request's page to the dashboard's first page.
type rootKey struct{}

// rootHeader is how a script says where the page is that it puts the answer into: links must be right from there.
const rootHeader = "X-Dashboard-Root"

// root leads from the page of the request to the first page: "./", "../", … Links begin with it.
func root(ctx context.Context) string {
	if s, ok := ctx.Value(rootKey{}).(string); ok {
		return s
	}
	return "./"
}

// rootOf is root for a page's path, escaped and below the dashboard's base.
func rootOf(p string) string {
	if n := strings.Count(p, "/"); n > 1 {
		return strings.Repeat("../", n-1)
	}
	return "./"
}

// below finds the request's path below the dashboard's base. It is "" for the base itself without its slash, from
// where relative links would lead astray.
func (d *Dashboard) below(r *http.Request) string {
	p := r.URL.EscapedPath()
	if b := d.o.BasePath; b != "" {
		if rest, ok := strings.CutPrefix(p, b); ok && (rest == "" || rest[0] == '/') {
			return rest
		}
	}
	if p == "" && strings.HasSuffix(asked(r), "/") { // StripPrefix("/base/", …) takes the slash too
		return "/"
	}
	if p != "" && p[0] != '/' {
		return "/" + p
	}
	return p
}

// asked is the path that the request asked this process for, before anything was cut off.
func asked(r *http.Request) string {
	p, _, _ := strings.Cut(r.RequestURI, "?")
	return p
}

// locate hands the request on with its path below the base, and with the way to the first page.
func (d *Dashboard) locate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := d.below(r)
		if p == "" {
			last := path.Base(asked(r))
			w.Header().Set("Location", "./"+strings.TrimLeft(last, "/.")+"/")
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		plain, err := url.PathUnescape(p)
		if err != nil || !tidy(p) { // ServeMux would redirect to where it believes to be
			d.fail(w, r, errNoPage)
			return
		}
		from := rootOf(p)
		if there := r.Header.Get(rootHeader); there != "" && r.Header.Get("HX-Request") != "" && strings.Trim(there, "./") == "" && len(there) <= 9 {
			from = there
		}
		r2 := r.WithContext(context.WithValue(r.Context(), rootKey{}, from))
		r2.URL = new(url.URL)
		*r2.URL = *r.URL
		r2.URL.Path, r2.URL.RawPath = plain, p
		next.ServeHTTP(w, r2)
	})
}

// tidy reports whether the path is as ServeMux wants it.
func tidy(p string) bool { return p == path.Clean(p) || p == path.Clean(p)+"/" }

// redirect sends the browser to a page of the dashboard, relative to the page it is on, after a form was sent.
func redirect(w http.ResponseWriter, r *http.Request, to string) error {
	to = root(r.Context()) + to
	if r.Header.Get("HX-Request") != "" { // htmx would follow a redirect itself, and put the page into the form's place
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// runPath is a run's page, seen from the first page.
func runPath(id string) string { return "runs/" + url.PathEscape(id) }

// attemptPath is a step attempt's page, seen from the first page.
func attemptPath(id string) string { return "attempts/" + url.PathEscape(id) }
