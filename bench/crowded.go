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

// crowdPairs is how often beside and alone are measured in turn.
const crowdPairs = 3

// crowded compares W1 beside many others with W1 alone.
func crowded(ctx context.Context, b *bench) error {
	for _, c := range crowds {
		if err := b.crowd(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// crowd drains an empty table and a crowded one in turn, and reports the median of the pairs' ratios.
func (b *bench) crowd(ctx context.Context, c crowd) error {
	n, others := b.per(12_000, 2_500), b.scaled(b.others)
	empty, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer empty.close()
	full, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer full.close()
	if err := full.seed(ctx, c.workflow, others, c.change); err != nil {
		return err
	}
	beside, alone, ratios, err := pairedTimes(crowdPairs,
		func() (float64, error) { return full.another(ctx, n, b.slots()) },
		func() (float64, error) { return empty.another(ctx, n, b.slots()) })
	if err != nil {
		return err
	}
	settings := fmt.Sprintf("others=%d runs=%d concurrency=%d, median of %d", others, n, b.slots(), crowdPairs)
	if err := b.report("runs, others "+c.name, beside, "1/s", settings); err != nil {
		return err
	}
	settings = fmt.Sprintf("median of pairs, %.2f to %.2f; alone %.0f runs/s", ratios[0], ratios[len(ratios)-1], alone)
	return b.report("runs, others "+c.name+", of alone", median(ratios), "×", settings)
}

// another creates n more runs and returns the rate at which a worker executes as many.
func (s *site) another(ctx context.Context, n, slots int) (float64, error) {
	before, err := s.client.CountRuns(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.seed(ctx, work.Name(), n, nil); err != nil {
		return 0, err
	}
	took, err := s.drain(ctx, 1, n, slots)
	if err != nil {
		return 0, err
	}
	after, err := s.client.CountRuns(ctx)
	return perSecond(int(after.Completed-before.Completed), took), err
}
