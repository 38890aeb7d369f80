package main

import (
	"context"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// idleWarmUp is how long a worker takes to find out that it has nothing to do: its pauses grow.
const idleWarmUp = 75 * time.Second

// idler is a worker that has nothing to do, in a schema of its own, while the other workloads are measured.
type idler struct {
	tap   *wiretap
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
	t, through, err := tap(p.URL)
	if err != nil {
		return err
	}
	x.tap, x.undo = t, append(x.undo, t.close)
	p.URL = through
	db, err := p.open(ctx)
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

// cost reports what the idle worker has asked of the server since it knew that it had nothing to do.
func (x *idler) cost(ctx context.Context, b *bench) error {
	since := x.began.Add(idleWarmUp)
	timer := time.NewTimer(time.Until(since.Add(b.idleSpan)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	trips, statements := x.tap.perMinute(&x.tap.trips, since), x.tap.perMinute(&x.tap.statements, since)
	settings := fmt.Sprintf("over %.0f s, after %s to settle", time.Since(since).Seconds(), idleWarmUp)
	if err := b.report("round trips while idle", trips, "1/min", settings); err != nil {
		return err
	}
	return b.report("statements while idle", statements, "1/min", settings)
}
