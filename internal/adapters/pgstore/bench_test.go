package pgstore_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const benchBatch = 200

var benchKey = domain.WorkflowKey{Name: "bench"}

func benchCreate(b *testing.B, s *pgstore.Store, n int) {
	b.Helper()
	for n > 0 {
		runs := make([]domain.NewRun, min(n, 1000))
		for i := range runs {
			runs[i] = domain.NewRun{ID: domain.NewID(), WorkflowName: benchKey.Name, Input: json.RawMessage(`{"n":1}`)}
		}
		if _, err := s.CreateRuns(b.Context(), runs); err != nil {
			b.Fatal(err)
		}
		n -= len(runs)
	}
}

func benchClaim(b *testing.B, s *pgstore.Store) []domain.Lease {
	b.Helper()
	res, err := s.ClaimRuns(b.Context(), ports.ClaimRequest{WorkerID: "w", Workflows: []domain.WorkflowKey{benchKey}, Limit: benchBatch, LeaseDuration: time.Hour})
	if err != nil || len(res.Runs) != benchBatch {
		b.Fatalf("claimed %d: %v", len(res.Runs), err)
	}
	leases := make([]domain.Lease, len(res.Runs))
	for i, r := range res.Runs {
		leases[i] = domain.Lease{RunID: r.ID, WorkerID: r.WorkerID, Epoch: r.Attempts}
	}
	return leases
}

func benchCommit(b *testing.B, s *pgstore.Store, leases []domain.Lease, transition func(domain.Lease) domain.Transition) {
	b.Helper()
	ts := make([]domain.Transition, len(leases))
	for i, l := range leases {
		ts[i] = transition(l)
	}
	verdicts, err := s.Commit(b.Context(), ts)
	if err != nil {
		b.Fatal(err)
	}
	for _, v := range verdicts {
		if v.Err != nil {
			b.Fatal(v.Err)
		}
	}
}

func finishedStep(l domain.Lease) domain.Transition {
	return domain.Transition{Kind: domain.FinishStep, Lease: l, Progress: true, Attempt: domain.StepAttempt{
		ID: domain.NewID(), StepName: "step", Kind: domain.KindFunction, Status: domain.StepCompleted,
		Output: json.RawMessage(`{"ok":true}`), StartedAt: time.Now(),
	}}
}

func completed(l domain.Lease) domain.Transition {
	return domain.Transition{Kind: domain.CompleteRun, Lease: l, Output: json.RawMessage(`{"done":true}`)}
}

// BenchmarkCommitSteps commits batches of 200 finished steps of 200 runs.
func BenchmarkCommitSteps(b *testing.B) {
	s, _ := open(b)
	benchCreate(b, s, benchBatch)
	leases := benchClaim(b, s)
	for b.Loop() {
		benchCommit(b, s, leases, finishedStep)
	}
	b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "steps/s")
}

// BenchmarkCycle claims 200 runs of a backlog, finishes a step of each, and completes them.
func BenchmarkCycle(b *testing.B) {
	s, _ := open(b)
	backlog := 0
	for b.Loop() {
		if backlog == 0 {
			b.StopTimer()
			backlog = 50
			benchCreate(b, s, backlog*benchBatch)
			b.StartTimer()
		}
		backlog--
		leases := benchClaim(b, s)
		benchCommit(b, s, leases, finishedStep)
		benchCommit(b, s, leases, completed)
	}
	b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "runs/s")
}

// BenchmarkCreate creates runs in batches of 1000.
func BenchmarkCreate(b *testing.B) {
	s, _ := open(b)
	for b.Loop() {
		benchCreate(b, s, 1000)
	}
	b.ReportMetric(float64(b.N*1000)/b.Elapsed().Seconds(), "runs/s")
}

// BenchmarkIdleClaim claims where nothing is due, beside 10 000 parked runs.
func BenchmarkIdleClaim(b *testing.B) {
	s, _ := open(b)
	runs := make([]domain.NewRun, 10000)
	for i := range runs {
		runs[i] = domain.NewRun{ID: domain.NewID(), WorkflowName: benchKey.Name, StartAfter: time.Hour}
	}
	if _, err := s.CreateRuns(b.Context(), runs); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		res, err := s.ClaimRuns(b.Context(), ports.ClaimRequest{WorkerID: "w", Workflows: []domain.WorkflowKey{benchKey}, Limit: 10, LeaseDuration: time.Hour})
		if err != nil || len(res.Runs) != 0 || res.NextDue.IsZero() {
			b.Fatalf("claimed %d, next %v: %v", len(res.Runs), res.NextDue, err)
		}
	}
}
