package cli_test

import (
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

var commands = []string{
	"", "runs", "runs list", "runs get", "runs start", "runs cancel", "runs rerun", "runs watch", "steps list",
	"signal send", "workflows list", "stats", "worker start", "worker list", "dashboard", "migrate", "migrate up", "migrate down",
	"migrate status", "doctor", "init", "version",
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, line := range commands {
		args := append(strings.Fields(line), "--help")
		r := run(t, nil, args...)
		if r.status != cli.ExitOK || r.stderr != "" {
			t.Errorf("%s: %+v", line, r)
		}
		golden(t, strings.ReplaceAll(strings.TrimSpace("help "+line), " ", "_"), r.stdout)
	}
}

// TestOwnProgramsHelp: a program with a database of its own has no flags to name another one, and no init.
func TestOwnProgramsHelp(t *testing.T) {
	t.Parallel()
	ow := newClient(t, memory.New())
	r := shell{program: cli.Program{Name: "shop", Client: ow}}.run(t, "--help")
	r.stdout += shell{program: cli.Program{Name: "shop", Client: ow}}.run(t, "runs", "rerun", "--help").stdout
	golden(t, "help_own_program", r.stdout)
	r = shell{program: cli.Program{Name: "shop", Client: ow}}.run(t, "runs", "list", "--url", "x.db")
	if r.status != cli.ExitUsage || !strings.HasPrefix(r.stderr, "shop: unknown flag: --url") {
		t.Errorf("%+v", r)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, sh := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := run(t, nil, "completion", sh); r.status != cli.ExitOK || !strings.Contains(r.stdout, "openworkflow") {
			t.Errorf("%s: %+v", sh, r)
		}
	}
	for line, want := range map[string]string{
		"ru":                        "runs\tList",
		"runs ":                     "watch\tWatch",
		"runs list --status ":       "failed\n",
		"runs list --output ":       "yaml\n",
		"init --backend ":           "sqlite\n",
		"worker start --log-lev":    "--log-level\t",
		"worker start --log-level ": "debug\n",
	} {
		args := append([]string{"__complete"}, strings.Split(line, " ")...)
		if r := run(t, nil, args...); !strings.Contains(r.stdout, want) {
			t.Errorf("%q is completed with %q", line, r.stdout)
		}
	}
}

func newClient(t *testing.T, b openworkflow.Backend) *openworkflow.Client {
	t.Helper()
	ow, err := openworkflow.New(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ow.Close() })
	return ow
}
