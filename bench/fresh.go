package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// freshPairs is how often a new database and an analysed one are measured in turn, for each workload.
const freshPairs = 3

// small is a workload that is measured on a database just made and on one whose planner knows its tables: it returns a rate.
type small struct {
	name string
	rate func(ctx context.Context, b *bench, s *site) (float64, error)
}

var smalls = []small{
	{"W0", func(ctx context.Context, b *bench, s *site) (float64, error) {
		return s.smallDrain(ctx, 0, b.scaled(6_000), b.slots())
	}},
	{"W1", func(ctx context.Context, b *bench, s *site) (float64, error) {
		return s.smallDrain(ctx, 1, b.scaled(6_000), b.slots())
	}},
	{"W2", func(ctx context.Context, b *bench, s *site) (float64, error) {
		return s.smallDrain(ctx, 10, b.scaled(1_500), b.slots())
	}},
	{"W5", func(ctx context.Context, b *bench, s *site) (float64, error) {
		return repeated(func() (float64, error) { return s.smallRun(ctx, b.scaled(1_000)) })
	}},
	{"W6", func(ctx context.Context, b *bench, s *site) (float64, error) {
		return repeated(func() (float64, error) { return s.smallResume(ctx, b.scaled(500)) })
	}},
}

func (s *site) smallDrain(ctx context.Context, steps, runs, slots int) (float64, error) {
	if err := s.seed(ctx, work.Name(), runs, nil); err != nil {
		return 0, err
	}
	took, err := s.drain(ctx, steps, runs, slots)
	return perSecond(runs, took), err
}

func (s *site) smallRun(ctx context.Context, steps int) (float64, error) {
	if err := s.seed(ctx, work.Name(), 1, nil); err != nil {
		return 0, err
	}
	s.settle()
	took, err := s.execute(ctx, steps)
	return perSecond(steps, took), err
}

func (s *site) smallResume(ctx context.Context, steps int) (float64, error) {
	if err := s.record(ctx, steps); err != nil {
		return 0, err
	}
	s.settle()
	took, err := s.execute(ctx, steps)
	return perSecond(1, took), err
}

// shortOnes is how often what is over in milliseconds is measured for one rate.
const shortOnes = 6

// repeated is the mean rate of several.
func repeated(f func() (float64, error)) (float64, error) {
	var inverse float64
	for range shortOnes {
		rate, err := f()
		if err != nil {
			return 0, err
		}
		inverse += 1 / rate
	}
	return shortOnes / inverse, nil
}

// freshness compares a database made a moment before, which has no statistics, with one that has done the same before and was
// analysed then.
func freshness(ctx context.Context, b *bench) error {
	if b.backend != "postgres" {
		return nil // the others' plans are the same without
	}
	for _, w := range smalls {
		_, _, ratios, err := pairedTimes(freshPairs,
			func() (float64, error) { return b.onNew(ctx, w, false) },
			func() (float64, error) { return b.onNew(ctx, w, true) })
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		settings := fmt.Sprintf("median of pairs, %.2f to %.2f", ratios[0], ratios[len(ratios)-1])
		if err := b.report(w.name+" on a new database, of an analysed one", median(ratios), "×", settings); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) onNew(ctx context.Context, w small, analysed bool) (float64, error) {
	s, err := b.open(ctx)
	if err != nil {
		return 0, err
	}
	defer s.close()
	if analysed {
		if _, err := w.rate(ctx, b, s); err != nil {
			return 0, err
		}
		if err := s.analyse(ctx); err != nil {
			return 0, err
		}
	}
	if err := s.reopen(ctx); err != nil { // both begin with new connections
		return 0, err
	}
	return w.rate(ctx, b, s)
}

// analyse has the planner look at all tables of the site.
func (s *site) analyse(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = $1", s.Schema)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, table := range tables {
		if _, err := conn.Exec(ctx, "VACUUM ANALYZE "+pgx.Identifier{s.Schema, table}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}
