package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// floorBatch is how many rows a bare statement takes.
const floorBatch = 500

// bare is a database without OpenWorkflow: what the same rows cost at best.
type bare interface {
	// insertSteps inserts a batch of completed steps into OpenWorkflow's own table, as one commit.
	insertSteps(ctx context.Context) error
	// insertRun inserts one due run into OpenWorkflow's own table, as one commit.
	insertRun(ctx context.Context) error
	// prepare makes tables of that layout, with n due runs and no others.
	prepare(ctx context.Context, layout string, n int) error
	// cycle claims a batch of those runs, inserts so many steps for each, a commit for each step of all of them, and
	// completes them, with the last step's commit.
	cycle(ctx context.Context, steps int) (runs int, err error)
	close()
}

// floor measures what the database does when nothing but the rows is asked of it.
func floor(ctx context.Context, b *bench) error {
	if b.backend == "memory" {
		return nil
	}
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	db, writers, err := s.bare(ctx)
	if err != nil {
		return err
	}
	defer db.close()
	return b.floors(ctx, db, writers)
}

// bare opens the site's database without OpenWorkflow, for as many writers as suit it.
func (s *site) bare(ctx context.Context) (db bare, writers int, err error) {
	if s.Backend == "postgres" {
		db, err = newBarePostgres(ctx, s.place, 2) // as many as the engine's journal has
		return db, 2, err
	}
	db, err = newBareSQLite(ctx, s.place)
	return db, 1, err
}

// bareDrain is the rate at which bare SQL claims so many runs, inserts their steps and completes them here, now: the speed of
// a shared machine changes within minutes, a ratio to a neighbour in time less so.
func (s *site) bareDrain(ctx context.Context, layout string, runs, steps int) (float64, error) {
	db, writers, err := s.bare(ctx)
	if err != nil {
		return 0, err
	}
	defer db.close()
	if err := db.prepare(ctx, layout, runs); err != nil {
		return 0, err
	}
	s.settle()
	return repeat(ctx, time.Minute, writers, func(ctx context.Context) (int, error) { return db.cycle(ctx, steps) })
}

// layoutsOf are the layouts that bare SQL is measured with.
func (b *bench) layoutsOf() []string {
	if b.backend == "postgres" {
		return []string{leanLayout, ownLayout}
	}
	return []string{leanLayout}
}

// tablesOf says what a layout is, for the settings of a result.
func (b *bench) tablesOf(name string) string {
	if b.backend == "postgres" {
		return layouts[name].what
	}
	return "lean tables, 500 runs a claim"
}

func (b *bench) floors(ctx context.Context, db bare, writers int) error {
	span := b.floorSpan()
	inserted, err := repeat(ctx, span, writers, func(ctx context.Context) (int, error) { return floorBatch, db.insertSteps(ctx) })
	if err != nil {
		return err
	}
	how := fmt.Sprintf("rows=%d a commit, writers=%d", floorBatch, writers)
	if err := b.reportBare("insert step rows", inserted, "own tables, "+how); err != nil {
		return err
	}
	single, err := repeat(ctx, span, 1, func(ctx context.Context) (int, error) { return 1, db.insertRun(ctx) })
	if err != nil {
		return err
	}
	if err := b.reportBare("insert runs", single, "own tables, one row a commit, one writer"); err != nil {
		return err
	}
	for _, layout := range b.layoutsOf() {
		for _, steps := range []int{1, 10} {
			if err := b.floorDrain(ctx, db, layout, steps, writers); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) floorDrain(ctx context.Context, db bare, layout string, steps, writers int) error {
	if err := db.prepare(ctx, layout, b.per(100_000, 60_000)/steps); err != nil {
		return err
	}
	rate, err := repeat(ctx, b.floorSpan(), writers, func(ctx context.Context) (int, error) { return db.cycle(ctx, steps) })
	if err != nil {
		return err
	}
	settings := fmt.Sprintf("%s, steps=%d, writers=%d", b.tablesOf(layout), steps, writers)
	if err := b.reportBare("claim, steps, complete: runs", rate, settings); err != nil {
		return err
	}
	return b.reportBare("claim, steps, complete: steps", rate*float64(steps), settings)
}

func (b *bench) floorSpan() time.Duration { return time.Duration(b.scaled(1000)) * time.Millisecond }

func (b *bench) reportBare(metric string, rate float64, settings string) error {
	return b.out.add(result{"bare SQL/" + b.backend, b.workload, metric, rate, "1/s", settings})
}

// repeat calls f from so many goroutines for a while, or until there is nothing left to do, and returns the rate.
func repeat(ctx context.Context, span time.Duration, writers int, f func(context.Context) (int, error)) (float64, error) {
	var done atomic.Int64
	var all sync.WaitGroup
	errs := make(chan error, writers)
	began := time.Now()
	for range writers {
		all.Go(func() {
			for time.Since(began) < span {
				n, err := f(ctx)
				if err != nil {
					errs <- err
				}
				if err != nil || n == 0 {
					return
				}
				done.Add(int64(n))
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	select {
	case err := <-errs:
		return 0, err
	default:
		return perSecond(int(done.Load()), took), nil
	}
}
