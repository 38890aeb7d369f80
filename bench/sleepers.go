package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// dormitory is a workflow that sleeps once, and how late its runs woke.
type dormitory struct {
	*tally
	span time.Duration

	mu    sync.Mutex
	until map[string]time.Time // by run, as first asked for: a replay asks for another time and gets the recorded one
	late  []time.Duration
}

var rest = openworkflow.Declare[openworkflow.None, openworkflow.None]("rest")

func (d *dormitory) workflow() *openworkflow.Workflow[openworkflow.None, openworkflow.None] {
	return rest.Implement(func(ctx openworkflow.Context, _ openworkflow.None) (openworkflow.None, error) {
		until := d.bed(ctx.RunID())
		if err := step.SleepUntil(ctx, "rest", until); err != nil {
			return nil, err
		}
		d.woke(time.Since(until))
		return nil, nil
	})
}

// bed is when a run wakes: a second from now at least, the span at most.
func (d *dormitory) bed(run string) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	until, known := d.until[run]
	if !known {
		until = time.Now().Add(time.Second + rand.N(d.span-time.Second)).Truncate(time.Millisecond)
		d.until[run] = until
	}
	return until
}

func (d *dormitory) woke(late time.Duration) {
	d.mu.Lock()
	d.late = append(d.late, late)
	d.mu.Unlock()
	d.one()
}

// sleepers measures how late runs wake that sleep for a random time. The database's clock must be this machine's.
func sleepers(ctx context.Context, b *bench) error {
	n := b.scaled(b.settings.sleepers)
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.seed(ctx, rest.Name(), n, nil); err != nil {
		return err
	}
	d := &dormitory{tally: newTally(n), span: b.sleep, until: make(map[string]time.Time, n)}
	took, err := s.working(ctx, openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(d.workflow()), Concurrency: b.slots()}, d.wait)
	if err != nil {
		return err
	}
	if counts, err := s.client.CountRuns(ctx); err != nil || counts.Completed != int64(n) {
		return fmt.Errorf("of %d runs the database has %+v: %w", n, counts, err)
	}
	settings := fmt.Sprintf("runs=%d asleep for 1 s to %s, concurrency=%d", n, b.sleep, b.slots())
	for _, p := range []struct {
		name string
		of   float64
	}{{"wake lateness p50", 0.5}, {"wake lateness p99", 0.99}} {
		if err := b.report(p.name, percentile(d.late, p.of), "ms", settings); err != nil {
			return err
		}
	}
	most := perSecond(n, b.sleep)
	return b.report("runs", perSecond(n, took), "1/s", fmt.Sprintf("start to end; the sleeps alone allow %.0f/s", most))
}
