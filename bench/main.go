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
)

// settings are the flags.
type settings struct {
	backends    []string
	workloads   []string
	postgres    string
	concurrency int
	others      int
	quick       bool
	profile     profile
}

// workload is a named measurement.
type workload struct {
	name string
	run  func(ctx context.Context, b *bench) error
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
	if err == nil {
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
	flags.IntVar(&s.concurrency, "concurrency", 0, "runs that execute at once in drains (default 1000 on Postgres, 500 elsewhere)")
	flags.IntVar(&s.others, "others", 100_000, "other runs in W7")
	flags.BoolVar(&s.quick, "quick", false, "a tenth of the runs: to see that it works, not to compare")
	s.profile.flags(flags)
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.backends = strings.Split(backends, ",")
	for _, w := range workloads {
		s.workloads = append(s.workloads, w.name)
	}
	if names != "" {
		s.workloads = strings.Split(names, ",")
	}
	err := s.check()
	return s, err
}

func (s *settings) check() error {
	for _, b := range s.backends {
		if !slices.Contains([]string{"postgres", "sqlite", "memory"}, b) {
			return fmt.Errorf("-backend: there is no %q", b)
		}
		if b == "postgres" && s.postgres == "" {
			return errors.New("no Postgres server: set -postgres or OPENWORKFLOW_TEST_POSTGRES_URL, or use scripts/with-postgres.sh, or -backend sqlite")
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
	return nil
}

func measure(ctx context.Context, s settings) (err error) {
	out := &results{lines: os.Stdout}
	finish, err := s.profile.start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finish()) }()
	for _, backend := range s.backends {
		if err := (&bench{settings: s, out: out, backend: backend}).machine(ctx); err != nil {
			return fmt.Errorf("%s: %w", backend, err)
		}
		for _, w := range workloads {
			if !slices.Contains(s.workloads, w.name) {
				continue
			}
			b := &bench{settings: s, out: out, backend: backend, workload: w.name}
			if err := w.run(ctx, b); err != nil {
				return fmt.Errorf("%s on %s: %w", w.name, backend, err)
			}
		}
	}
	return out.table(os.Stdout)
}
