package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// contest is a workload, measured on several systems in turn.
type contest struct {
	backend  string
	workload string
	ours     measurement
	peers    map[string]measurement
}

type measurement = func(ctx context.Context, b *bench) error

// drains makes the measurement of drains with so many steps.
func drains(steps int, f func(context.Context, *bench, int) error) measurement {
	return func(ctx context.Context, b *bench) error { return f(ctx, b, steps) }
}

var contests = []contest{
	{"postgres", "W0", drains(0, drainAll), map[string]measurement{riverName: riverDrain}},
	{"postgres", "W1", drains(1, drainAll), map[string]measurement{riverName: riverDrain, typescriptName: drains(1, typescriptDrain)}},
	{"postgres", "W2", drains(10, drainAll), map[string]measurement{typescriptName: drains(10, typescriptDrain)}},
	{"postgres", "W3", latency, map[string]measurement{riverName: riverLatency, typescriptName: typescriptLatency}},
	{"postgres", "W4", enqueue, map[string]measurement{riverName: riverEnqueue, typescriptName: typescriptEnqueue}},
	{"postgres", "W5", thousand, map[string]measurement{typescriptName: typescriptLong}},
	{"postgres", "W6", resumes, map[string]measurement{typescriptName: typescriptResume}},
	{"sqlite", "W1", drains(1, drainAll), map[string]measurement{typescriptName: drains(1, typescriptDrain)}},
	{"sqlite", "W2", drains(10, drainAll), map[string]measurement{typescriptName: drains(10, typescriptDrain)}},
}

// compare measures ours and the peers' in turn, several rounds, each round in the reverse order of the one before:
// what the machine does meanwhile reaches all of them.
func compare(ctx context.Context, s settings, out *results) error {
	b := newBench(s, out, "postgres", "")
	if s.postgres == "" {
		return errNoPostgres
	}
	if err := b.machine(ctx); err != nil {
		return err
	}
	missing, err := typescriptReady(ctx)
	if err != nil {
		return err
	}
	if missing != "" {
		fmt.Fprintln(os.Stderr, "bench: without the TypeScript OpenWorkflow:", missing)
	}
	summary := &results{lines: os.Stdout, all: out.all}
	for _, c := range contests {
		if !slices.Contains(s.workloads, c.workload) || !slices.Contains(s.backends, c.backend) {
			continue
		}
		if missing != "" || (c.backend == "sqlite" && sqliteNode() == "") {
			delete(c.peers, typescriptName)
		}
		rounds, err := c.rounds(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", c.workload, err)
		}
		if err := summarise(summary, rounds); err != nil {
			return err
		}
	}
	return summary.table(os.Stdout)
}

// rounds measures the contest and returns what each round found.
func (c contest) rounds(ctx context.Context, s settings) ([][]result, error) {
	var all [][]result
	for round := range s.rounds {
		found := &results{lines: os.Stdout}
		turns := []measurement{c.ours}
		for _, name := range []string{riverName, typescriptName} {
			if f := c.peers[name]; f != nil {
				turns = append(turns, f)
			}
		}
		if round%2 == 1 {
			slices.Reverse(turns)
		}
		for _, f := range turns {
			if err := f(ctx, newBench(s, found, c.backend, c.workload)); err != nil {
				return nil, err
			}
		}
		all = append(all, found.all)
	}
	return all, nil
}

// summarise adds the median of each figure, and of each ratio of ours to a peer's within a round.
func summarise(out *results, rounds [][]result) error {
	for _, x := range rounds[0] {
		vs := column(rounds, x)
		typical := x
		typical.Value = median(vs)
		typical.Settings += fmt.Sprintf("; median of %d, %.4g to %.4g", len(vs), vs[0], vs[len(vs)-1])
		if err := out.add(typical); err != nil {
			return err
		}
	}
	for _, theirs := range rounds[0] {
		i := slices.IndexFunc(rounds[0], func(x result) bool {
			return strings.HasPrefix(x.System, oursName) && x.Metric == theirs.Metric && !strings.HasPrefix(theirs.System, oursName)
		})
		if i < 0 {
			continue
		}
		ratio := against(rounds, rounds[0][i], theirs)
		if err := out.add(ratio); err != nil {
			return err
		}
	}
	return nil
}

const oursName = "openworkflow-go/"

// column is a figure in all rounds.
func column(rounds [][]result, of result) []float64 {
	var vs []float64
	for _, round := range rounds {
		for _, x := range round {
			if x.System == of.System && x.Metric == of.Metric {
				vs = append(vs, x.Value)
			}
		}
	}
	return vs
}

// against is how many times better ours is than theirs: the median of the rounds' ratios.
func against(rounds [][]result, ours, theirs result) result {
	a, b := column(rounds, ours), column(rounds, theirs)
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
		if ours.Unit == "ms" || ours.Unit == "µs" { // less is better
			ratios[i] = b[i] / a[i]
		}
	}
	typical := median(ratios)
	return result{
		ours.System, ours.Workload, ours.Metric + ", better than " + theirs.System, typical, "×",
		fmt.Sprintf("median of the rounds' ratios, %.3g to %.3g", ratios[0], ratios[len(ratios)-1]),
	}
}
