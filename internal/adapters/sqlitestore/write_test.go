package sqlitestore_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var farAway = time.Date(2099, 1, 2, 3, 4, 5, 678900000, time.UTC)

func waitFor(l domain.Lease, signal string) domain.Transition {
	raw, err := domain.WaitContext{Kind: domain.KindSignalWait, Signal: signal, TimeoutAt: farAway}.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return domain.Transition{Kind: domain.StartStep, Lease: l, Attempt: domain.StepAttempt{
		ID: domain.NewID(), StepName: "wait", Kind: domain.KindSignalWait, Context: raw, StartedAt: time.Now(),
	}}
}

// What TypeScript compares as strings must be strings of its form.
func TestStoredForm(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{})
	db := handle(t, path)
	at := time.Date(2031, 2, 3, 4, 5, 6, 7_000_001, time.FixedZone("x", 3600))
	create(t, s, domain.NewRun{ID: "r", WorkflowName: "w", StartAt: at, DeadlineAt: at, Input: json.RawMessage(" null "), Context: json.RawMessage(`{"a":"é"}`)})
	for column, want := range map[string]string{
		"available_at": "2031-02-03T03:05:06.008Z", // waited for: rounded up
		"deadline_at":  "2031-02-03T03:05:06.007Z",
		"input":        "NULL",
		"context":      `{"a":"é"}`,
		"config":       "{}",
		"version":      "NULL",
		"output":       "NULL",
		"worker_id":    "NULL",
	} {
		if got := queryText(t, db, "SELECT "+column+" FROM workflow_runs WHERE id = 'r'"); got != want {
			t.Errorf("%s is stored as %q, want %q", column, got, want)
		}
	}
	l := claimed(t, s, 1)[0]
	failed := finishStep(l, "s")
	failed.Attempt.Status, failed.Attempt.Output = domain.StepFailed, nil
	failed.Attempt.Error, failed.Attempt.RetryAt = &domain.Failure{Message: "m", Code: "c"}, at
	mustCommit(t, s, failed, domain.Transition{Kind: domain.CompleteRun, Lease: l, Output: json.RawMessage("null")})
	for query, want := range map[string]string{
		"SELECT error FROM step_attempts":                                   `{"message":"m","code":"c"}`,
		"SELECT typeof(error) FROM step_attempts":                           "text",
		"SELECT retry_at FROM step_attempts":                                "2031-02-03T03:05:06.008Z",
		"SELECT output FROM workflow_runs WHERE status = 'completed'":       "NULL",
		"SELECT available_at FROM workflow_runs WHERE status = 'completed'": "NULL",
	} {
		if got := queryText(t, db, query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// One call that is refused leaves its neighbours in the same transaction alone, and so does one item.
func TestRefusalsHarmNobodyElse(t *testing.T) {
	t.Parallel()
	s := open(t, "x.db", sqlitestore.Options{})
	leases := claimed(t, s, 30)
	var wg sync.WaitGroup
	for i, l := range leases {
		wg.Go(func() {
			poison := waitFor(l, "go")
			poison.Attempt.ChildNamespaceID, poison.Attempt.ChildRunID = "no", "no" // refused by a foreign key
			text := finishStep(l, "text")
			text.Attempt.Output = json.RawMessage(`"\ud800"`)
			v, err := s.Commit(t.Context(), []domain.Transition{finishStep(l, "before"), poison, text, finishStep(l, "after")})
			if err != nil {
				t.Error(err)
				return
			}
			if v[0].Err != nil || v[3].Err != nil || !errors.Is(v[1].Err, domain.ErrRejected) || !errors.Is(v[2].Err, domain.ErrRejected) {
				t.Errorf("verdicts %+v", v)
			}
			if i%3 == 0 {
				_, err := s.CreateRuns(t.Context(), []domain.NewRun{
					{ID: "half-" + l.RunID, WorkflowName: "w"}, {ID: "no-" + l.RunID, WorkflowName: "w", ParentNamespaceID: "no", ParentAttemptID: "no"},
				})
				if !errors.Is(err, domain.ErrRejected) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	wg.Wait()
	if c := count(t, s); c.Running != 30 || c.Pending != 0 {
		t.Errorf("runs: %+v, want the 30 that were claimed and no halves", c)
	}
	for _, l := range leases {
		page, err := s.ListStepAttempts(t.Context(), l.RunID, ports.PageRequest{Limit: 10})
		if err != nil || len(page.Items) != 2 {
			t.Errorf("run %s has %d attempts, %v; want 2", l.RunID, len(page.Items), err)
		}
	}
}

// A full batch with a poisoned item costs that item only, also where a later item reads what it wrote.
func TestPoisonedChild(t *testing.T) {
	t.Parallel()
	s := open(t, "x.db", sqlitestore.Options{})
	l := claimed(t, s, 2)
	child := func(l domain.Lease, n domain.NewRun) domain.Transition {
		return domain.Transition{Kind: domain.StartChild, Lease: l, Child: &n, Attempt: domain.StepAttempt{
			ID: domain.NewID(), StepName: "child", Kind: domain.KindWorkflow, StartedAt: time.Now(),
		}}
	}
	bad := child(l[0], domain.NewRun{ID: "bad", WorkflowName: "w", Context: json.RawMessage(`{`)})
	worse := child(l[0], domain.NewRun{ID: "worse", WorkflowName: "w"})
	worse.Attempt.ChildNamespaceID, worse.Attempt.ChildRunID = "no", "no"
	good := child(l[1], domain.NewRun{ID: "good", WorkflowName: "w"})
	v, err := s.Commit(t.Context(), []domain.Transition{bad, worse, good})
	if err != nil || !errors.Is(v[0].Err, domain.ErrRejected) || !errors.Is(v[1].Err, domain.ErrRejected) || v[2].Err != nil || !v[2].Woke {
		t.Fatalf("verdicts %+v, %v", v, err)
	}
	runs, err := s.GetRuns(t.Context(), []string{"bad", "worse", "good"})
	if err != nil || len(runs) != 1 || runs[0].ParentAttemptID != good.Attempt.ID {
		t.Errorf("children %+v, %v", runs, err)
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{BusyTimeout: 5 * time.Millisecond})
	l := claimed(t, s, 1)[0]
	tx := begin(t, handle(t, path)) // has the write lock
	step := finishStep(l, "s")
	_, err := s.Commit(t.Context(), []domain.Transition{step})
	if err == nil || !strings.Contains(err.Error(), "holds the write lock") || errors.Is(err, domain.ErrRejected) {
		t.Errorf("got %v", err)
	}
	if c := count(t, s); c.Running != 1 {
		t.Errorf("readers were locked out: %+v", c)
	}
	res, err := s.ClaimRuns(t.Context(), ports.ClaimRequest{WorkerID: "w", Workflows: []domain.WorkflowKey{{Name: "idle"}}, Limit: 1, LeaseDuration: hour})
	if err != nil || len(res.Runs) != 0 {
		t.Errorf("a claim with nothing to do wanted the write lock: %+v, %v", res, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, s, step)
}

// A caller who gives up before its turn has written nothing; one whose turn has come gets its answer.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{})
	tx := begin(t, handle(t, path))
	first := make(chan error, 1)
	go func() {
		_, err := s.CreateRuns(context.WithoutCancel(t.Context()), []domain.NewRun{{ID: "first", WorkflowName: "w"}})
		first <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for i := range 3 {
		if _, err := s.CreateRuns(ctx, []domain.NewRun{{ID: "late", WorkflowName: "w"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("caller %d: %v", i, err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
	if c := count(t, s); c.Pending > 2 {
		t.Errorf("runs: %+v", c)
	}
}

func TestManyCallersShareTheWriter(t *testing.T) {
	t.Parallel()
	for _, path := range []string{filepath.Join(t.TempDir(), "x.db"), ":memory:"} {
		s := openAt(t, path, sqlitestore.Options{})
		leases := claimed(t, s, 50)
		var wg sync.WaitGroup
		for _, l := range leases {
			wg.Go(func() {
				for range 20 {
					mustCommit(t, s, finishStep(l, "step"))
				}
				mustCommit(t, s, domain.Transition{Kind: domain.CompleteRun, Lease: l})
			})
			wg.Go(func() {
				if _, err := s.CancelRun(t.Context(), "nobody"); !errors.Is(err, domain.ErrRunNotFound) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if c := count(t, s); c.Completed != 50 {
			t.Errorf("%s: %+v", path, c)
		}
	}
}
