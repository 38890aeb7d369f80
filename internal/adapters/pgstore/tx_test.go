package pgstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func TestInCallersTransaction(t *testing.T) {
	t.Parallel()
	for _, commits := range []bool{true, false} {
		st := newStage(t)
		waiting := st.owned("waiting")
		st.ok(waitFor(waiting, "go"), park(waiting))
		doomed := st.owned("doomed")
		ctx := testContext(t)
		tx, err := st.conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		in := st.s.WithTx(tx)
		if in.Namespace() != "default" {
			t.Errorf("namespace %q", in.Namespace())
		}
		asked := domain.NewRun{ID: domain.NewID(), WorkflowName: "w", IdempotencyKey: "k"}
		again := domain.NewRun{ID: domain.NewID(), WorkflowName: "w", IdempotencyKey: "k"}
		made, err := in.CreateRuns(ctx, []domain.NewRun{asked, again})
		if err != nil || made[0] != asked.ID || made[1] != asked.ID {
			t.Fatalf("created %+v, %v", made, err)
		}
		answers, err := in.SendSignals(ctx, []domain.Signal{{ID: domain.NewID(), Name: "go", Key: "k"}})
		if err != nil || len(answers[0].RunIDs) != 1 {
			t.Fatalf("signal: %+v, %v", answers, err)
		}
		if _, err := in.CancelRun(ctx, doomed.RunID); err != nil {
			t.Fatal(err)
		}
		if found, err := in.GetRuns(ctx, []string{asked.ID}); err != nil || len(found) != 1 {
			t.Errorf("the transaction does not see its own run: %v", err)
		}
		if found, err := st.s.GetRuns(ctx, []string{asked.ID}); err != nil || len(found) != 0 {
			t.Errorf("others see the run before the commit: %v", err)
		}
		if commits {
			err = tx.Commit(ctx)
		} else {
			err = tx.Rollback(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		counts, err := st.s.CountRuns(ctx)
		want := domain.RunCounts{Running: 2}
		if commits {
			want = domain.RunCounts{Pending: 1, Running: 1, Canceled: 1}
			st.isDue(waiting.RunID)
		}
		if err != nil || counts != want {
			t.Errorf("commits %v: %+v, %v", commits, counts, err)
		}
	}
}

// What fails leaves the caller's transaction usable.
func TestFailureInCallersTransaction(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	ctx := testContext(t)
	tx, err := st.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	in := st.s.WithTx(tx)
	if _, err := in.CreateRuns(ctx, []domain.NewRun{{ID: "bad", WorkflowName: "w", Input: json.RawMessage(`nope`)}}); !errors.Is(err, domain.ErrRejected) {
		t.Errorf("a bad input: %v", err)
	}
	answers, err := in.SendSignals(ctx, []domain.Signal{
		{ID: domain.NewID(), Name: "a", Key: "1", Data: json.RawMessage(`nope`), Buffer: 1e9}, {ID: domain.NewID(), Name: "b", Key: "2", Buffer: 1e9},
	})
	if err != nil || !errors.Is(answers[0].Err, domain.ErrRejected) || answers[1].Err != nil {
		t.Errorf("signals: %+v, %v", answers, err)
	}
	if _, err := in.CancelRun(ctx, "nobody"); !errors.Is(err, domain.ErrRunNotFound) {
		t.Errorf("an unknown run: %v", err)
	}
	if _, err := in.CreateRuns(ctx, []domain.NewRun{{ID: "good", WorkflowName: "w"}}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if found, err := st.s.GetRuns(ctx, []string{"good", "bad"}); err != nil || len(found) != 1 {
		t.Errorf("found %d runs, %v", len(found), err)
	}
}

// A run that the caller's transaction does not see, because of its isolation level, is not looked for forever, and is no
// fault of what was asked for.
func TestUnseenRunInCallersTransaction(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	ctx := testContext(t)
	tx, err := st.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		t.Fatal(err)
	}
	in := st.s.WithTx(tx)
	if _, err := in.CountRuns(ctx); err != nil { // from now on it sees nothing new
		t.Fatal(err)
	}
	run := []domain.NewRun{{ID: domain.NewID(), WorkflowName: "w"}}
	if _, err := st.s.CreateRuns(ctx, run); err != nil {
		t.Fatal(err)
	}
	var refused *pgconn.PgError
	if _, err := in.CreateRuns(ctx, run); !errors.As(err, &refused) || errors.Is(err, domain.ErrRejected) || !strings.Contains(err.Error(), "READ COMMITTED") {
		t.Errorf("got %v", err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Error(err)
	}
}

func TestWorkersVerbsInCallersTransaction(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	tx, err := st.conn.Begin(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	in := st.s.WithTx(tx)
	ctx := testContext(t)
	_, errClaim := in.ClaimRuns(ctx, ports.ClaimRequest{})
	_, errReclaim := in.ReclaimRun(ctx, ports.ReclaimRequest{})
	_, errLoad := in.LoadHistories(ctx, ports.HistoryRequest{})
	_, errCommit := in.Commit(ctx, nil)
	_, errExtend := in.ExtendLeases(ctx, ports.LeaseRequest{})
	_, errSweep := in.Sweep(ctx, ports.SweepRequest{})
	for i, err := range []error{errClaim, errReclaim, errLoad, errCommit, errExtend, errSweep} {
		if !errors.Is(err, ports.ErrClientOnly) {
			t.Errorf("verb %d: %v", i, err)
		}
	}
}
