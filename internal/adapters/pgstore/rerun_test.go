package pgstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// A rerun in the caller's transaction exists, with its history, if and only if that commits.
func TestRerunInCallersTransaction(t *testing.T) {
	t.Parallel()
	for _, commits := range []bool{true, false} {
		st := newStage(t)
		l := st.owned("w")
		first, second := finished(l), finished(l)
		first.Attempt.StepName, second.Attempt.StepName = "first", "second"
		first.Attempt.StartedAt = time.Now().Add(-time.Minute)
		st.ok(first, second, complete(l))
		ow, err := openworkflow.New(st.s)
		if err != nil {
			t.Fatal(err)
		}
		ctx := testContext(t)
		tx, err := st.conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		in := ow.WithBackend(st.s.WithTx(tx))
		h, err := in.Rerun(ctx, l.RunID, openworkflow.FromStep("second"))
		if err != nil {
			t.Fatal(err)
		}
		if page, err := in.ListStepAttempts(ctx, h.ID(), openworkflow.PageOptions{}); err != nil || len(page.Items) != 1 || page.Items[0].StepName != "first" {
			t.Errorf("inside, the run begins with %+v, %v", page, err)
		}
		if tally, err := in.TallyRuns(ctx, openworkflow.RunFilter{}, 0); err != nil || tally.Pending != 1 || tally.Completed != 1 {
			t.Errorf("inside: %+v, %v", tally, err)
		}
		if n := scalar[string](t, st.conn, "show enable_sort"); n != "on" {
			t.Errorf("the caller's transaction has enable_sort %s", n)
		}
		if commits {
			err = tx.Commit(ctx)
		} else {
			err = tx.Rollback(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		page, err := ow.ListStepAttempts(ctx, h.ID(), openworkflow.PageOptions{})
		if err != nil || (len(page.Items) == 1) != commits {
			t.Errorf("committed %v: %d attempts, %v", commits, len(page.Items), err)
		}
		if _, err := ow.GetRun(ctx, h.ID()); errors.Is(err, openworkflow.ErrRunNotFound) == commits {
			t.Errorf("committed %v: %v", commits, err)
		}
	}
}

// The history is written once, also where one transaction creates the run twice.
func TestHistoryTwiceInCallersTransaction(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	ctx := testContext(t)
	tx, err := st.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	in := st.s.WithTx(tx)
	n := domain.NewRun{ID: domain.NewID(), WorkflowName: "w", Config: domain.RerunConfig(nil, "another", "b"), History: []domain.StepAttempt{{
		ID: domain.NewID(), StepName: "a", Kind: domain.KindFunction, Status: domain.StepCompleted, CreatedAt: time.Now(),
	}}}
	for range 2 {
		if _, err := in.CreateRuns(ctx, []domain.NewRun{n}); err != nil {
			t.Fatal(err)
		}
	}
	twin := n
	twin.ID = domain.NewID() // with an attempt id that is taken: refused, and the transaction goes on
	if _, err := in.CreateRuns(ctx, []domain.NewRun{twin}); !errors.Is(err, domain.ErrRejected) {
		t.Errorf("an attempt id that is taken: %v", err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	page, err := st.s.ListStepAttempts(ctx, n.ID, ports.PageRequest{Limit: 10})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("%d attempts, %v", len(page.Items), err)
	}
	if found, err := st.s.GetRuns(ctx, []string{twin.ID}); err != nil || len(found) != 0 {
		t.Errorf("the refused run is there: %v, %v", found, err)
	}
}
