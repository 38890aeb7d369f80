package cli_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
)

func TestDashboard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"openworkflow.yaml": "url: sqlite:app.db\ndashboard:\n  addr: 127.0.0.1:0\n"})
	if r := (shell{dir: dir}).run(t, "migrate", "up"); r.status != cli.ExitOK {
		t.Fatalf("%+v", r)
	}
	s := serve(t, dir, "dashboard", "--title", "The shop's")
	if status, body := s.get("/"); status != http.StatusOK || !strings.Contains(body, "The shop") {
		t.Errorf("%d\n%s", status, body)
	}
	if status, _ := s.get("/readyz"); status != http.StatusOK {
		t.Errorf("not ready: %d", status)
	}
	s.stop()
}

// TestDashboardToken: the secret is in .env, and nobody gets in without it.
func TestDashboardToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{".env": "OPENWORKFLOW_URL=sqlite:app.db\nOPENWORKFLOW_DASHBOARD_TOKEN=0123456789abcdef\n"})
	if r := (shell{dir: dir}).run(t, "migrate", "up"); r.status != cli.ExitOK {
		t.Fatalf("%+v", r)
	}
	s := serve(t, dir, "dashboard", "--addr", "127.0.0.1:0", "--read-only")
	if status, _ := s.get("/"); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	if status, _ := s.get("/", "Authorization", "Bearer 0123456789abcdef"); status != http.StatusOK {
		t.Errorf("with the token: %d", status)
	}
	s.stop()
}

func TestDashboardRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"openworkflow.yaml": "url: sqlite:app.db\n"})
	if r := (shell{dir: dir}).run(t, "migrate", "up"); r.status != cli.ExitOK {
		t.Fatalf("%+v", r)
	}
	for _, tt := range []struct {
		line   string
		vars   map[string]string
		status int
		want   string
	}{
		{"dashboard --addr 0.0.0.0:0", nil, cli.ExitFailed, "the dashboard has no authentication"},
		{"dashboard --addr nowhere", nil, cli.ExitFailed, "nowhere"},
		{"dashboard --tls-cert a.pem", nil, cli.ExitUsage, "--tls-cert and --tls-key belong together"},
		{"dashboard", map[string]string{"OPENWORKFLOW_DASHBOARD_USER": "ann"}, cli.ExitUsage, "OPENWORKFLOW_DASHBOARD_USER and OPENWORKFLOW_DASHBOARD_PASSWORD belong together"},
		{"dashboard", map[string]string{"OPENWORKFLOW_DASHBOARD_TOKEN": "short"}, cli.ExitFailed, "the token has 5 characters"},
	} {
		r := shell{dir: dir, vars: tt.vars}.run(t, strings.Fields(tt.line)...)
		if r.status != tt.status || !strings.Contains(r.stderr, tt.want) || strings.Contains(r.stderr, "hunter22") {
			t.Errorf("%s: %+v", tt.line, r)
		}
	}
}
