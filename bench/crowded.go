package main

import (
	"context"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// crowd is a way in which other runs are in the table.
type crowd struct {
	name     string
	workflow string
	change   func(*backend.NewRun)
}

var crowds = []crowd{
	{"of another workflow", "others", nil},
	{"in the future", work.Name(), func(r *backend.NewRun) { r.StartAfter = 24 * time.Hour }},
	{"of the same workflow", work.Name(), nil},
}

// crowded measures W1 beside many others, and each time just before with none: a shared machine's speed changes.
func crowded(ctx context.Context, b *bench) error {
	n, others := b.per(20_000, 6_000), b.scaled(b.others)
	for _, c := range crowds {
		alone, err := b.beside(ctx, n, 0, c)
		if err != nil {
			return err
		}
		rate, err := b.beside(ctx, n, others, c)
		if err != nil {
			return err
		}
		settings := fmt.Sprintf("runs=%d others=%d %s concurrency=%d", n, others, c.name, b.slots())
		if err := b.report("runs", rate, "1/s", settings); err != nil {
			return err
		}
		if err := b.report("runs, of alone", rate/alone, "×", fmt.Sprintf("alone just before: %.0f runs/s", alone)); err != nil {
			return err
		}
	}
	return nil
}

// beside returns the rate at which a worker executes runs beside the others.
func (b *bench) beside(ctx context.Context, n, others int, c crowd) (float64, error) {
	s, err := b.open(ctx)
	if err != nil {
		return 0, err
	}
	defer s.close()
	if err := s.seed(ctx, c.workflow, others, c.change); err != nil {
		return 0, err
	}
	if err := s.seed(ctx, work.Name(), n, nil); err != nil {
		return 0, err
	}
	took, err := s.drain(ctx, 1, n, b.slots())
	if err != nil {
		return 0, err
	}
	counts, err := s.client.CountRuns(ctx)
	if err != nil {
		return 0, err
	}
	return perSecond(int(counts.Completed), took), nil
}
