package sqlitestore_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func count(t *testing.T, b ports.ClientBackend) domain.RunCounts {
	t.Helper()
	c, err := b.CountRuns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func create(t *testing.T, b ports.ClientBackend, n domain.NewRun) (id string) {
	t.Helper()
	ids, err := b.CreateRuns(t.Context(), []domain.NewRun{n})
	if err != nil {
		t.Fatal(err)
	}
	return ids[0]
}

func TestTxIsTheCallers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{Namespace: "ns"})
	db := handle(t, path)
	exec(t, db, "CREATE TABLE orders (id TEXT)")
	for _, commit := range []bool{false, true} {
		tx := begin(t, db)
		if _, err := tx.Exec("INSERT INTO orders VALUES ('o')"); err != nil {
			t.Fatal(err)
		}
		b := s.WithTx(tx)
		r := create(t, b, domain.NewRun{ID: domain.NewID(), WorkflowName: "w", IdempotencyKey: "o"})
		if again := create(t, b, domain.NewRun{ID: domain.NewID(), WorkflowName: "w", IdempotencyKey: "o"}); again != r {
			t.Error("the key does not hold inside the transaction")
		}
		if c := count(t, b); c.Pending != 1 {
			t.Errorf("inside: %+v", c)
		}
		if c := count(t, s); c.Pending != 0 {
			t.Errorf("outside, before the end: %+v", c)
		}
		end, want := tx.Rollback, int64(0)
		if commit {
			end, want = tx.Commit, 1
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if c := count(t, s); c.Pending != want {
			t.Errorf("after commit=%v: %+v", commit, c)
		}
		if got := queryText(t, db, "SELECT count(*) FROM orders"); (got == "1") != commit {
			t.Errorf("after commit=%v there are %s orders", commit, got)
		}
	}
}

func TestTxVerbs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	db := handle(t, path)
	s := fromDB(t, db, sqlitestore.Options{})
	l := claimed(t, s, 2)
	wait := waitFor(l[0], "go")
	mustCommit(t, s, wait, domain.Transition{Kind: domain.ParkRun, Lease: l[0], WakeAt: farAway})
	tx := begin(t, db)
	b := s.WithTx(tx)
	sent, err := b.SendSignals(t.Context(), []domain.Signal{
		{ID: "1", Name: "go", Key: "k1", Data: json.RawMessage(`1`)},
		{ID: "2", Name: "go", Key: "k2", RunID: "nobody"},
	})
	if err != nil || len(sent[0].RunIDs) != 1 || !errors.Is(sent[1].Err, domain.ErrRunNotFound) {
		t.Errorf("sent %+v, %v", sent, err)
	}
	if r, err := b.CancelRun(t.Context(), l[1].RunID); err != nil || r.Status != domain.RunCanceled {
		t.Errorf("cancelled %+v, %v", r, err)
	}
	if _, err := b.CancelRun(t.Context(), "nobody"); !errors.Is(err, domain.ErrRunNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := b.CreateRuns(t.Context(), []domain.NewRun{
		{ID: "half", WorkflowName: "w"}, {ID: "refused", WorkflowName: "w", ParentNamespaceID: "no", ParentAttemptID: "no"},
	}); !errors.Is(err, domain.ErrRejected) {
		t.Errorf("got %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	runs, err := s.GetRuns(t.Context(), []string{l[0].RunID, l[1].RunID, "half"})
	if err != nil || len(runs) != 2 {
		t.Errorf("got %d runs, %v; the refused call left something", len(runs), err)
	}
	h, err := s.LoadHistories(t.Context(), ports.HistoryRequest{RunIDs: []string{l[0].RunID}})
	if err != nil || string(h.Histories[0].Signals[wait.Attempt.ID]) != "1" {
		t.Errorf("history %+v, %v", h, err)
	}
}

func TestTxRefusesWorkers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{Namespace: "ns"})
	var b ports.Backend = s.WithTx(begin(t, handle(t, path)))
	ctx := t.Context()
	_, claim := b.ClaimRuns(ctx, ports.ClaimRequest{})
	_, reclaim := b.ReclaimRun(ctx, ports.ReclaimRequest{})
	_, load := b.LoadHistories(ctx, ports.HistoryRequest{})
	_, commit := b.Commit(ctx, nil)
	_, extend := b.ExtendLeases(ctx, ports.LeaseRequest{})
	_, sweep := b.Sweep(ctx, ports.SweepRequest{})
	for i, err := range []error{claim, reclaim, load, commit, extend, sweep} {
		if !errors.Is(err, ports.ErrClientOnly) {
			t.Errorf("worker method %d: %v", i, err)
		}
	}
	if b.Namespace() != "ns" {
		t.Errorf("namespace %q", b.Namespace())
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := b.CountRuns(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
