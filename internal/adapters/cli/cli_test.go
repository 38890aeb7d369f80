package cli_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
)

var update = flag.Bool("update", false, "write the golden files anew")

// result is what a shell would see of a command.
type result struct {
	status         int
	stdout, stderr string
}

// run calls the program with variables in place of the process's.
func run(t *testing.T, vars map[string]string, args ...string) result {
	t.Helper()
	return runContext(t.Context(), vars, args...)
}

func runContext(ctx context.Context, vars map[string]string, args ...string) result {
	var stdout, stderr bytes.Buffer
	status := cli.Run(ctx, cli.Environment{
		Args:   args,
		Stdout: &stdout,
		Stderr: &stderr,
		Getenv: func(name string) string { return vars[name] },
	})
	return result{status, stdout.String(), stderr.String()}
}

var timeRE = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// golden compares output with a file of testdata; times are written as TIME.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = timeRE.ReplaceAllString(got, "TIME")
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		vars map[string]string
		args []string
		want string // in the error
	}{
		{"nothing", nil, nil, "one of migrate, version"},
		{"unknown command", nil, []string{"migrat"}, `unknown command "migrat"`},
		{"group alone", nil, []string{"migrate"}, "one of down, status, up"},
		{"unknown subcommand", nil, []string{"migrate", "sideways"}, `unknown command "sideways" for "openworkflow migrate"`},
		{"unknown flag", nil, []string{"migrate", "up", "--force"}, "unknown flag: --force"},
		{"argument", nil, []string{"migrate", "up", "now"}, `unknown command "now"`},
		{"no url", nil, []string{"migrate", "status"}, "give --url or set OPENWORKFLOW_URL"},
		{"empty url", nil, []string{"migrate", "status", "--url", " "}, "give --url or set OPENWORKFLOW_URL"},
		{"unknown scheme", nil, []string{"migrate", "up", "--url", "mysql://root:hunter22@h/db"}, `scheme "mysql" is unknown`},
		{"unknown scheme from the environment", map[string]string{cli.EnvURL: "mongodb://root:hunter22@h"}, []string{"migrate", "up"}, `scheme "mongodb" is unknown`},
		{"keyword form", nil, []string{"migrate", "up", "--url", "host=h password=hunter22"}, "has no scheme"},
		{"path without .db", nil, []string{"migrate", "up", "--url", "./data"}, "has no scheme"},
		{"unreadable", nil, []string{"migrate", "up", "--url", "postgres://u:hunter22%zz@h/db"}, "cannot be read"},
		{"incomplete", nil, []string{"migrate", "up", "--url", "postgres:db"}, "incomplete"},
		{"sqlite without file", nil, []string{"migrate", "up", "--url", "sqlite:"}, "names no file"},
		{"sqlite in memory", nil, []string{"migrate", "up", "--url", "sqlite::memory:"}, "name a file"},
		{"schema for sqlite", nil, []string{"migrate", "up", "--url", "x.db", "--schema", "a"}, "--schema is for Postgres"},
		{"output", nil, []string{"migrate", "status", "--url", "x.db", "--output", "yaml"}, `--output "yaml" is unknown`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, tt.vars, tt.args...)
			if r.status != cli.ExitUsage {
				t.Errorf("status %d, want %d", r.status, cli.ExitUsage)
			}
			if r.stdout != "" {
				t.Errorf("stdout: %q", r.stdout)
			}
			if !strings.Contains(r.stderr, tt.want) || !strings.HasPrefix(r.stderr, "openworkflow: ") {
				t.Errorf("stderr %q lacks %q", r.stderr, tt.want)
			}
			if strings.Contains(r.stderr, "hunter22") {
				t.Errorf("stderr holds the password: %q", r.stderr)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	r := run(t, nil, "migrate", "--help")
	if r.status != cli.ExitOK || r.stderr != "" {
		t.Fatalf("status %d, stderr %q", r.status, r.stderr)
	}
	golden(t, "help_migrate", r.stdout)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	r := run(t, nil, "version")
	if r.status != cli.ExitOK || !regexp.MustCompile(`^openworkflow \S+ \(.*go1\.\d+.*\)\n$`).MatchString(r.stdout) {
		t.Errorf("status %d, stdout %q", r.status, r.stdout)
	}
}
