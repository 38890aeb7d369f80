package cli_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/config"
)

// looks are the commands that change nothing, in all the ways that they print. They look the same on SQLite and
// on Postgres.
var looks = map[string]string{
	"runs_list":               "runs list",
	"runs_list_yaml":          "runs list --limit 1 -o yaml",
	"runs_list_json":          "runs list --limit 2 --output json",
	"runs_list_failed":        "runs list --status failed",
	"runs_list_workflow":      "runs list --workflow order --version v2",
	"runs_list_worker":        "runs list --worker " + workerOne,
	"runs_list_key":           "runs list --key order-7",
	"runs_list_since":         "runs list --since 5m",
	"runs_list_until":         "runs list --until 1d",
	"runs_list_limit":         "runs list --limit 3",
	"runs_list_none":          "runs list --workflow nothing",
	"runs_list_none_json":     "runs list --workflow nothing -o json",
	"runs_list_namespace":     "runs list -n elsewhere",
	"runs_get_completed":      "runs get " + runGreeted,
	"runs_get_completed_json": "runs get " + runGreeted + " -o json",
	"runs_get_completed_yaml": "runs get " + runGreeted + " -o yaml",
	"runs_get_failed":         "runs get " + runDeclined,
	"runs_get_parked":         "runs get " + runParked,
	"runs_get_held":           "runs get " + runHeld,
	"runs_get_child":          "runs get " + runChild,
	"runs_get_pending":        "runs get " + runLater,
	"runs_get_hostile":        "runs get " + runHostile,
	"runs_get_hostile_json":   "runs get " + runHostile + " -o json",
	"runs_get_unknown":        "runs get nowhere",
	"runs_watch_completed":    "runs watch " + runGreeted,
	"runs_watch_failed":       "runs watch " + runDeclined,
	"runs_watch_json":         "runs watch " + runCanceled + " -o json",
	"runs_watch_unknown":      "runs watch nowhere",
	"runs_cancel_dry":         "runs cancel --workflow import --dry-run",
	"runs_cancel_dry_json":    "runs cancel --all --dry-run -o json",
	"runs_cancel_unsure":      "runs cancel --workflow import",
	"runs_cancel_unknown":     "runs cancel nowhere",
	"runs_cancel_finished":    "runs cancel " + runGreeted,
	"runs_rerun_dry":          "runs rerun --status failed --since 2h --dry-run",
	"runs_rerun_unknown":      "runs rerun nowhere",
	"runs_rerun_no_step":      "runs rerun " + runGreeted + " --from-step nothing",
	"steps_list":              "steps list " + runParked,
	"steps_list_json":         "steps list " + runDeclined + " -o json",
	"steps_list_none":         "steps list " + runOrphan,
	"steps_list_unknown":      "steps list nowhere",
	"signal_send_nobody":      "signal send nothing",
	"signal_send_nobody_json": "signal send nothing -o json",
	"signal_send_unknown":     "signal send go --run nowhere",
	"signal_send_finished":    "signal send go --run " + runGreeted,
	"workflows_list":          "workflows list",
	"workflows_list_window":   "workflows list --window 2d",
	"stats":                   "stats",
	"stats_json":              "stats -o json --window 30m",
	"worker_list":             "worker list",
	"worker_list_json":        "worker list -o json",
}

func TestLooks(t *testing.T) {
	t.Parallel()
	onSQLiteAndPostgres(t, func(t *testing.T, f *fixture) {
		for name, line := range looks {
			args := strings.Fields(line)
			golden(t, name, transcript(f.run(t, args...), args...))
		}
	})
}

// TestTerminal: on a terminal there are colours, and what is wide is cut to fit.
func TestTerminal(t *testing.T) {
	t.Parallel()
	f := sqliteFixture(t)
	f.terminal = cli.Terminal{Out: true, Err: true, Size: func() (int, int) { return 100, 12 }}
	for name, line := range map[string]string{
		"terminal_runs_list":      "runs list",
		"terminal_runs_get":       "runs get " + runDeclined,
		"terminal_watch":          "runs watch " + runGreeted,
		"terminal_stats":          "stats",
		"terminal_workflows_list": "workflows list",
	} {
		args := strings.Fields(line)
		golden(t, name, strings.ReplaceAll(transcript(f.run(t, args...), args...), "\x1b", "␛"))
	}
	for _, quiet := range []map[string]string{{"NO_COLOR": "1"}, {"TERM": "dumb"}} {
		for k, v := range quiet {
			f.vars[k] = v
			if r := f.run(t, "runs", "list"); strings.Contains(r.stdout, "\x1b") || r.status != cli.ExitOK {
				t.Errorf("%v: %q", quiet, r.stdout)
			}
			delete(f.vars, k)
		}
	}
}

// TestPages follows the cursors through the list, forward and back.
func TestPages(t *testing.T) {
	t.Parallel()
	onSQLiteAndPostgres(t, func(t *testing.T, f *fixture) {
		type list struct {
			Items      []struct{ ID string }
			Next, Prev string
		}
		read := func(args ...string) (out list) {
			t.Helper()
			r := f.run(t, append([]string{"runs", "list", "-o", "json", "--limit", "4"}, args...)...)
			if err := json.Unmarshal([]byte(r.stdout), &out); err != nil || r.status != cli.ExitOK {
				t.Fatalf("%v: %+v", err, r)
			}
			return out
		}
		var seen []string
		page := read()
		for {
			for _, item := range page.Items {
				seen = append(seen, item.ID)
			}
			if page.Next == "" {
				break
			}
			page = read("--after", page.Next)
		}
		for i, r := range fixtureRuns {
			if len(seen) != len(fixtureRuns) || seen[i] != r["id"] {
				t.Fatalf("the pages hold %v", seen)
			}
		}
		if back := read("--before", page.Prev); len(back.Items) != 4 || back.Items[3].ID != fixtureRuns[7]["id"] || back.Next == "" {
			t.Errorf("the page before is %+v", back)
		}
		if r := f.run(t, "runs", "list", "--after", "nonsense"); r.status != cli.ExitFailed || !strings.Contains(r.stderr, "is not a cursor") {
			t.Errorf("%+v", r)
		}
	})
}

// TestDoctor looks at databases that are well and that are not, as people and programs see it.
func TestDoctor(t *testing.T) {
	t.Parallel()
	onSQLiteAndPostgres(t, func(t *testing.T, f *fixture) {
		f.dir = t.TempDir()
		write(t, f.dir, map[string]string{"openworkflow.yaml": "namespace: default\n"})
		for name, line := range map[string]string{"": "doctor", "_json": "doctor -o json", "_elsewhere": "doctor -n elsewhere", "_strict": "doctor -n elsewhere --strict"} {
			args := strings.Fields(line)
			golden(t, "doctor_"+f.name+name, machines(f, transcript(f.run(t, args...), args...)))
		}
	})
}

var (
	sizeRE   = regexp.MustCompile(`\d+(\.\d)? ([KM]i)?B\b`)
	serverRE = regexp.MustCompile(`PostgreSQL \d[^\n",]*`)
	sqliteRE = regexp.MustCompile(`SQLite \d[\d.]*`)
	usedRE   = regexp.MustCompile(`\d+ of \d+ connections`)
	wayRE    = regexp.MustCompile(`(under )?\d[\w.]* there and back|within \d[\w.]*`)
	schemaRE = regexp.MustCompile(`cli_\w{26}`)
	oldestRE = regexp.MustCompile(`(none has been open for 5 minutes or more)[^\n"]*`)
)

// machines takes out what differs from machine to machine.
func machines(f *fixture, text string) string {
	url := f.vars[config.EnvURL]
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		text = strings.ReplaceAll(text, path, "PATH")
	}
	text = strings.ReplaceAll(text, url, "URL")
	text = regexp.MustCompile(`postgres://[^ ,]*`).ReplaceAllString(text, "URL")
	text = regexp.MustCompile(`database \w+ as role \w+`).ReplaceAllString(text, "database DB as role ROLE")
	for re, to := range map[*regexp.Regexp]string{
		sizeRE: "SIZE", serverRE: "PostgreSQL VERSION", sqliteRE: "SQLite VERSION", usedRE: "N of MAX connections", wayRE: "TIME", schemaRE: "SCHEMA", oldestRE: "$1",
	} {
		text = re.ReplaceAllString(text, to)
	}
	return text
}

// TestDoctorFinds breaks things one by one.
func TestDoctorFinds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"text.db": "this is no database, and long enough to be looked at as one"})
	expect(t, nil, "migrate", "up", "--url", filepath.Join(dir, "behind.db"))
	expect(t, nil, "migrate", "down", "--yes", "--url", filepath.Join(dir, "behind.db"))
	write(t, filepath.Join(dir, "bad"), map[string]string{"openworkflow.yaml": "url: x.db\nurl: y.db\n"})
	write(t, filepath.Join(dir, "none"), nil)
	for name, tt := range map[string]struct{ dir, args, want string }{
		"no database":  {"none", "doctor", "✗ config  no database: give --url"},
		"bad file":     {"bad", "doctor", `✗ config  openworkflow.yaml:2: "url" was given in line 1 already`},
		"missing file": {"none", "doctor --url no.db", "✗ connection  there is no file no.db"},
		"no sqlite":    {"none", "doctor --url " + filepath.Join(dir, "text.db"), "✗ connection  "},
		"behind":       {"none", "doctor --url " + filepath.Join(dir, "behind.db"), "✗ migrations   1 of "},
		"no server":    {"none", "doctor --url postgres://u:hunter22@127.0.0.1:1/db?connect_timeout=2", "✗ connection  Postgres cannot be reached"},
	} {
		r := shell{dir: filepath.Join(dir, tt.dir)}.run(t, strings.Fields(tt.args)...)
		if r.status != cli.ExitFailed || !strings.Contains(r.stdout, tt.want) || !strings.Contains(r.stdout, "→ ") || strings.Contains(r.stdout, "hunter22") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
