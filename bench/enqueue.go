package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// enqueue measures how fast runs are started.
func enqueue(ctx context.Context, b *bench) error {
	for _, goroutines := range []int{1, 32} {
		if err := b.starts(ctx, goroutines); err != nil {
			return err
		}
	}
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	s.settle()
	n := b.per(100_000, 30_000)
	began := time.Now()
	if err := s.seed(ctx, work.Name(), n, func(*backend.NewRun) {}); err != nil {
		return err
	}
	return b.report("started", perSecond(n, time.Since(began)), "1/s", fmt.Sprintf("one goroutine, batches of %d", seedBatch))
}

func (b *bench) starts(ctx context.Context, goroutines int) error {
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	s.settle()
	var started atomic.Int64
	errs := make(chan error, goroutines)
	began := time.Now()
	until := began.Add(time.Duration(b.scaled(2000)) * time.Millisecond)
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for time.Now().Before(until) {
				if _, err := work.Run(ctx, s.client, nil); err != nil {
					errs <- err
					return
				}
				started.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	select {
	case err := <-errs:
		return err
	default:
	}
	rate := perSecond(int(started.Load()), took)
	if err := b.report("started", rate, "1/s", fmt.Sprintf("goroutines=%d", goroutines)); err != nil || goroutines > 1 || b.backend == "memory" {
		return err
	}
	bare, err := s.bareInsert(ctx)
	if err != nil {
		return err
	}
	return b.report("started, of bare SQL", rate/bare, "×", fmt.Sprintf("bare INSERT and commit just after: %.0f/s", bare))
}
