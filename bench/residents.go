package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// residents measures what a parked run costs the worker that keeps its goroutine.
func residents(ctx context.Context, b *bench) error {
	n := b.scaled(5_000)
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	long := rest.Implement(func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		return nil, step.Sleep(ctx, "rest", time.Hour)
	})
	var before, after footprint
	o := openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(long), Concurrency: b.slots()}
	_, err = s.working(ctx, o, func(ctx context.Context) error {
		if err := s.parkMore(ctx, b.slots()); err != nil { // connections, buffers and slots are not the runs'
			return err
		}
		before = measured()
		if err := s.parkMore(ctx, n); err != nil {
			return err
		}
		after = measured()
		return nil
	})
	if err != nil {
		return err
	}
	heap, stack := float64(after.heap-before.heap)/float64(n)/1024, float64(after.stack-before.stack)/float64(n)/1024
	settings := fmt.Sprintf("runs=%d parked for an hour; heap %.1f, stacks %.1f", n, heap, stack)
	if b.backend == "memory" {
		settings += "; the heap holds the rows too"
	}
	return b.report("memory of a parked run", heap+stack, "KiB", settings)
}

// footprint is what the process uses, in bytes, after what is garbage has gone.
type footprint struct{ heap, stack int64 }

func measured() footprint {
	for range 3 { // stacks shrink by half in a collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{int64(m.HeapAlloc), int64(m.StackInuse)}
}

// parkMore creates n runs and waits until the worker has parked them all.
func (s *site) parkMore(ctx context.Context, n int) error {
	ids := make([]string, 0, n)
	if err := s.seed(ctx, rest.Name(), n, func(r *backend.NewRun) {
		r.ID = ulid.Make().String()
		ids = append(ids, r.ID)
	}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		states, err := s.db.RunStates(ctx, ids)
		if err != nil {
			return err
		}
		if allParked(states, n) {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func allParked(states []backend.RunState, n int) bool {
	for _, r := range states {
		if r.Epoch == 0 || r.WorkerID != "" {
			return false
		}
	}
	return len(states) == n
}
