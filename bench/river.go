package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const riverName = "river"

// River's settings for drains, the best found: see docs/benchmarks.md.
const (
	riverWorkers     = 2000
	riverCooldown    = time.Millisecond
	riverPoll        = 100 * time.Millisecond
	riverConnections = 10
)

// riverJob is a job that does nothing: River has no steps and no history.
type riverJob struct{}

func (riverJob) Kind() string { return "work" }

type riverWorker struct {
	river.WorkerDefaults[riverJob]
	tally *tally
}

func (w *riverWorker) Work(context.Context, *river.Job[riverJob]) error {
	w.tally.one()
	return nil
}

// riverSite is a schema with River's tables.
type riverSite struct {
	place
	pool    *pgxpool.Pool
	cleanup func()
}

func (b *bench) river(ctx context.Context, connections int) (*riverSite, error) {
	p, cleanup, err := b.place()
	if err != nil {
		return nil, err
	}
	if err := p.exec("CREATE SCHEMA " + p.Schema); err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(p.URL)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &riverSite{place: p, pool: pool, cleanup: cleanup}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: p.Schema, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err == nil {
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *riverSite) close() {
	s.pool.Close()
	s.cleanup()
}

// client makes a client whose jobs count down the tally; without one it only inserts.
func (s *riverSite) client(t *tally) (*river.Client[pgx.Tx], error) {
	cfg := &river.Config{
		Schema: s.Schema, FetchCooldown: riverCooldown, FetchPollInterval: riverPoll,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if t != nil {
		cfg.Workers = river.NewWorkers()
		river.AddWorker(cfg.Workers, &riverWorker{tally: t})
		cfg.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: riverWorkers}}
	}
	return river.NewClient(riverpgxv5.New(s.pool), cfg)
}

func (s *riverSite) seed(ctx context.Context, n int) error {
	client, err := s.client(nil)
	if err != nil {
		return err
	}
	for n > 0 {
		jobs := make([]river.InsertManyParams, min(n, seedBatch))
		for i := range jobs {
			jobs[i].Args = riverJob{}
		}
		if _, err := client.InsertManyFast(ctx, jobs); err != nil {
			return err
		}
		n -= len(jobs)
	}
	return nil
}

// riverDrain measures how fast River empties its table, as drainAll does.
func riverDrain(ctx context.Context, b *bench) error {
	n := b.scaled(drainRuns)
	s, err := b.river(ctx, riverConnections)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.seed(ctx, n); err != nil {
		return err
	}
	t := newTally(n)
	client, err := s.client(t)
	if err != nil {
		return err
	}
	for _, sql := range []string{"VACUUM ANALYZE " + s.Schema + ".river_job", "CHECKPOINT"} {
		if err := s.exec(sql); err != nil {
			return err
		}
	}
	m := newMeter(ctx, s.place)
	before := m.read()
	took, err := riverEmpty(ctx, client, t)
	if err != nil {
		return err
	}
	used := m.read().since(before)
	var completed int
	err = s.pool.QueryRow(ctx, "SELECT count(*) FROM "+s.Schema+".river_job WHERE state = 'completed'").Scan(&completed)
	if err != nil || completed != n {
		return fmt.Errorf("of %d jobs %d are completed: %w", n, completed, err)
	}
	settings := fmt.Sprintf("jobs=%d MaxWorkers=%d FetchCooldown=%s, %d connections", n, riverWorkers, riverCooldown, riverConnections)
	if err := b.reportRiver("runs", perSecond(n, took), "1/s", settings); err != nil {
		return err
	}
	return b.reportCPU(riverName, used, n)
}

// riverEmpty starts the client and stops it when all is done; stopping writes what is not yet written.
func riverEmpty(ctx context.Context, client *river.Client[pgx.Tx], t *tally) (time.Duration, error) {
	began := time.Now()
	if err := client.Start(ctx); err != nil {
		return 0, err
	}
	select {
	case <-t.done:
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := client.Stop(stopping); err != nil {
		return 0, err
	}
	return time.Since(began), ctx.Err()
}

func (b *bench) reportRiver(metric string, value float64, unit, settings string) error {
	return b.out.add(result{riverName, b.workload, metric, value, unit, settings})
}

// riverLatency measures from the insert of a job to the event that it is completed.
func riverLatency(ctx context.Context, b *bench) error {
	s, err := b.river(ctx, riverConnections)
	if err != nil {
		return err
	}
	defer s.close()
	client, err := s.client(newTally(0))
	if err != nil {
		return err
	}
	events, unsubscribe := client.Subscribe(river.EventKindJobCompleted)
	defer unsubscribe()
	if err := client.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = client.Stop(context.WithoutCancel(ctx)) }()
	var ds []time.Duration
	for i := range 40 {
		began := time.Now()
		if _, err := client.Insert(ctx, riverJob{}, nil); err != nil {
			return err
		}
		select {
		case <-events:
		case <-ctx.Done():
			return ctx.Err()
		}
		if i >= 5 { // the first ones find cold plans and connections
			ds = append(ds, time.Since(began))
		}
		time.Sleep(2 * time.Millisecond)
	}
	settings := fmt.Sprintf("jobs=%d, insert to the event job_completed, worker in the client's process", len(ds))
	if err := b.reportRiver("start to result p50", percentile(ds, 0.5), "ms", settings); err != nil {
		return err
	}
	return b.reportRiver("start to result p99", percentile(ds, 0.99), "ms", settings)
}

// riverEnqueue measures how fast jobs are inserted.
func riverEnqueue(ctx context.Context, b *bench) error {
	for _, goroutines := range []int{1, 32} {
		if err := b.riverInserts(ctx, goroutines); err != nil {
			return err
		}
	}
	s, err := b.river(ctx, riverConnections)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.exec("CHECKPOINT"); err != nil {
		return err
	}
	n := b.scaled(100_000)
	began := time.Now()
	if err := s.seed(ctx, n); err != nil {
		return err
	}
	return b.reportRiver(startedInBatches, perSecond(n, time.Since(began)), "1/s", fmt.Sprintf("InsertManyFast (COPY), batches of %d", seedBatch))
}

func (b *bench) riverInserts(ctx context.Context, goroutines int) error {
	s, err := b.river(ctx, max(goroutines, riverConnections))
	if err != nil {
		return err
	}
	defer s.close()
	client, err := s.client(nil)
	if err != nil {
		return err
	}
	if err := s.exec("CHECKPOINT"); err != nil {
		return err
	}
	rate, err := repeat(ctx, b.enqueueSpan(), goroutines, func(ctx context.Context) (int, error) {
		_, err := client.Insert(ctx, riverJob{}, nil)
		return 1, err
	})
	if err != nil {
		return err
	}
	return b.reportRiver(startedBy(goroutines), rate, "1/s", fmt.Sprintf("goroutines=%d connections=%d", goroutines, max(goroutines, riverConnections)))
}
