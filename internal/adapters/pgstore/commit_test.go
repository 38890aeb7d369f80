package pgstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// ownedMany creates and claims runs of one workflow.
func ownedMany(t *testing.T, s *pgstore.Store, n int) []domain.Lease {
	t.Helper()
	asked := make([]domain.NewRun, n)
	for i := range asked {
		asked[i] = domain.NewRun{ID: domain.NewID(), WorkflowName: "many"}
	}
	if _, err := s.CreateRuns(testContext(t), asked); err != nil {
		t.Fatal(err)
	}
	res, err := s.ClaimRuns(testContext(t), ports.ClaimRequest{
		WorkerID: "w", Workflows: []domain.WorkflowKey{{Name: "many"}}, Limit: n, LeaseDuration: time.Hour,
	})
	if err != nil || len(res.Runs) != n {
		t.Fatalf("claimed %d of %d: %v", len(res.Runs), n, err)
	}
	leases := make([]domain.Lease, n)
	for i, r := range res.Runs {
		leases[i] = domain.Lease{RunID: r.ID, WorkerID: "w", Epoch: r.Attempts}
	}
	return leases
}

// An item that the server refuses is answered alone, with the server's words; all others are committed.
func TestPoisonedItem(t *testing.T) {
	t.Parallel()
	poisons := map[string]string{
		"no JSON":          `{"a":`,
		"NUL":              `"a\u0000b"`,
		"a lone surrogate": `"\ud800"`,
		"no UTF-8":         "\"\xff\"",
	}
	for name, poison := range poisons {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := open(t)
			leases := ownedMany(t, s, 21)
			var ts []domain.Transition
			for _, l := range leases {
				ts = append(ts, finished(l), complete(l))
			}
			const step, run = 14, 31 // of run 7 the step, of run 15 the end
			ts[step].Attempt.Output, ts[run].Output = json.RawMessage(poison), json.RawMessage(poison)
			verdicts, err := s.Commit(testContext(t), ts)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range verdicts {
				switch {
				case i != step && i != run && v.Err != nil:
					t.Errorf("transition %d: %v", i, v.Err)
				case (i == step || i == run) && (!errors.Is(v.Err, domain.ErrRejected) || !strings.Contains(v.Err.Error(), "SQLSTATE 22")):
					t.Errorf("transition %d: %v, want it rejected with the server's words", i, v.Err)
				}
			}
			counts, err := s.CountRuns(testContext(t))
			if err != nil || counts.Completed != 20 || counts.Running != 1 {
				t.Errorf("runs: %+v, %v", counts, err)
			}
		})
	}
}

func TestPoisonedSignalAndRun(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	signals := make([]domain.Signal, 5)
	for i := range signals {
		signals[i] = domain.Signal{ID: domain.NewID(), Name: fmt.Sprint("s", i), Key: domain.NewID(), Buffer: time.Hour}
	}
	signals[3].Data = json.RawMessage(`nope`)
	answers, err := s.SendSignals(testContext(t), signals)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		if want := i == 3; errors.Is(a.Err, domain.ErrRejected) != want {
			t.Errorf("signal %d: %v", i, a.Err)
		}
	}
	_, err = s.CreateRuns(testContext(t), []domain.NewRun{
		{ID: "good", WorkflowName: "w"}, {ID: "bad", WorkflowName: "w", Input: json.RawMessage(`nope`)},
	})
	if !errors.Is(err, domain.ErrRejected) {
		t.Errorf("creating: %v, want it rejected", err)
	}
	if found, err := s.GetRuns(testContext(t), []string{"good", "bad"}); err != nil || len(found) != 0 {
		t.Errorf("half of a refused creation is there: %v, %v", found, err)
	}
}

// More than 8 MiB goes in several transactions, a run's step never after its end.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	leases := ownedMany(t, s, 12)
	big := json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
	var ts []domain.Transition
	for _, l := range leases {
		step, end := finished(l), complete(l)
		step.Attempt.Output, end.Output = big, big
		ts = append(ts, end, step)
	}
	verdicts, err := s.Commit(testContext(t), ts)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Err != nil {
			t.Errorf("transition %d: %v", i, v.Err)
		}
	}
	h, err := s.LoadHistories(testContext(t), ports.HistoryRequest{RunIDs: []string{leases[11].RunID}})
	if err != nil || len(h.Histories) != 1 || len(h.Histories[0].Attempts) != 1 || len(h.Histories[0].Attempts[0].Output) != len(big) {
		t.Errorf("history: %v", err)
	}
}

// Each kind of transition again, as after a lost answer to COMMIT: ok, and nothing changes.
func TestRepeatedCommit(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(l domain.Lease) domain.Transition{
		"StartStep":   func(l domain.Lease) domain.Transition { return waitFor(l, "go") },
		"StartChild":  func(l domain.Lease) domain.Transition { return startChild(l, "child") },
		"FinishStep":  finished,
		"ParkRun":     park,
		"CompleteRun": complete,
		"FailRun": func(l domain.Lease) domain.Transition {
			return domain.Transition{Kind: domain.FailRun, Lease: l, Error: &domain.Failure{Message: "no"}}
		},
		"RetryRun": func(l domain.Lease) domain.Transition {
			return domain.Transition{Kind: domain.RetryRun, Lease: l, Error: &domain.Failure{Message: "again"}, WakeAt: time.Now().Add(time.Hour)}
		},
	}
	for name, make := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			tr := make(st.owned("w"))
			st.ok(tr)
			before := st.dump()
			st.ok(tr)
			if after := st.dump(); after != before {
				t.Errorf("the tables changed\nfrom %s\n  to %s", before, after)
			}
		})
	}
}

// dump is all that the tables hold.
func (st *stage) dump() string {
	st.Helper()
	return scalar[string](st.T, st.watch, `select concat(
		(select json_agg(r order by id) from "`+st.schema+`".workflow_runs r), (select json_agg(a order by id) from "`+st.schema+`".step_attempts a),
		(select json_agg(s order by id) from "`+st.schema+`".workflow_signals s), (select json_agg(b order by id) from "`+st.schema+`".workflow_signal_buffer b))`)
}

// A stale finish beside the end of its run is judged by how the attempt stood, not by how the end closed it.
func TestStaleFinishBesideTheEnd(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	l := st.owned("w")
	start := waitFor(l, "go")
	st.ok(start)
	stale := timedOut(start)
	stale.Timeout, stale.Lease.Epoch = false, 0
	stale.Attempt.Status, stale.Attempt.Output = domain.StepFailed, nil
	verdicts := st.commit(stale, domain.Transition{Kind: domain.FailRun, Lease: l, Error: &domain.Failure{Message: "no"}})()
	if !errors.Is(verdicts[0].Err, domain.ErrLeaseLost) || verdicts[1].Err != nil {
		t.Errorf("verdicts %+v, want the lease of the first lost", verdicts)
	}
}
