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

// crowded measures W1 with no others, and beside many.
func crowded(ctx context.Context, b *bench) error {
	n := b.per(20_000, 6_000)
	alone, err := b.beside(ctx, n, 0, crowd{})
	if err != nil {
		return err
	}
	if err := b.reportDrain("alone ", n, 1, alone, b.slots()); err != nil {
		return err
	}
	for _, c := range crowds {
		took, err := b.beside(ctx, n, b.scaled(b.others), c)
		if err != nil {
			return err
		}
		settings := fmt.Sprintf("runs=%d others=%d %s concurrency=%d", n, b.scaled(b.others), c.name, b.slots())
		if err := b.report("runs", perSecond(n, took), "1/s", settings); err != nil {
			return err
		}
		if err := b.report("of alone", alone.Seconds()/took.Seconds(), "×", settings); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) beside(ctx context.Context, n, others int, c crowd) (time.Duration, error) {
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
	return s.drain(ctx, 1, n, b.slots())
}
