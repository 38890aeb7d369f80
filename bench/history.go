package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

const stepLimit = 1_000_000

// stepOf and resumeOf name what is measured, for every system alike.
func stepOf(steps int) string   { return fmt.Sprintf("step of %d", steps) }
func resumeOf(steps int) string { return fmt.Sprintf("resume with %d steps", steps) }

// resumes measures how long a worker takes from its start until a run with a history is where it was.
func resumes(ctx context.Context, b *bench) error {
	for _, steps := range []int{500, 10_000} {
		steps = b.scaled(steps)
		s, err := b.open(ctx)
		if err != nil {
			return err
		}
		err = s.record(ctx, steps)
		if err == nil {
			s.settle()
			var took time.Duration
			if took, err = s.execute(ctx, steps); err == nil {
				err = b.report(resumeOf(steps), ms(took), "ms", "worker's start to end of replay")
			}
		}
		s.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// execute lets a worker execute the one run there is, and returns how long its function took from before the
// worker's start to its return.
func (s *site) execute(ctx context.Context, steps int) (time.Duration, error) {
	t := newTally(1)
	w, err := s.client.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(t.work(steps)), StepLimit: stepLimit})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := w.Start(ctx); err != nil {
		return 0, err
	}
	select {
	case <-t.done:
	case <-ctx.Done():
	}
	took := time.Since(began)
	if err := w.Stop(context.WithoutCancel(ctx)); err != nil {
		return 0, err
	}
	return took, ctx.Err()
}

// record makes a run with so many completed steps, due now, as a worker that was stopped leaves it.
func (s *site) record(ctx context.Context, steps int) error {
	if err := s.seed(ctx, work.Name(), 1, nil); err != nil {
		return err
	}
	worker := ulid.Make().String()
	claim, err := s.db.ClaimRuns(ctx, backend.ClaimRequest{
		WorkerID: worker, Workflows: []backend.WorkflowKey{{Name: work.Name()}}, Limit: 1, LeaseDuration: time.Minute,
	})
	if err != nil {
		return err
	}
	if len(claim.Runs) != 1 {
		return fmt.Errorf("claimed %d runs", len(claim.Runs))
	}
	lease := backend.Lease{RunID: claim.Runs[0].ID, WorkerID: worker, Epoch: claim.Runs[0].Attempts}
	var batch []backend.Transition
	for i := range steps {
		batch = append(batch, backend.Transition{Kind: backend.FinishStep, Lease: lease, Attempt: backend.StepAttempt{
			ID: ulid.Make().String(), StepName: fmt.Sprintf("step-%d", i+1), Kind: backend.KindFunction, Status: backend.StepCompleted,
			Output: json.RawMessage(`{"ok":true}`), StartedAt: claim.Now.Add(time.Duration(2*i) * time.Microsecond),
			FinishedAt: claim.Now.Add(time.Duration(2*i+1) * time.Microsecond),
		}})
		if len(batch) == 500 || i == steps-1 {
			if err := s.commit(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return s.commit(ctx, []backend.Transition{{Kind: backend.ParkRun, Lease: lease}})
}

func (s *site) commit(ctx context.Context, batch []backend.Transition) error {
	verdicts, err := s.db.Commit(ctx, batch)
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		if v.Err != nil {
			return v.Err
		}
	}
	return nil
}
