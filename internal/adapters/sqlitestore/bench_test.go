package sqlitestore_test

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// claimed makes n runs and claims them.
func claimed(tb testing.TB, s *sqlitestore.Store, n int) []domain.Lease {
	tb.Helper()
	runs := make([]domain.NewRun, n)
	for i := range runs {
		runs[i] = domain.NewRun{ID: domain.NewID(), WorkflowName: "bench", Input: json.RawMessage(`{"n":1}`)}
	}
	if _, err := s.CreateRuns(tb.Context(), runs); err != nil {
		tb.Fatal(err)
	}
	res, err := s.ClaimRuns(tb.Context(), ports.ClaimRequest{
		WorkerID: domain.NewID(), Workflows: []domain.WorkflowKey{{Name: "bench"}}, Limit: n, LeaseDuration: time.Hour,
	})
	if err != nil || len(res.Runs) != n {
		tb.Fatalf("claimed %d of %d runs: %v", len(res.Runs), n, err)
	}
	leases := make([]domain.Lease, n)
	for i, r := range res.Runs {
		leases[i] = domain.Lease{RunID: r.ID, WorkerID: r.WorkerID, Epoch: r.Attempts}
	}
	return leases
}

func finishStep(l domain.Lease, name string) domain.Transition {
	return domain.Transition{Kind: domain.FinishStep, Lease: l, Progress: true, Attempt: domain.StepAttempt{
		ID: domain.NewID(), StepName: name, Kind: domain.KindFunction, Status: domain.StepCompleted,
		Output: json.RawMessage(`{"ok":true,"value":"result"}`), StartedAt: time.Now(),
	}}
}

func mustCommit(tb testing.TB, s *sqlitestore.Store, ts ...domain.Transition) []domain.Verdict {
	tb.Helper()
	verdicts, err := s.Commit(tb.Context(), ts)
	if err != nil {
		tb.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Err != nil {
			tb.Fatalf("transition %d: %v", i, v.Err)
		}
	}
	return verdicts
}

func perSecond(b *testing.B, rows int, unit string) {
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), unit)
}

// BenchmarkCommit200 is a full flush: one step of each of 200 runs.
func BenchmarkCommit200(b *testing.B) {
	s := open(b, "bench.db", sqlitestore.Options{})
	leases := claimed(b, s, 200)
	ts := make([]domain.Transition, len(leases))
	n := 0
	for b.Loop() {
		for i, l := range leases {
			ts[i] = finishStep(l, fmt.Sprintf("step-%d", n))
		}
		mustCommit(b, s, ts...)
		n++
	}
	perSecond(b, n*len(ts), "rows/s")
}

// BenchmarkCommit1 is a lone run: each step waits for its own fsync.
func BenchmarkCommit1(b *testing.B) {
	s := open(b, "bench.db", sqlitestore.Options{})
	l := claimed(b, s, 1)[0]
	n := 0
	for b.Loop() {
		mustCommit(b, s, finishStep(l, "step"))
		n++
	}
	perSecond(b, n, "commits/s")
}

// BenchmarkCommit1Parallel is many callers with one step each: they share transactions.
func BenchmarkCommit1Parallel(b *testing.B) {
	s := open(b, "bench.db", sqlitestore.Options{})
	leases := claimed(b, s, 64)
	var next, n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		l := leases[int(next.Add(1))%len(leases)]
		for pb.Next() {
			mustCommit(b, s, finishStep(l, "step"))
			n.Add(1)
		}
	})
	perSecond(b, int(n.Load()), "commits/s")
}

// BenchmarkOneStepRuns creates, claims, steps and completes 200 runs at a time.
func BenchmarkOneStepRuns(b *testing.B) {
	s := open(b, "bench.db", sqlitestore.Options{})
	n := 0
	for b.Loop() {
		leases := claimed(b, s, 200)
		steps, ends := make([]domain.Transition, len(leases)), make([]domain.Transition, len(leases))
		for i, l := range leases {
			steps[i] = finishStep(l, "step")
			ends[i] = domain.Transition{Kind: domain.CompleteRun, Lease: l, Output: json.RawMessage(`{"done":true}`)}
		}
		mustCommit(b, s, steps...)
		mustCommit(b, s, ends...)
		n += len(leases)
	}
	perSecond(b, n, "runs/s")
}
