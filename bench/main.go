package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	backends    []string
	workloads   []string
	postgres    string
	concurrency int
	others      int
	sleepers    int
	sleep       time.Duration
	idleSpan    time.Duration
	compare     bool
	rounds      int
	quick       bool
	flushDelay  time.Duration
	profile     profile
}

// workload is a named measurement.
type workload struct {
	name string
	run  measurement
}

var workloads = []workload{
	{"floor", floor},
	{"W0", func(ctx context.Context, b *bench) error { return drainAll(ctx, b, 0) }},
	{"W1", func(ctx context.Context, b *bench) error { return drainAll(ctx, b, 1) }},
	{"W2", func(ctx context.Context, b *bench) error { return drainAll(ctx, b, 10) }},
	{"W3", latency},
	{"W4", enqueue},
	{"W5", longRuns},
	{"W6", resumes},
	{"W7", crowded},
	{"W8", sleepers},
	{"W9", fanOut},
	{"W11", residents},
	{"fresh", freshness},
	{pagesName, pages},
	{"W10", nil}, // measured beside all others: see measure
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if raw := os.Getenv(workerVariable); raw != "" {
		exit(beWorker(ctx, raw))
		return
	}
	s, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	switch {
	case err != nil:
	case s.flushDelay > 0 && slowedBy() == 0:
		err = onSlowDisk(ctx, s.flushDelay, os.Args[1:])
	default:
		err = measure(ctx, s)
	}
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (settings, error) {
	var s settings
	var backends, names string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&backends, "backend", "postgres,sqlite", "the databases, separated by commas: postgres, sqlite, memory")
	flags.StringVar(&names, "workloads", "", "the workloads, separated by commas (default all)")
	flags.StringVar(&s.postgres, "postgres", os.Getenv("OPENWORKFLOW_TEST_POSTGRES_URL"), "the `URL` of a Postgres server")
	flags.IntVar(&s.concurrency, "concurrency", 0, "runs that execute at once in drains (default 2000 on Postgres, 500 elsewhere)")
	flags.IntVar(&s.others, "others", 100_000, "other runs in W7")
	flags.IntVar(&s.sleepers, "sleepers", 5_000, "runs in W8")
	flags.DurationVar(&s.sleep, "sleep", 10*time.Second, "the longest sleep in W8; the shortest is a second")
	flags.DurationVar(&s.idleSpan, "idle", 20*time.Second, "how long W10 counts, at least")
	flags.BoolVar(&s.compare, "compare", false, "compare with the peers, on Postgres, instead")
	flags.IntVar(&s.rounds, "rounds", 3, "how often -compare measures each")
	flags.BoolVar(&s.quick, "quick", false, "a tenth of the runs: to see that it works, not to compare")
	flags.DurationVar(&s.flushDelay, "flush-delay", 0, "measure on a Postgres server of its own, each of whose flushes takes so much longer: a simulated disk")
	s.profile.flags(flags)
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.backends = strings.Split(backends, ",")
	if s.flushDelay > 0 {
		s.backends = []string{"postgres"} // SQLite's disk is this process's
	}
	for _, w := range workloads {
		if w.name != pagesName { // minutes for rows that nothing else needs: only when it is named
			s.workloads = append(s.workloads, w.name)
		}
	}
	if names != "" {
		s.workloads = strings.Split(names, ",")
	}
	err := s.check()
	return s, err
}

var errNoPostgres = errors.New("no Postgres server: set -postgres or OPENWORKFLOW_TEST_POSTGRES_URL, or use scripts/with-postgres.sh, or -backend sqlite")

func (s *settings) check() error {
	for _, b := range s.backends {
		if !slices.Contains([]string{"postgres", "sqlite", "memory"}, b) {
			return fmt.Errorf("-backend: there is no %q", b)
		}
		if b == "postgres" && s.postgres == "" && s.flushDelay == 0 {
			return errNoPostgres
		}
	}
	for _, name := range s.workloads {
		if !slices.ContainsFunc(workloads, func(w workload) bool { return w.name == name }) {
			return fmt.Errorf("-workloads: there is no %q", name)
		}
	}
	if s.concurrency < 0 || s.others < 0 {
		return errors.New("-concurrency and -others must not be negative")
	}
	if s.flushDelay < 0 {
		return errors.New("-flush-delay must not be negative")
	}
	if s.sleepers < 1 || s.rounds < 1 || s.sleep <= time.Second || s.idleSpan <= 0 {
		return errors.New("-sleepers, -rounds and -idle must be positive, and -sleep longer than a second")
	}
	return nil
}

func measure(ctx context.Context, s settings) (err error) {
	out := &results{lines: os.Stdout}
	finish, err := s.profile.start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finish()) }()
	if s.compare {
		return compare(ctx, s, out)
	}
	var idle *idler // nil is none
	if slices.Contains(s.backends, "postgres") && slices.Contains(s.workloads, "W10") {
		if idle, err = newBench(s, out, "postgres", "W10").idle(ctx); err != nil {
			return fmt.Errorf("W10: %w", err)
		}
		defer idle.stop()
	}
	for _, backend := range s.backends {
		if err := s.on(ctx, backend, out); err != nil {
			return err
		}
	}
	if idle != nil {
		if err := idle.cost(ctx, newBench(s, out, "postgres", "W10")); err != nil {
			return fmt.Errorf("W10: %w", err)
		}
	}
	return out.table(os.Stdout)
}

// on measures the workloads on one database system.
func (s settings) on(ctx context.Context, backend string, out *results) error {
	b := newBench(s, out, backend, "")
	if err := b.machine(ctx); err != nil {
		return fmt.Errorf("%s: %w", backend, err)
	}
	for _, w := range workloads {
		if w.run == nil || !slices.Contains(s.workloads, w.name) {
			continue
		}
		b := newBench(s, out, backend, w.name)
		if err := w.run(ctx, b); err != nil {
			return fmt.Errorf("%s on %s: %w", w.name, backend, err)
		}
	}
	return nil
}
