package dashboard

import (
	"net/http"
	"strings"
)

// ServeLogin answers those who are not known, with a form for the token if they are people. The server in front decides who
// is known; the form is sent to its /login. Tried says that a token was sent, and was wrong.
func (d *Dashboard) ServeLogin(w http.ResponseWriter, r *http.Request, form, tried bool) {
	headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !form || !strings.Contains(r.Header.Get("Accept"), "text/html") {
			_ = plain(w, http.StatusUnauthorized, "who are you?")
			return
		}
		p := &page{Title: "Who are you?", Brand: d.o.Title, Name: "login", Root: "/", Now: d.now(), Data: tried}
		html, err := d.pages.execute("login", "bare", p)
		if err != nil {
			d.o.Logger.ErrorContext(r.Context(), "dashboard: the login page cannot be rendered", "error", err)
			_ = plain(w, http.StatusUnauthorized, "who are you?")
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write(html) // a browser that has gone
	})).ServeHTTP(w, r)
}

// Public reports whether what the request asks for is known to everybody anyway: the scripts, the style, and whether the
// process lives.
func Public(r *http.Request) bool {
	p := r.URL.Path
	return p == "/healthz" || p == "/readyz" || strings.HasPrefix(p, "/assets/")
}
