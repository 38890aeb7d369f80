package cli_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
)

const library = "github.com/openworkflowdev/openworkflow-go"

func TestInit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, args, answers string
		files               map[string]string // that are there before
	}{
		{"init_defaults", "init --yes", "", nil},
		{"init_postgres", "init --url postgres://app:p%40ss@db.example.com/app --module example.com/app --dir new/app", "", nil},
		{"init_asks", "init", "postgres\npostgres://me@localhost/mine\nexample.com/asked\n", nil},
		{"init_asks_little", "init", "\n\n", nil},
		{"init_within", "init --backend postgres", "", map[string]string{
			"go.mod": "module \"example.com/shop\" // comment\n", ".gitignore": "bin/\n", ".env": "STRIPE_KEY=secret\n", "workflows/greet.go": "package workflows\n",
		}},
		{"init_json", "init --yes -o json --dir app", "", map[string]string{"app/.gitignore": "/.env\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "My Shop")
			write(t, dir, tt.files)
			args := words(tt.args)
			r := shell{dir: dir, stdin: tt.answers, terminal: cli.Terminal{In: tt.answers != ""}}.run(t, args...)
			out := transcript(r, args...)
			for _, name := range filesBelow(t, dir) {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if before, was := tt.files[name]; was && string(text) != before {
					t.Errorf("%s was overwritten", name)
				}
				if filepath.Ext(name) != ".go" && tt.files[name] == "" {
					out += fmt.Sprintf("--- %s\n%s", name, text)
				}
			}
			golden(t, tt.name, out)
		})
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			out = append(out, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInitTwice: the second time everything is there, and is left alone.
func TestInitTwice(t *testing.T) {
	t.Parallel()
	s := shell{dir: t.TempDir()}
	first := s.run(t, "init", "--backend", "sqlite", "--module", "example.com/app")
	second := s.run(t, "init", "--backend", "postgres")
	if first.status != cli.ExitOK || second.status != cli.ExitOK ||
		strings.Contains(second.stdout, "wrote") || strings.Count(second.stdout, "left alone") != strings.Count(first.stdout, "wrote") {
		t.Errorf("first %+v, second %+v", first, second)
	}
	info, err := os.Stat(filepath.Join(s.dir, ".env"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf(".env may be read by others: %v, %v", info.Mode(), err)
	}
}

// TestInitRuns builds what init has written, against this checkout, and uses it as its README would say: a worker,
// a run that is watched to its end, and Ctrl-C. Its own tests pass too.
func TestInitRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	t.Parallel()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "app")
	if r := (shell{dir: filepath.Dir(dir)}).run(t, "init", "--yes", "--dir", "app", "--module", "example.com/app"); r.status != cli.ExitOK {
		t.Fatalf("%+v", r)
	}
	goDo := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	// In place of `go mod tidy`: what this checkout needs is in its go.sum and on this machine.
	goDo("mod", "edit", "-require="+library+"@v0.0.0", "-replace="+library+"="+root)
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"go.sum": string(sums)})
	goDo("build", "-o", "program", "./cmd/openworkflow")
	goDo("vet", "./...")
	goDo("test", "./...")

	program := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "program"), args...)
		cmd.Dir = filepath.Join(dir, "workflows") // the configuration is found from here, and the path in it is the project's
		cmd.Env = clean(os.Environ())
		return cmd
	}
	worker := program("worker", "start", "--migrate")
	said, err := worker.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	worker.Stdout = &printed
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "The worker executes greet, up to 10 runs at once.") {
		t.Log(lines.Text())
	}
	out, err := program("runs", "start", "greet", "--input", `{"name":"Ann"}`, "--watch").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "✓ deliver completed") || !strings.Contains(string(out), `"greeting": "Hello, Ann!"`) {
		t.Errorf("%v\n%s", err, out)
	}
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(said)
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Wait(); err != nil || !strings.HasSuffix(string(rest), "Stopped.\n") || printed.String() != "Hello, Ann!\n" {
		t.Errorf("the worker ended with %v, printed %q and said\n%s", err, printed.String(), rest)
	}
	if _, err := os.Stat(filepath.Join(dir, "openworkflow.db")); err != nil {
		t.Error(err)
	}
	if out, err := program("worker", "start", "--url", "sqlite:../new.db").CombinedOutput(); err == nil || !strings.Contains(string(out), "'program migrate up' makes it") {
		t.Errorf("without a database: %v\n%s", err, out)
	}
}

// clean is an environment without the variables that the command reads.
func clean(env []string) []string {
	var out []string
	for _, v := range env {
		if !strings.HasPrefix(v, "OPENWORKFLOW_") {
			out = append(out, v)
		}
	}
	return out
}
