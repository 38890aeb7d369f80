package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// drainRuns is how many runs of at most one step are drained on Postgres.
const drainRuns = 40_000

// drainAll measures how fast a worker empties the table.
func drainAll(ctx context.Context, b *bench, steps int) error {
	n := b.per(drainRuns, 12_000)
	if steps > 1 {
		n = b.per(24_000, 3_000)
	}
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.seed(ctx, work.Name(), n, nil); err != nil {
		return err
	}
	m := newMeter(ctx, s.place)
	before := m.read()
	took, err := s.drain(ctx, steps, n, b.slots())
	if err != nil {
		return err
	}
	after := m.read()
	if counts, err := s.client.CountRuns(ctx); err != nil || counts.Completed != int64(n) {
		return fmt.Errorf("of %d runs the database has %+v: %w", n, counts, err)
	}
	if err := b.reportDrain(n, steps, took); err != nil || b.backend == "memory" {
		return err
	}
	if err := b.reportCPU("openworkflow-go/"+b.backend, after.since(before), n); err != nil {
		return err
	}
	return b.besideBare(ctx, s, n, steps, perSecond(n, took))
}

// besideBare compares a drain's rate with those of bare SQL just after it.
func (b *bench) besideBare(ctx context.Context, s *site, n, steps int, rate float64) error {
	for _, layout := range b.layoutsOf() {
		bare, err := s.bareDrain(ctx, layout, n, steps)
		if err != nil {
			return err
		}
		metric := "runs, of bare SQL"
		if layout == ownLayout {
			metric = "runs, of bare SQL on its own tables"
		}
		if err := b.report(metric, rate/bare, "×", fmt.Sprintf("bare SQL just after: %.0f runs/s; %s", bare, b.tablesOf(layout))); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) reportDrain(n, steps int, took time.Duration) error {
	settings := fmt.Sprintf("runs=%d concurrency=%d", n, b.slots())
	if err := b.report("runs", perSecond(n, took), "1/s", settings); err != nil || steps < 2 {
		return err
	}
	return b.report("steps", perSecond(n*steps, took), "1/s", settings)
}

// drain starts a worker and stops it when it has executed n runs; it returns how long that took. Where there are
// more, some of those are executed too before it stands still.
func (s *site) drain(ctx context.Context, steps, n, slots int) (time.Duration, error) {
	t := newTally(n)
	return s.working(ctx, openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(t.work(steps)), Concurrency: slots}, t.wait)
}

// working runs a worker while f does, and returns the time from before the worker's start until it has stopped.
func (s *site) working(ctx context.Context, o openworkflow.WorkerOptions, f func(context.Context) error) (time.Duration, error) {
	w, err := s.client.NewWorker(o)
	if err != nil {
		return 0, err
	}
	s.settle()
	began := time.Now()
	if err := w.Start(ctx); err != nil {
		return 0, err
	}
	err = f(ctx)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err = errors.Join(err, w.Stop(stopping))
	return time.Since(began), err
}
