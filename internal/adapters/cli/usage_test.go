package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/config"
)

// TestUsage gives each argument and flag what it cannot take: nothing is done, and the error says what to do.
func TestUsage(t *testing.T) {
	t.Parallel()
	env := func(url string) map[string]string { return map[string]string{config.EnvURL: url} }
	someDB := env("x.db")
	tests := []struct {
		name string
		vars map[string]string
		args string
		want string // in the error
	}{
		{"nothing", nil, "", "one of "},
		{"unknown command", nil, "migrat", `unknown command "migrat" for "openworkflow"; did you mean "migrate"?`},
		{"group alone", nil, "migrate", "one of down, status, up"},
		{"unknown subcommand", nil, "migrate sideways", `unknown command "sideways" for "openworkflow migrate"`},
		{"unknown flag", nil, "migrate up --force", "unknown flag: --force"},
		{"argument", someDB, "migrate up now", `unknown command "now"`},
		{"runs get without run", someDB, "runs get", "accepts 1 arg(s), received 0: the usage is openworkflow runs get RUN"},
		{"runs watch with two", someDB, "runs watch a b", "the usage is openworkflow runs watch RUN"},
		{"steps list without run", someDB, "steps list", "the usage is openworkflow steps list RUN"},
		{"signal send without name", someDB, "signal send", "the usage is openworkflow signal send SIGNAL"},
		{"runs start without name", someDB, "runs start", "the usage is openworkflow runs start WORKFLOW"},

		{"no url", nil, "migrate status", "give --url, set OPENWORKFLOW_URL (here or in .env), or write url: into openworkflow.yaml"},
		{"empty url", nil, "migrate status --url=", "no database"},
		{"unknown scheme", nil, "migrate up --url mysql://root:hunter22@h/db", `scheme "mysql" is unknown`},
		{"unknown scheme from the environment", env("mongodb://root:hunter22@h"), "runs list", `$OPENWORKFLOW_URL: the URL's scheme "mongodb" is unknown`},
		{"keyword form", env("host=h password=hunter22"), "migrate up", "has no scheme"},
		{"path without .db", nil, "migrate up --url ./data", "has no scheme"},
		{"unreadable", nil, "migrate up --url postgres://u:hunter22%zz@h/db", "cannot be read"},
		{"incomplete", nil, "migrate up --url postgres:db", "incomplete"},
		{"sqlite without file", nil, "migrate up --url sqlite:", "names no file"},
		{"sqlite in memory", nil, "migrate up --url sqlite::memory:", "name a file"},
		{"schema for sqlite", nil, "migrate up --url x.db --schema a", "--schema is for Postgres"},
		{"output", someDB, "migrate status --output xml", `--output "xml" is unknown: use table, json, yaml`},
		{"missing config", nil, "runs list --config no.yaml", "no.yaml: there is no such file"},

		{"status", someDB, "runs list --status sleeping", `--status "sleeping" is unknown: use pending, running, completed, failed, canceled`},
		{"since", someDB, "runs list --since yesterday", `--since "yesterday": give a time (2006-01-02T15:04:05Z`},
		{"until", someDB, "runs list --until -1h", `--until "-1h": give`},
		{"limit", someDB, "runs list --limit 0", "--limit 0: give a number above 0"},
		{"limit no number", someDB, "runs list --limit many", `invalid argument "many"`},
		{"both cursors", someDB, "runs list --after a --before b", "--after or --before, not both"},
		{"input no JSON", someDB, "runs start greet --input {name}", "--input: --input is not JSON: invalid character 'n'"},
		{"input a bare word", someDB, "runs start greet --input Ann", `a text needs its quotes, for the shell too: '"text"'`},
		{"input of no file", someDB, "runs start greet --input @no.json", "no.json: no such file"},
		{"input empty", someDB, "runs start greet --input -", "standard input is empty; for no value write null"},
		{"start-at", someDB, "runs start greet --start-at soon", `--start-at "soon": give`},
		{"deadline", someDB, "runs start greet --deadline soon", `--deadline "soon": give`},
		{"interval", someDB, "runs watch a --interval 1ms", "--interval 1ms is too short"},
		{"start's interval", someDB, "runs start a --watch --interval 1ms", "--interval 1ms is too short"},
		{"cancel nothing", someDB, "runs cancel", "which runs? Name them, give a filter such as --workflow, or --all to cancel all runs"},
		{"cancel both", someDB, "runs cancel a --workflow b", "name runs or give a filter, not both"},
		{"cancel what has ended", someDB, "runs cancel --status failed --yes", "--status failed: runs that have ended cannot be canceled"},
		{"cancel limit", someDB, "runs cancel --all --limit -1", "--limit -1: give a number above 0"},
		{"all with a filter", someDB, "runs rerun --all --status failed", "which runs?"},
		{"from-step in bulk", someDB, "runs rerun --status failed --from-step a", "--from-step is for runs that are named"},
		{"data", someDB, "signal send s --data {", "--data: --data is not JSON"},
		{"buffer", someDB, "signal send s --buffer long", `--buffer "long" is not a duration: write 90s, 15m, 24h or 7d`},
		{"buffer for a run", someDB, "signal send s --run a --buffer 1h", "--buffer is for signals without --run"},
		{"window", someDB, "stats --window long", `--window "long" is not a duration`},
		{"short window", someDB, "workflows list --window 5s", "--window 5s is too short"},
		{"worker without workflows", someDB, "worker start", "workflows are Go code, and this program has none compiled in"},

		{"init without backend", nil, "init", "there is no terminal to ask: give --backend sqlite, --backend postgres, or --yes"},
		{"init with another backend", nil, "init --backend redis", `--backend "redis" is unknown: use sqlite or postgres`},
		{"init with two backends", nil, "init --backend sqlite --url postgres://h/db", "--backend sqlite, and a --url of postgres"},
		{"init with a bad url", nil, "init --url redis://h", `--url: the URL's scheme "redis" is unknown`},
		{"init with a bad module", nil, "init --yes --module a//b", `--module: "a//b" is not a module path`},
		{"init's output", nil, "init --yes --output xml", `--output "xml" is unknown`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			r := shell{vars: tt.vars, dir: dir}.run(t, strings.Fields(tt.args)...)
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
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("it left %v behind", left)
			}
		})
	}
}

// TestBadConfiguration: the error names the file, the line and what to do, and no value.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, file, text, want string }{
		{"unknown entry", "openworkflow.yaml", "# mine\nurl: x.db\nuri: x.db\n", `openworkflow.yaml:3: the entry "uri" is unknown; there are url, namespace`},
		{"no YAML", "openworkflow.yaml", "url: [hunter22\n", "openworkflow.yaml:"},
		{"wrong type", "openworkflow.yaml", "url:\n  - hunter22\n", "openworkflow.yaml:2: url is one text"},
		{"wrong number", "openworkflow.yaml", "url: x.db\nworker:\n  concurrency: many\n", "openworkflow.yaml:3: worker.concurrency is a whole number above 0"},
		{"bad url", "openworkflow.yaml", "namespace: a\nurl: redis://:hunter22@h\n", `openworkflow.yaml:2: the URL's scheme "redis" is unknown`},
		{"bad output", "openworkflow.yaml", "url: x.db\noutput: xml\n", `openworkflow.yaml:2 "xml" is unknown: use table, json, yaml`},
		{"open quote", ".env", "A=1\nOPENWORKFLOW_URL=\"postgres://:hunter22@h\n", ".env:2: the quote is not closed"},
		{"no assignment", ".env", "OPENWORKFLOW_URL x.db\n", ".env:1: write NAME=value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r := shell{dir: dir}.run(t, "runs", "list")
			if r.status != cli.ExitUsage || !strings.HasPrefix(r.stderr, "openworkflow: "+tt.want) || strings.Contains(r.stderr, "hunter22") {
				t.Errorf("%+v lacks %q", r, tt.want)
			}
			if r := (shell{dir: dir}).run(t, "version"); r.status != cli.ExitOK {
				t.Errorf("version: %+v", r)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	r := run(t, nil, "version")
	if r.status != cli.ExitOK || !regexp.MustCompile(`^openworkflow \S+ \(.*go1\.\d+.*\)\n$`).MatchString(r.stdout) {
		t.Errorf("status %d, stdout %q", r.status, r.stdout)
	}
	r = run(t, nil, "version", "-o", "json")
	if !regexp.MustCompile(`(?s)^\{\n  "version": "\S+",.*"go": "go1\.\d+`).MatchString(r.stdout) {
		t.Errorf("as JSON: %s", r.stdout)
	}
}
