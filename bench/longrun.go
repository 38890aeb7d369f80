package main

import (
	"context"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

const (
	shortSteps = 100 // of a short run
	shortRuns  = 20
	// fewSteps and manySteps are how many steps lie at most between two looks at what bare SQL costs now: at the beginning of
	// a run, and from its 10 000th step on.
	fewSteps  = 500
	manySteps = 5_000
	mostBare  = 1_000 // bare inserts in a look
)

var long = openworkflow.Declare[int, openworkflow.None]("long")

// longRun is a run that measures its own steps, and in between, outside of any step, what bare SQL costs: both meet
// the same minutes of the machine.
type longRun struct {
	bare func(context.Context) error // inserts a row

	steps  int
	last   float64 // ms of a bare insert, as measured last
	blocks []block
}

// block is a stretch of steps of a run, up to its step until.
type block struct {
	steps, until int
	took         time.Duration
	bare         float64 // ms of a bare insert: the mean of just before and just after
}

// do does n steps, each with a name of its own.
func (l *longRun) do(ctx openworkflow.Context, n int) error {
	began := time.Now()
	for i := range n {
		if _, err := step.Run(ctx, fmt.Sprintf("step-%d", l.steps+i+1), nothing); err != nil {
			return err
		}
	}
	took := time.Since(began)
	before := l.last
	if err := l.look(ctx, n); err != nil {
		return err
	}
	l.steps += n
	l.blocks = append(l.blocks, block{n, l.steps, took, (before + l.last) / 2})
	return nil
}

// look measures bare inserts, as many as there are steps beside them: whoever begins finds the other's processes awake and its own
// asleep.
func (l *longRun) look(ctx context.Context, steps int) error {
	n := min(steps, mostBare)
	began := time.Now()
	for range n {
		if err := l.bare(ctx); err != nil {
			return err
		}
	}
	l.last = ms(time.Since(began)) / float64(n)
	return nil
}

// function is the workflow's: so many steps, in blocks of which one ends at each power of ten.
func (l *longRun) function(ctx openworkflow.Context, steps int) (openworkflow.None, error) {
	l.steps = 0
	if err := l.look(ctx, shortSteps); err != nil {
		return nil, err
	}
	for next := shortSteps; l.steps < steps; {
		most := fewSteps
		if l.steps >= 10_000 {
			most = manySteps
		}
		if err := l.do(ctx, min(most, next-l.steps, steps-l.steps)); err != nil {
			return nil, err
		}
		if l.steps == next {
			next *= 10
		}
	}
	return nil, nil
}

// between returns the blocks of steps after the one and up to the other.
func (l *longRun) between(after, until int) (found []block) {
	for _, x := range l.blocks {
		if x.until > after && x.until <= until {
			found = append(found, x)
		}
	}
	return found
}

// cost is what a step took, in ms, and how many times a bare insert that is: the median of the blocks, as some meet what
// neither has to do with.
func cost(blocks []block) (each, bare, ratio float64) {
	var took time.Duration
	steps := 0
	var bares, ratios []float64
	for _, x := range blocks {
		took += x.took
		steps += x.steps
		bares = append(bares, x.bare)
		ratios = append(ratios, ms(x.took)/float64(x.steps)/x.bare)
	}
	return ms(took) / float64(steps), median(bares), median(ratios)
}

// longRuns measures what a step costs in a run that has many: in short runs, and in one that gets long.
func longRuns(ctx context.Context, b *bench) error {
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	l := &longRun{bare: func(context.Context) error { return nil }}
	if b.backend != "memory" {
		db, _, err := s.bare(ctx)
		if err != nil {
			return err
		}
		defer db.close()
		l.bare = db.insertRun
	}
	o := openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(long.Implement(l.function)), StepLimit: stepLimit}
	_, err = s.working(ctx, o, func(ctx context.Context) error { return b.measureLong(ctx, s, l) })
	return err
}

func (b *bench) measureLong(ctx context.Context, s *site, l *longRun) error {
	for i := range shortRuns + 2 {
		if i == 2 { // the first ones find cold plans and connections
			l.blocks = nil
		}
		if err := s.runLong(ctx, shortSteps); err != nil {
			return err
		}
	}
	short := l.blocks
	if err := b.reportSteps(shortSteps, short, fmt.Sprintf("%d runs", shortRuns)); err != nil {
		return err
	}
	l.blocks = nil
	most := b.per(100_000, 10_000)
	if err := s.runLong(ctx, most); err != nil {
		return err
	}
	for steps := 10 * shortSteps; steps <= most; steps *= 10 {
		if err := b.reportSteps(steps, l.between(0, steps), "of the same run"); err != nil {
			return err
		}
	}
	if b.backend == "memory" {
		return nil
	}
	_, _, early := cost(short)
	_, _, late := cost(l.between(most/10, most))
	return b.report(fmt.Sprintf("steps %d to %d, to those of runs with %d", most/10+1, most, shortSteps), late/early, "×", "each beside bare SQL then")
}

// thousand measures a run with 1 000 steps, from the worker's start, as it is measured of TypeScript, which allows no more.
func thousand(ctx context.Context, b *bench) error {
	steps := b.scaled(1_000)
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	rate, err := s.smallRun(ctx, steps)
	if err != nil {
		return err
	}
	return b.report(stepOf(steps), 1000/rate, "ms", "one run")
}

func (s *site) runLong(ctx context.Context, steps int) error {
	h, err := long.Run(ctx, s.client, steps)
	if err != nil {
		return err
	}
	_, err = h.Result(ctx, openworkflow.WithResultTimeout(5*time.Minute))
	return err
}

func (b *bench) reportSteps(steps int, blocks []block, what string) error {
	each, bare, ratio := cost(blocks)
	if err := b.report(stepOf(steps), each, "ms", what); err != nil || b.backend == "memory" {
		return err
	}
	return b.report(stepOf(steps)+", to bare SQL", ratio, "×",
		fmt.Sprintf("median of %d, in turn with bare INSERT and commit: %.3g ms", len(blocks), bare))
}
