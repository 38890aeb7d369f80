package dashboard_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

const token = "a-token-that-is-long"

func client(t *testing.T) *openworkflow.Client {
	t.Helper()
	b := memory.New()
	ow, err := openworkflow.New(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ow.Close()
		_ = b.Close()
	})
	return ow
}

// serve starts a dashboard at a free port, and returns its address and what stops it.
func serve(t *testing.T, o dashboard.ServerOptions) (origin string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	up, ended := make(chan net.Addr, 1), make(chan error, 1)
	o.Listening = func(a net.Addr) { up <- a }
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	ow := client(t)
	go func() { ended <- dashboard.Serve(ctx, ow, o) }()
	stop = func() error {
		cancel()
		return <-ended
	}
	select {
	case a := <-up:
		t.Cleanup(func() { cancel() })
		return "http://127.0.0.1:" + a.String()[strings.LastIndexByte(a.String(), ':')+1:], stop
	case err := <-ended:
		t.Fatal(err)
		return "", nil
	}
}

// ask returns the status and the body.
func ask(t *testing.T, c *http.Client, path string, change func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(body)
}

func TestServeRefusesOtherAddressesWithoutAuthentication(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:80", "example.com:80", "*:80", "127.0.0.1.evil.example:0"} {
		err := dashboard.Serve(t.Context(), client(t), dashboard.ServerOptions{Addr: addr})
		if !errors.Is(err, dashboard.ErrNoAuthentication) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestServeOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]dashboard.ServerOptions{
		"short token":     {Token: "short"},
		"empty password":  {BasicAuth: &dashboard.BasicAuth{User: "ann"}},
		"cert alone":      {CertFile: "x"},
		"negative":        {StopTimeout: -1},
		"base path":       {Options: dashboard.Options{BasePath: "/x"}},
		"refresh":         {Options: dashboard.Options{Refresh: time.Millisecond}},
		"host":            {Options: dashboard.Options{AllowedHosts: []string{"http://x"}}},
		"no such address": {Addr: "127.0.0.1:99999"},
	} {
		if err := dashboard.Serve(t.Context(), client(t), o); err == nil || strings.Contains(err.Error(), "short\"") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := dashboard.Handler(nil, dashboard.Options{}); err == nil {
		t.Error("a nil client is taken")
	}
}

func TestServeOnLoopback(t *testing.T) {
	t.Parallel()
	origin, stop := serve(t, dashboard.ServerOptions{})
	if status, body := ask(t, http.DefaultClient, origin+"/", nil); status != http.StatusOK || !strings.Contains(body, "No runs yet") {
		t.Errorf("status %d", status)
	}
	if status, _ := ask(t, http.DefaultClient, origin+"/", func(r *http.Request) { r.Host = "evil.example" }); status != http.StatusMisdirectedRequest {
		t.Errorf("another host's name: status %d", status)
	}
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}
}

// TestServeStopsWhileSomebodyLooks: a page that is open does not hold the server up.
func TestServeStopsWhileSomebodyLooks(t *testing.T) {
	t.Parallel()
	origin, stop := serve(t, dashboard.ServerOptions{Options: dashboard.Options{Refresh: 100 * time.Millisecond}})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+"/live/runs", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	lines := bufio.NewScanner(a.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "event: parts") {
	}
	began := time.Now()
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

func TestBasicAuth(t *testing.T) {
	t.Parallel()
	origin, _ := serve(t, dashboard.ServerOptions{Addr: "0.0.0.0:0", BasicAuth: &dashboard.BasicAuth{User: "ann", Password: "secret"}})
	for _, tt := range []struct {
		user, password string
		want           int
	}{{"ann", "secret", 200}, {"ann", "Secret", 401}, {"ann", "", 401}, {"", "secret", 401}, {"ann\x00", "secret", 401}, {"ann", "secretsecret", 401}} {
		if status, body := ask(t, http.DefaultClient, origin+"/", func(r *http.Request) { r.SetBasicAuth(tt.user, tt.password) }); status != tt.want {
			t.Errorf("%q, %q: status %d", tt.user, tt.password, status)
		} else if status != 200 && strings.Contains(body, "Runs") {
			t.Error("the page is shown to strangers")
		}
	}
	for _, path := range []string{"/", "/live/runs", "/runs/x", "/start", "/healthz/../", "//healthz", "/healthz/x"} {
		if status, _ := ask(t, http.DefaultClient, origin+path, nil); status != http.StatusUnauthorized {
			t.Errorf("%s without a password: status %d", path, status)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, _ := ask(t, http.DefaultClient, origin+path, nil); status != http.StatusOK {
			t.Errorf("%s: status %d", path, status)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	origin, _ := serve(t, dashboard.ServerOptions{Addr: "0.0.0.0:0", Token: token})
	bearer := func(s string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", s) }
	}
	for header, want := range map[string]int{"Bearer " + token: 200, "Bearer": 401, "Bearer " + token + "x": 401, token: 401, "Basic " + token: 401, "": 401} {
		if status, _ := ask(t, http.DefaultClient, origin+"/", bearer(header)); status != want {
			t.Errorf("%q: status %d", header, status)
		}
	}
}

func TestTokenForm(t *testing.T) {
	t.Parallel()
	origin, _ := serve(t, dashboard.ServerOptions{Token: token})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	html := func(r *http.Request) { r.Header.Set("Accept", "text/html") }
	if status, body := ask(t, browser, origin+"/", html); status != http.StatusUnauthorized || !strings.Contains(body, `action="/login"`) {
		t.Fatalf("status %d\n%s", status, body)
	}
	login := func(value, site string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/login", strings.NewReader(url.Values{"token": {value}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Sec-Fetch-Site", site)
		a, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		body, _ := io.ReadAll(a.Body)
		return a.StatusCode, string(body)
	}
	if status, body := login("wrong", "same-origin"); status != http.StatusUnauthorized || !strings.Contains(body, "That is not the token") {
		t.Errorf("a wrong token: status %d", status)
	}
	if status, _ := login(token, "cross-site"); status != http.StatusUnauthorized {
		t.Errorf("from another site: status %d", status)
	}
	if status, body := login(token, "same-origin"); status != http.StatusOK || !strings.Contains(body, "No runs yet") {
		t.Errorf("the token: status %d", status)
	}
	at, _ := url.Parse(origin)
	for _, c := range jar.Cookies(at) {
		if strings.Contains(c.Value, token) {
			t.Error("the cookie holds the token")
		}
		c.Value = "A" + c.Value[1:]
		if strings.HasPrefix(c.Value, "AAAA") {
			c.Value = "AAAB" + c.Value[4:]
		}
		jar.SetCookies(at, []*http.Cookie{c})
	}
	if status, _ := ask(t, browser, origin+"/", html); status != http.StatusUnauthorized {
		t.Errorf("a cookie that somebody changed: status %d", status)
	}
}

// TestLoginPageIsStyled: what the form's page asks for is served to strangers too; nothing else is.
func TestLoginPageIsStyled(t *testing.T) {
	t.Parallel()
	origin, _ := serve(t, dashboard.ServerOptions{Token: token})
	_, body := ask(t, http.DefaultClient, origin+"/", func(r *http.Request) { r.Header.Set("Accept", "text/html") })
	_, rest, ok := strings.Cut(body, `rel="stylesheet" href="`)
	if !ok {
		t.Fatal("there is no style")
	}
	path, _, _ := strings.Cut(rest, `"`)
	if status, css := ask(t, http.DefaultClient, origin+path, nil); status != http.StatusOK || !strings.Contains(css, ".login") {
		t.Errorf("%s: status %d", path, status)
	}
}
