package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/oklog/ulid/v2"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// answer is what each step returns.
type answer struct {
	OK bool `json:"ok"`
}

func nothing(context.Context) (answer, error) { return answer{OK: true}, nil }

// tally counts the workflow functions that returned, and tells when that was all.
type tally struct {
	left atomic.Int64
	done chan struct{}
}

func newTally(n int) *tally {
	t := &tally{done: make(chan struct{})}
	t.left.Store(int64(n))
	return t
}

func (t *tally) one() {
	if t.left.Add(-1) == 0 {
		close(t.done)
	}
}

// wait waits until that was all.
func (t *tally) wait(ctx context.Context) error {
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work is the workflow of the drains: so many steps, one after the other.
var work = openworkflow.Declare[openworkflow.None, openworkflow.None]("work")

func (t *tally) work(steps int) *openworkflow.Workflow[openworkflow.None, openworkflow.None] {
	names := make([]string, steps)
	for i := range names {
		names[i] = fmt.Sprintf("step-%d", i+1)
	}
	return work.Implement(func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		for _, name := range names {
			if _, err := step.Run(ctx, name, nothing); err != nil {
				return nil, err
			}
		}
		t.one()
		return nil, nil
	})
}

// seedBatch is how many runs one call creates.
const seedBatch = 1000

// seed creates n runs that are due.
func (s *site) seed(ctx context.Context, workflow string, n int, change func(*backend.NewRun)) error {
	for n > 0 {
		runs := make([]backend.NewRun, min(n, seedBatch))
		for i := range runs {
			runs[i] = backend.NewRun{ID: ulid.Make().String(), WorkflowName: workflow}
			if change != nil {
				change(&runs[i])
			}
		}
		if _, err := s.db.CreateRuns(ctx, runs); err != nil {
			return err
		}
		n -= len(runs)
	}
	return nil
}
