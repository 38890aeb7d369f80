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
	shortRuns  = 10
	// blockSteps is how many steps lie between two looks at what bare SQL costs now.
	blockSteps = 2_500
	blockSpan  = 150 * time.Millisecond
)

var long = openworkflow.Declare[int, openworkflow.None]("long")

// longRun is a run that measures its own steps, and in between, outside of any step, what bare SQL costs: both meet
// the same minutes of the machine.
type longRun struct {
	bare func(context.Context) (float64, error) // inserts a second

	steps  int
	active time.Duration // in steps
	plain  time.Duration // what as many bare inserts would have taken
	last   float64       // seconds of one of them, as measured last
	marks  []mark
}

// mark is what the first so many steps took.
type mark struct {
	steps         int
	active, plain time.Duration
}

// block does n steps, of the same name: they get a number each.
func (l *longRun) block(ctx openworkflow.Context, n int) error {
	began := time.Now()
	for i := range n {
		if _, err := step.Run(ctx, fmt.Sprintf("step-%d", l.steps+i+1), nothing); err != nil {
			return err
		}
	}
	took := time.Since(began)
	before := l.last
	if err := l.look(ctx); err != nil {
		return err
	}
	l.steps += n
	l.active += took
	l.plain += time.Duration(float64(n) * (before + l.last) / 2 * float64(time.Second))
	l.marks = append(l.marks, mark{l.steps, l.active, l.plain})
	return nil
}

func (l *longRun) look(ctx context.Context) error {
	rate, err := l.bare(ctx)
	if err == nil {
		l.last = 1 / rate
	}
	return err
}

// function is the workflow's: so many steps, in blocks that end at each power of ten.
func (l *longRun) function(ctx openworkflow.Context, steps int) (openworkflow.None, error) {
	l.steps = 0
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	for next := shortSteps; l.steps < steps; {
		if err := l.block(ctx, min(blockSteps, next-l.steps, steps-l.steps)); err != nil {
			return nil, err
		}
		if l.steps == next {
			next *= 10
		}
	}
	return nil, nil
}

func (l *longRun) at(steps int) mark {
	for _, m := range l.marks {
		if m.steps == steps {
			return m
		}
	}
	return mark{}
}

// longRuns measures what a step costs in a run that has many: in short runs, and in one that gets long.
func longRuns(ctx context.Context, b *bench) error {
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	bare := func(context.Context) (float64, error) { return 1, nil }
	if b.backend != "memory" {
		db, _, err := s.bare(ctx)
		if err != nil {
			return err
		}
		defer db.close()
		bare = func(ctx context.Context) (float64, error) {
			return repeat(ctx, blockSpan, 1, func(ctx context.Context) (int, error) { return 1, db.insertRun(ctx) })
		}
	}
	l := &longRun{bare: bare}
	o := openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(long.Implement(l.function)), StepLimit: stepLimit}
	_, err = s.working(ctx, o, func(ctx context.Context) error { return b.measureLong(ctx, s, l) })
	return err
}

func (b *bench) measureLong(ctx context.Context, s *site, l *longRun) error {
	most := b.per(100_000, 10_000)
	for i := range shortRuns + 2 {
		if i == 2 { // the first ones find cold plans and connections
			l.active, l.plain = 0, 0
		}
		if err := s.runLong(ctx, shortSteps); err != nil {
			return err
		}
	}
	short := mark{shortRuns * shortSteps, l.active, l.plain}
	if err := b.reportSteps(shortSteps, short, fmt.Sprintf("%d runs", shortRuns)); err != nil {
		return err
	}
	l.active, l.plain, l.marks = 0, 0, nil
	if err := s.runLong(ctx, most); err != nil {
		return err
	}
	for steps := 10 * shortSteps; steps <= most; steps *= 10 {
		if err := b.reportSteps(steps, l.at(steps), "of the same run"); err != nil {
			return err
		}
	}
	return b.reportFlat(short, l, most)
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

func (b *bench) reportSteps(steps int, m mark, what string) error {
	n := float64(m.steps)
	if err := b.report(stepOf(steps), ms(m.active)/n, "ms", what); err != nil || b.backend == "memory" {
		return err
	}
	return b.report(stepOf(steps)+", to bare SQL", float64(m.active)/float64(m.plain), "×",
		fmt.Sprintf("in turn with bare INSERT and commit: %.3g ms", ms(m.plain)/n))
}

// reportFlat compares the last nine tenths of the long run with the short ones.
func (b *bench) reportFlat(short mark, l *longRun, most int) error {
	if b.backend == "memory" || most < 10*shortSteps {
		return nil
	}
	all, first := l.at(most), l.at(most/10)
	late := float64(all.active-first.active) / float64(all.plain-first.plain)
	early := float64(short.active) / float64(short.plain)
	return b.report(fmt.Sprintf("steps %d to %d, to those of runs with %d", first.steps+1, most, shortSteps), late/early, "×",
		"each beside bare SQL then")
}
