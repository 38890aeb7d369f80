package sqlitestore_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// The test binary runs itself as another process: one that writes to a file until it is killed.
const processEnv = "OPENWORKFLOW_TEST_SQLITE_PROCESS"

func TestMain(m *testing.M) {
	if path := os.Getenv(processEnv); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeForever takes runs through two steps and their end, each in one batch, and says which are committed.
func writeForever(path string) error {
	ctx := context.Background()
	s, err := sqlitestore.Open(ctx, path, sqlitestore.Options{})
	if err != nil {
		return err
	}
	for {
		id := domain.NewID()
		if _, err := s.CreateRuns(ctx, []domain.NewRun{{ID: id, WorkflowName: id}}); err != nil {
			return err
		}
		fmt.Println("created", id)
		res, err := s.ClaimRuns(ctx, ports.ClaimRequest{WorkerID: "p", Workflows: []domain.WorkflowKey{{Name: id}}, Limit: 1, LeaseDuration: hour})
		if err != nil || len(res.Runs) != 1 {
			return fmt.Errorf("claimed %d runs: %w", len(res.Runs), err)
		}
		l := domain.Lease{RunID: id, WorkerID: "p", Epoch: 1}
		if _, err := s.Commit(ctx, []domain.Transition{finishStep(l, "a"), finishStep(l, "b"), {Kind: domain.CompleteRun, Lease: l, Output: json.RawMessage(`1`)}}); err != nil {
			return err
		}
		fmt.Println("completed", id)
	}
}

// process starts a writer and hands each of its lines to see until that returns false; then it is killed.
func process(t *testing.T, path string, see func(word, id string) bool) {
	t.Helper()
	cmd := osexec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), processEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	killed := false
	for lines.Scan() {
		word, id, _ := strings.Cut(lines.Text(), " ")
		if word == "error" {
			t.Errorf("the other process: %s", id)
		}
		if !see(word, id) && !killed { // what it still said before it died counts too
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // killed
}

// A process that is killed at any moment leaves what it was told was committed, and nothing by halves.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	created, completed := make(map[string]bool), make(map[string]bool)
	for round := range 6 {
		limit := 20 + 7*round
		process(t, path, func(word, id string) bool {
			switch word {
			case "created":
				created[id] = true
			case "completed":
				completed[id] = true
			}
			limit--
			return limit > 0
		})
	}
	s := openAt(t, path, sqlitestore.Options{})
	if got := queryText(t, handle(t, path), "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity: %s", got)
	}
	if len(completed) < 6*9 {
		t.Errorf("only %d runs were completed", len(completed))
	}
	for id := range created {
		runs, err := s.GetRuns(t.Context(), []string{id})
		if err != nil || len(runs) != 1 {
			t.Fatalf("created run %s: %v, %v", id, runs, err)
		}
		page, err := s.ListStepAttempts(t.Context(), id, ports.PageRequest{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		whole := runs[0].Status == domain.RunCompleted
		if completed[id] && !whole {
			t.Errorf("run %s was completed and is %s", id, runs[0].Status)
		}
		if whole != (len(page.Items) == 2) || len(page.Items) == 1 {
			t.Errorf("run %s is %s with %d steps", id, runs[0].Status, len(page.Items))
		}
	}
}

// Two processes write to one file at once, and each hears of the other.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{})
	news := subscribe(t, s)
	heard, theirs, mine := false, 0, 0
	deadline := time.Now().Add(30 * time.Second)
	process(t, path, func(word, _ string) bool {
		if word == "completed" {
			theirs++
		}
		create(t, s, domain.NewRun{ID: domain.NewID(), WorkflowName: "mine"})
		mine++
		for len(news) > 0 {
			e := <-news
			heard = heard || e.Missed
		}
		return (!heard || theirs < 50) && time.Now().Before(deadline)
	})
	if !heard {
		t.Error("no news of the other process")
	}
	if c := count(t, s); int(c.Completed) < theirs || int(c.Pending) < mine {
		t.Errorf("runs: %+v, want %d of theirs completed and %d of mine pending", c, theirs, mine)
	}
}
