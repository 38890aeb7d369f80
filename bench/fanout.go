package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

const (
	fanChildren = 1_000
	fanRounds   = 3
)

var (
	fan   = openworkflow.Declare[int, int]("fan")
	blade = openworkflow.Declare[int, int]("blade")
)

// spread starts so many children at once and adds up their results.
func spread(ctx openworkflow.Context, children int) (int, error) {
	results, errs := make([]int, children), make([]error, children)
	var all sync.WaitGroup
	for i := range children {
		all.Go(func() {
			results[i], errs[i] = step.RunWorkflow(ctx, blade, i, step.WithName(fmt.Sprintf("blade-%d", i)))
		})
	}
	all.Wait()
	sum := 0
	for i := range children {
		if errs[i] != nil {
			return 0, errs[i]
		}
		sum += results[i]
	}
	return sum, nil
}

// fanOut measures a parent that starts many children, one step each in them, and waits for all.
func fanOut(ctx context.Context, b *bench) error {
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	n := b.scaled(fanChildren)
	o := openworkflow.WorkerOptions{
		Workflows: openworkflow.Workflows(fan.Implement(spread), blade.Implement(func(ctx openworkflow.Context, i int) (int, error) {
			return step.Run(ctx, "turn", func(context.Context) (int, error) { return i, nil })
		})),
		Concurrency: b.slots(), StepLimit: stepLimit,
	}
	var took []float64
	_, err = s.working(ctx, o, func(ctx context.Context) error {
		for range fanRounds {
			one, err := s.fan(ctx, n)
			if err != nil {
				return err
			}
			took = append(took, ms(one))
		}
		return nil
	})
	if err != nil {
		return err
	}
	typical := median(took)
	settings := fmt.Sprintf("children=%d of one step, start to result of the parent, median of %d, %.0f to %.0f", n, fanRounds, took[0], took[len(took)-1])
	if err := b.report("fan-out and fan-in", typical, "ms", settings); err != nil {
		return err
	}
	return b.report("children", float64(n)/typical*1000, "1/s", settings)
}

func (s *site) fan(ctx context.Context, children int) (time.Duration, error) {
	began := time.Now()
	h, err := fan.Run(ctx, s.client, children)
	if err != nil {
		return 0, err
	}
	sum, err := h.Result(ctx, openworkflow.WithResultTimeout(2*time.Minute))
	if err == nil && sum != children*(children-1)/2 {
		err = fmt.Errorf("the children of the fan add up to %d", sum)
	}
	return time.Since(began), err
}
