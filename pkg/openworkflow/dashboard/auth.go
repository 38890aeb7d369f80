package dashboard

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
)

const (
	cookieName = "openworkflow_dashboard"
	session    = 12 * time.Hour
	maxLogin   = 4 << 10 // bytes of the form
)

// guard puts the authentication in front of the dashboard.
func (o *ServerOptions) guard(d *dashboard.Dashboard) http.Handler {
	if o.open() {
		return d
	}
	return &guard{o: o, pages: d, cross: http.NewCrossOriginProtection()}
}

type guard struct {
	o     *ServerOptions
	pages *dashboard.Dashboard
	cross *http.CrossOriginProtection
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case dashboard.Public(r), g.knows(r):
		g.pages.ServeHTTP(w, r)
	case g.o.Token != "" && r.URL.Path == "/login" && r.Method == http.MethodPost:
		g.login(w, r)
	default:
		g.refuse(w, r, false)
	}
}

// knows reports whether the request proves who it is from.
func (g *guard) knows(r *http.Request) bool {
	if b := g.o.BasicAuth; b != nil {
		user, password, _ := r.BasicAuth()
		// Both are compared, whatever the first one says: the time taken tells nothing.
		if same(user, b.User)&same(password, b.Password) == 1 {
			return true
		}
	}
	if g.o.Token == "" {
		return false
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && same(token, g.o.Token) == 1 {
		return true
	}
	c, err := r.Cookie(cookieName)
	return err == nil && g.current(c.Value)
}

// same compares in a time that depends on neither text, not even on their lengths.
func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// pass makes a cookie's value: when it ends, and proof that whoever made it knew the token.
func (g *guard) pass(end time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(end.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, g.mac(b)...))
}

func (g *guard) mac(b []byte) []byte {
	m := hmac.New(sha256.New, []byte("openworkflow dashboard session "+g.o.Token))
	m.Write(b)
	return m.Sum(nil)
}

func (g *guard) current(value string) bool {
	b, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(b) != 8+sha256.Size {
		return false
	}
	end := time.Unix(int64(binary.BigEndian.Uint64(b[:8])), 0)
	return hmac.Equal(b[8:], g.mac(b[:8])) && time.Now().Before(end)
}

// login takes the token from the form, and leaves a cookie in its place.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	if g.cross.Check(r) != nil || same(r.PostFormValue("token"), g.o.Token) != 1 {
		g.refuse(w, r, true)
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure as far as there is TLS: on loopback there is none
		Name: cookieName, Value: g.pass(time.Now().Add(session)), Path: "/", MaxAge: int(session.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// refuse asks who it is.
func (g *guard) refuse(w http.ResponseWriter, r *http.Request, tried bool) {
	h := w.Header()
	if g.o.BasicAuth != nil {
		h.Add("WWW-Authenticate", `Basic realm="OpenWorkflow", charset="UTF-8"`)
	}
	if g.o.Token != "" {
		h.Add("WWW-Authenticate", `Bearer realm="OpenWorkflow"`)
	}
	g.pages.ServeLogin(w, r, g.o.Token != "", tried)
}
