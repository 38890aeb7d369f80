package cli_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// TestMonitoring: a worker's metrics and probes are served while it works, and it ends as cleanly as without.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"openworkflow.yaml": "url: sqlite:app.db\nworker:\n  concurrency: 3\n  metricsAddr: 127.0.0.1:0\n"})
	s := serve(t, dir, "worker", "start", "--migrate", "--log-level", "error")
	for path, want := range map[string]string{"/healthz": `"status":"ok"`, "/readyz": `"workers":"ok"`, "/metrics": "openworkflow_"} {
		if status, body := s.get(path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d\n%s", path, status, body)
		}
	}
	// The address is taken.
	r := shell{dir: dir, program: cli.Program{Name: "shop", Workflows: openworkflow.Workflows(label)}}.run(t, "worker", "start", "--metrics-addr", s.addr)
	if r.status != cli.ExitFailed || !strings.HasPrefix(r.stderr, "shop: --metrics-addr: ") {
		t.Errorf("%+v", r)
	}
	s.stop()
}
