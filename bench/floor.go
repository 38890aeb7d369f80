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
	// lean makes tables of the same purpose with no index but the primary key and the claim's, with n due runs.
	lean(ctx context.Context, n int) error
	// cycle claims a batch of lean runs, inserts so many steps for each, a commit per step, and completes them.
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
	writers := 1
	var db bare
	if b.backend == "postgres" {
		writers = 2 // as many as the engine's journal has
		db, err = newBarePostgres(ctx, s.place, writers)
	} else {
		db, err = newBareSQLite(ctx, s.place)
	}
	if err != nil {
		return err
	}
	defer db.close()
	return b.floors(ctx, db, writers)
}

func (b *bench) floors(ctx context.Context, db bare, writers int) error {
	span := time.Duration(b.scaled(3000)) * time.Millisecond
	inserted, err := repeat(ctx, span, writers, func(ctx context.Context) (int, error) { return floorBatch, db.insertSteps(ctx) })
	if err != nil {
		return err
	}
	how := fmt.Sprintf("rows=%d a commit, writers=%d", floorBatch, writers)
	if err := b.bare("insert step rows", inserted, "own tables, "+how); err != nil {
		return err
	}
	single, err := repeat(ctx, span, 1, func(ctx context.Context) (int, error) { return 1, db.insertRun(ctx) })
	if err != nil {
		return err
	}
	if err := b.bare("insert runs", single, "own tables, one row a commit, one writer"); err != nil {
		return err
	}
	for _, steps := range []int{1, 10} {
		if err := db.lean(ctx, b.per(100_000, 60_000)/steps); err != nil {
			return err
		}
		rate, err := repeat(ctx, span, writers, func(ctx context.Context) (int, error) { return db.cycle(ctx, steps) })
		if err != nil {
			return err
		}
		if err := b.bare("claim, steps, complete: runs", rate, fmt.Sprintf("lean tables, steps=%d, %s", steps, how)); err != nil {
			return err
		}
		if err := b.bare("claim, steps, complete: steps", rate*float64(steps), fmt.Sprintf("lean tables, steps=%d, %s", steps, how)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) bare(metric string, rate float64, settings string) error {
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
