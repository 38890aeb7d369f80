package cli_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
)

var update = flag.Bool("update", false, "write the golden files anew")

// result is what a shell would see of a command.
type result struct {
	status         int
	stdout, stderr string
}

// shell is what a command is called from. The zero value is an empty directory without a terminal.
type shell struct {
	program  cli.Program
	vars     map[string]string
	dir, cfg string // the working directory and the user's configuration
	stdin    string
	terminal cli.Terminal
	now      func() time.Time
}

func (s shell) run(t *testing.T, args ...string) result {
	t.Helper()
	return s.runContext(t.Context(), t, args...)
}

func (s shell) runContext(ctx context.Context, t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if s.program.Name == "" {
		s.program.Name = "openworkflow"
	}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	if s.now == nil {
		s.now = time.Now
	}
	status := cli.Run(ctx, s.program, cli.Environment{
		Args: args, Stdin: strings.NewReader(s.stdin), Stdout: &stdout, Stderr: &stderr,
		Getenv: func(name string) string { return s.vars[name] },
		Dir:    s.dir, UserDir: s.cfg, Now: s.now, Terminal: s.terminal,
	})
	return result{status, stdout.String(), stderr.String()}
}

// run calls the program with variables in place of the process's.
func run(t *testing.T, vars map[string]string, args ...string) result {
	t.Helper()
	return shell{vars: vars}.run(t, args...)
}

// transcript is a command with all that a shell would show.
func transcript(r result, args ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "$ openworkflow %s\n%s", strings.Join(args, " "), r.stdout)
	if r.stderr != "" {
		fmt.Fprintf(&out, "--- standard error\n%s", r.stderr)
	}
	if r.status != 0 {
		fmt.Fprintf(&out, "--- exit status %d\n", r.status)
	}
	return out.String()
}

var (
	timeRE   = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z`)
	cursorRE = regexp.MustCompile(`eyJ[A-Za-z0-9+/=]{40,}`)
	everyRE  = regexp.MustCompile(`all \d+ are applied`)
	workerRE = regexp.MustCompile(`…[0-9A-HJKMNP-TV-Z]{8}\b`)
	ulidRE   = regexp.MustCompile(`\b0[01][0-9A-HJKMNP-TV-Z]{24}\b`)
)

// golden compares output with a file of testdata. Times are written as TIME, cursors as CURSOR, and ids that
// were made on the way by their order.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = everyRE.ReplaceAllString(got, "all N are applied")
	got = timeRE.ReplaceAllString(got, "TIME")
	got = workerRE.ReplaceAllStringFunc(got, func(id string) string {
		if strings.HasSuffix(workerOne, strings.TrimPrefix(id, "…")) {
			return id // the fixture's
		}
		return "…WORKERID"
	})
	got = cursorRE.ReplaceAllString(got, "CURSOR")
	made := make(map[string]string)
	got = ulidRE.ReplaceAllStringFunc(got, func(id string) string {
		if strings.HasPrefix(id, "01KAA") {
			return id // the fixture's
		}
		if made[id] == "" {
			made[id] = fmt.Sprintf("ID%024d", len(made)+1)
		}
		return made[id]
	})
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
