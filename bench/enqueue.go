package main

import (
	"context"
	"fmt"
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
	return b.report(startedInBatches, perSecond(n, time.Since(began)), "1/s", fmt.Sprintf("one goroutine, batches of %d", seedBatch))
}

// startedInBatches and startedBy name what is measured, for every system alike.
const startedInBatches = "started, in batches"

func startedBy(goroutines int) string {
	if goroutines == 1 {
		return "started, one at a time"
	}
	return fmt.Sprintf("started, %d at a time", goroutines)
}

func (b *bench) enqueueSpan() time.Duration { return time.Duration(b.scaled(2000)) * time.Millisecond }

func (b *bench) starts(ctx context.Context, goroutines int) error {
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	s.settle()
	if goroutines == 1 && b.backend != "memory" {
		return b.singleStarts(ctx, s)
	}
	rate, err := repeat(ctx, b.enqueueSpan(), goroutines, s.startOne)
	if err != nil {
		return err
	}
	return b.report(startedBy(goroutines), rate, "1/s", fmt.Sprintf("goroutines=%d", goroutines))
}

func (s *site) startOne(ctx context.Context) (int, error) {
	_, err := work.Run(ctx, s.client, nil)
	return 1, err
}

// singleStarts compares starts with bare inserts, in turn.
func (b *bench) singleStarts(ctx context.Context, s *site) error {
	db, _, err := s.bare(ctx)
	if err != nil {
		return err
	}
	defer db.close()
	span := b.enqueueSpan() / pairs
	rate, bare, ratios, err := paired(
		func() (float64, error) { return repeat(ctx, span, 1, s.startOne) },
		func() (float64, error) {
			return repeat(ctx, span, 1, func(ctx context.Context) (int, error) { return 1, db.insertRun(ctx) })
		})
	if err != nil {
		return err
	}
	if err := b.report(startedBy(1), rate, "1/s", fmt.Sprintf("goroutines=1, median of %d", pairs)); err != nil {
		return err
	}
	settings := fmt.Sprintf("median of pairs, %.2f to %.2f; bare INSERT and commit %.0f/s", ratios[0], ratios[len(ratios)-1], bare)
	return b.report(startedBy(1)+", of bare SQL", median(ratios), "×", settings)
}
