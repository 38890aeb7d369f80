package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/cli"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// asProgram makes this test's binary a program whose main calls Main, on the SQLite file that it names.
const asProgram = "OPENWORKFLOW_CLI_TEST_DATABASE"

var greet = openworkflow.Define("greet", func(ctx openworkflow.Context, name string) (string, error) {
	if name == "" {
		return "", errors.New("nobody to greet")
	}
	return step.Run(ctx, "compose", func(ctx context.Context) (string, error) {
		if name == "slow" {
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		return "Hello, " + name, nil
	})
})

func TestMain(m *testing.M) {
	path := os.Getenv(asProgram)
	if path == "" {
		os.Exit(m.Run())
	}
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		panic(err)
	}
	ow, err := openworkflow.New(db)
	if err != nil {
		panic(err)
	}
	cli.Main(ow, greet)
	panic("Main has returned")
}

func program(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asProgram+"="+path)
	return cmd
}

// TestProgram uses a program of a user's own as a user would.
func TestProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	worker := program(t, path, "worker", "start", "--concurrency", "2", "--stop-timeout", "1s")
	said, err := worker.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	if !lines.Scan() || lines.Text() != "The worker executes greet, up to 2 runs at once. Ctrl-C stops it." {
		t.Fatalf("the worker says %q, %v", lines.Text(), lines.Err())
	}
	for _, tt := range []struct {
		line   string
		status int
		want   string
	}{
		{`runs start greet --input "Ann" --watch --interval 20ms`, cli.ExitOK, `"Hello, Ann"`},
		{`runs start greet --input "" --watch --interval 20ms`, cli.ExitRunFailed, "nobody to greet"},
		{`runs get nowhere`, cli.ExitFailed, "workflow run not found"},
		{`runs list --status asleep`, cli.ExitUsage, `--status "asleep" is unknown`},
		{`runs list --status failed`, cli.ExitOK, "nobody to greet"},
		{`migrate status`, cli.ExitOK, "00001_typescript_baseline.sql"},
		{`doctor`, cli.ExitOK, "All is well."},
	} {
		cmd := program(t, path, strings.Fields(tt.line)...)
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != tt.status || !strings.Contains(string(out), tt.want) {
			t.Errorf("%s: %v, status %d\n%s", tt.line, err, got, out)
		}
	}
	interruptWatch(t, path)
	if err := worker.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var rest []string
	for lines.Scan() {
		rest = append(rest, lines.Text())
	}
	if err := worker.Wait(); err != nil || strings.Join(rest, "\n") != "Stopping: steps under way have 1s to end.\nStopped." {
		t.Errorf("the worker ends with %v and says %q", err, rest)
	}
}

// interruptWatch watches a run that takes a minute, and loses patience.
func interruptWatch(t *testing.T, path string) {
	t.Helper()
	watch := program(t, path, "runs", "start", "greet", "--input", `"slow"`, "--watch", "--interval", "20ms")
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "compose running") {
		continue
	}
	if err := watch.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		continue
	}
	if err := watch.Wait(); watch.ProcessState.ExitCode() != cli.ExitInterrupted {
		t.Errorf("the watch ends with %v", err)
	}
}

// TestSecondSignal: whoever does not want to wait for the steps under way need not.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	worker := program(t, path, "worker", "start", "--stop-timeout", "1h")
	said, err := worker.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	lines.Scan()
	interruptWatch(t, path) // its run, whose step takes a minute, goes on
	for _, want := range []string{"Stopping: steps under way have 1h0m0s to end.", ""} {
		if err := worker.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if lines.Scan(); lines.Text() != want {
			t.Errorf("the worker says %q, want %q", lines.Text(), want)
		}
	}
	var ended *exec.ExitError
	if err := worker.Wait(); !errors.As(err, &ended) || ended.Exited() {
		t.Errorf("the worker ends with %v", err)
	}
}

// TestRun: streams and arguments are the caller's, and the client stays open.
func TestRun(t *testing.T) {
	t.Parallel()
	ow, err := openworkflow.New(memory.New())
	if err != nil {
		t.Fatal(err)
	}
	defer ow.Close()
	var stdout, stderr bytes.Buffer
	o := cli.Options{
		Client: ow, Workflows: openworkflow.Workflows(greet), Name: "shop",
		Args: []string{"runs", "start", "greet", "--input", "-"}, Stdin: strings.NewReader(`"Ann"`), Stdout: &stdout, Stderr: &stderr,
	}
	if status := cli.Run(t.Context(), o); status != cli.ExitOK || !strings.Contains(stdout.String(), "pending, waits for a worker") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
	}
	stderr.Reset()
	o.Args = []string{}
	if status := cli.Run(t.Context(), o); status != cli.ExitUsage || !strings.HasPrefix(stderr.String(), `shop: "shop" needs a command`) {
		t.Errorf("without arguments: status %d, stderr %q", status, stderr.String())
	}
	if list, err := ow.ListRuns(t.Context(), openworkflow.RunFilter{}); err != nil || len(list.Items) != 1 || string(list.Items[0].Input) != `"Ann"` {
		t.Errorf("%+v, %v", list, err)
	}
}

func ExampleRun() {
	Greet := openworkflow.Define("greet", func(ctx openworkflow.Context, name string) (string, error) {
		return "Hello, " + name, nil
	})
	// In main: os.Exit(cli.Run(…)). The database is the one that is configured.
	_ = cli.Run(context.Background(), cli.Options{
		Workflows: openworkflow.Workflows(Greet),
		Worker:    openworkflow.WorkerOptions{Concurrency: 50},
		Args:      []string{"version"},
	})
}
