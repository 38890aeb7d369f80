package dashboard

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxBody bounds what a form may send: the largest payload that clients store by default, escaped, and its fields.
const maxBody = 4 << 20

// policy is the content security policy: nothing inline, nothing from elsewhere, in nobody's frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// protect puts what guards every request in front of next.
func (d *Dashboard) protect(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.fail(w, r, errCrossOrigin) }))
	next = d.writable(next)
	next = origin.Handler(next)
	next = d.hosts(next)
	next = d.locate(next)
	return headers(d.contain(next))
}

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not no-referrer: with it browsers send forms with the Origin "null", which tells nothing about where they are from.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
		h.Set("Cache-Control", "no-store") // payloads are nobody's cache's; assets say otherwise
		next.ServeHTTP(w, r)
	})
}

// contain keeps a fault in a handler from ending the user's process.
func (d *Dashboard) contain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v) //nolint:forbidigo // net/http's own way to end an answer
			default:
				d.fail(w, r, fmt.Errorf("the handler panicked: %v", v))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// writable refuses to change anything in read-only mode, whatever the pages offer.
func (d *Dashboard) writable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.o.ReadOnly && r.Method != http.MethodGet && r.Method != http.MethodHead {
			d.fail(w, r, errReadOnly)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hosts refuses names that are not this dashboard's: a page elsewhere could have its own name point here, and its
// script would then be of the same origin. Which names are: those of AllowedHosts; without any, all loopback names where
// the connection came in over loopback, and any name elsewhere, where authentication stands in front.
func (d *Dashboard) hosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.hostAllowed(r) {
			next.ServeHTTP(w, r)
			return
		}
		d.fail(w, r, errHost)
	})
}

func (d *Dashboard) hostAllowed(r *http.Request) bool {
	name, port := splitHost(r.Host)
	for _, allowed := range d.o.AllowedHosts {
		want, wantPort := splitHost(allowed)
		if allowed == "*" || strings.EqualFold(name, want) && (wantPort == "" || wantPort == port) {
			return true
		}
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if ok && loopbackAddr(local) {
		return loopbackName(name)
	}
	return len(d.o.AllowedHosts) == 0
}

func splitHost(hostport string) (host, port string) {
	if h, p, err := net.SplitHostPort(hostport); err == nil {
		return strings.TrimSuffix(h, "."), p
	}
	return strings.TrimSuffix(strings.Trim(hostport, "[]"), "."), ""
}

func loopbackName(name string) bool {
	if strings.EqualFold(name, "localhost") || strings.HasSuffix(strings.ToLower(name), ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback()
}

func loopbackAddr(a net.Addr) bool {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// checkHost checks an entry of AllowedHosts.
func checkHost(h string) error {
	if name, _ := splitHost(h); name == "" || strings.ContainsAny(h, "/ ") {
		return fmt.Errorf("option AllowedHosts has %q; write a host's name, with or without a port, or \"*\" for any", h)
	}
	return nil
}
