package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
)

// idleWarmUp is how long a worker takes to find out that it has nothing to do: its pauses grow.
const idleWarmUp = time.Minute

// counter notes when statements are sent. It counts in the client: the server's own counters hold its
// vacuuming too, which an idle worker does not drown out.
type counter struct {
	mu         sync.Mutex
	statements []time.Time
	trips      []time.Time
}

func (c *counter) count(list *[]time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*list = append(*list, time.Now())
}

// TraceQueryStart is pgx.QueryTracer's.
func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.count(&c.statements)
	c.count(&c.trips)
	return ctx
}

// TraceQueryEnd is pgx.QueryTracer's.
func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart is pgx.BatchTracer's.
func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.count(&c.trips)
	return ctx
}

// TraceBatchQuery is pgx.BatchTracer's.
func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	c.count(&c.statements)
}

// TraceBatchEnd is pgx.BatchTracer's.
func (*counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// perMinute is how many there were in a minute since then.
func (c *counter) perMinute(list *[]time.Time, since time.Time) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, at := range *list {
		if at.After(since) {
			n++
		}
	}
	return float64(n) / time.Since(since).Minutes()
}

// idler is a worker that has nothing to do, in a schema of its own, while the other workloads are measured.
type idler struct {
	counter
	began time.Time
	undo  []func()
}

func (x *idler) stop() {
	for i := len(x.undo) - 1; i >= 0; i-- {
		x.undo[i]()
	}
}

// idle starts such a worker.
func (b *bench) idle(ctx context.Context) (*idler, error) {
	p, cleanup, err := b.place()
	if err != nil {
		return nil, err
	}
	x := &idler{undo: []func(){cleanup}}
	if err := x.start(ctx, p); err != nil {
		x.stop()
		return nil, err
	}
	return x, nil
}

func (x *idler) start(ctx context.Context, p place) error {
	cfg, err := pgxpool.ParseConfig(p.URL)
	if err != nil {
		return err
	}
	cfg.ConnConfig.Tracer = &x.counter
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	x.undo = append(x.undo, pool.Close)
	db, err := postgres.FromPool(ctx, pool, postgres.WithSchema(p.Schema))
	if err != nil {
		return err
	}
	x.undo = append(x.undo, func() { _ = db.Close() })
	client, err := openworkflow.New(db)
	if err != nil {
		return err
	}
	x.undo = append(x.undo, func() { _ = client.Close() })
	w, err := client.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(newTally(0).work(1))})
	if err != nil {
		return err
	}
	x.undo = append(x.undo, func() { _ = w.Stop(context.WithoutCancel(ctx)) })
	x.began = time.Now()
	return w.Start(ctx)
}

// idleCost reports what the idle worker has asked of the server since it knew that it had nothing to do.
func idleCost(ctx context.Context, b *bench) error {
	if b.idler == nil {
		return nil // the other databases have no server to ask
	}
	since := b.idler.began.Add(idleWarmUp)
	timer := time.NewTimer(time.Until(since.Add(b.idleSpan)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	trips, statements := b.idler.perMinute(&b.idler.trips, since), b.idler.perMinute(&b.idler.statements, since)
	settings := fmt.Sprintf("over %.0f s, after a minute to settle", time.Since(since).Seconds())
	if err := b.report("round trips while idle", trips, "1/min", settings); err != nil {
		return err
	}
	return b.report("statements while idle", statements, "1/min", settings)
}
