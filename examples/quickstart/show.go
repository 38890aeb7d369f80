package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// show is a client that starts a run, and tells what it sees of the workers.
type show struct {
	ow       *openworkflow.Client
	database string
	began    time.Time

	mu    sync.Mutex // of what follows: workers print while the client does
	out   io.Writer
	calls map[string]int // of each step function, in all processes
	order []string
}

func newShow(out io.Writer, ow *openworkflow.Client, database string) *show {
	return &show{out: out, ow: ow, database: database, began: time.Now(), calls: make(map[string]int)}
}

func (s *show) play(ctx context.Context) error {
	s.say("client", "a new SQLite database: %s", s.database)
	h, err := ShipOrder.Run(ctx, s.ow, Order{ID: "1001", Item: "a teapot", Cents: 4950}, openworkflow.WithIdempotencyKey("order-1001"))
	if err != nil {
		return err
	}
	s.say("client", "started run %s of workflow %q", h.ID(), ShipOrder.Name())
	if err := s.workUntil(ctx, "worker A", begins+"pack"); err != nil {
		return err
	}
	s.say("client", "kill -9: worker A is dead, in the middle of a step. The database remembers:")
	if err := s.history(ctx, h.ID()); err != nil {
		return err
	}

	s.say("client", "another worker takes over when the lease of the dead one ends, here after a second")
	second, err := s.start(ctx, "worker B", func(string) {})
	if err != nil {
		return err
	}
	receipt, err := h.Result(ctx, openworkflow.WithResultTimeout(30*time.Second))
	if err := errors.Join(err, second.kill()); err != nil {
		return err
	}
	s.say("client", "the result: %s, %s. The whole history:", receipt.Charge, receipt.Tracking)
	if err := s.history(ctx, h.ID()); err != nil {
		return err
	}
	s.epilogue()
	return nil
}

// inTheMiddle is how long a worker is left in a step before it is killed.
const inTheMiddle = 400 * time.Millisecond

// workUntil runs a worker process until it prints a line that starts so, and kills it shortly after.
func (s *show) workUntil(ctx context.Context, name, line string) error {
	seen := make(chan struct{})
	once := sync.OnceFunc(func() { close(seen) })
	worker, err := s.start(ctx, name, func(l string) {
		if strings.HasPrefix(l, line) {
			once()
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-seen:
		time.Sleep(inTheMiddle)
		return worker.kill()
	case <-worker.ended:
		return errors.Join(ctx.Err(), fmt.Errorf("%s ended too early", name))
	}
}

// start starts a worker process whose lines are told as they come.
func (s *show) start(ctx context.Context, name string, hear func(line string)) (*process, error) {
	p, err := startWorker(ctx, s.database, func(line string) {
		s.count(line)
		s.say(name, "%s", line)
		hear(line)
	})
	if err != nil {
		return nil, err
	}
	s.say(name, "process %d", p.cmd.Process.Pid)
	return p, nil
}

// count notes which step function a line says was called.
func (s *show) count(line string) {
	rest, isCall := strings.CutPrefix(line, begins)
	name, _, _ := strings.Cut(rest, ":")
	if !isCall {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[name] == 0 {
		s.order = append(s.order, name)
	}
	s.calls[name]++
}

// history prints the run's step attempts as the database has them.
func (s *show) history(ctx context.Context, runID string) error {
	page, err := s.ow.ListStepAttempts(ctx, runID, openworkflow.PageOptions{})
	if err != nil {
		return err
	}
	for _, a := range page.Items {
		outcome := string(a.Output)
		if a.Error != nil {
			outcome = a.Error.Message
		}
		s.say("", "  %-16s %-9s %s", a.StepName, a.Status, outcome)
	}
	return nil
}

func (s *show) say(who, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%4.1fs  %-9s %s\n", time.Since(s.began).Seconds(), who, fmt.Sprintf(format, args...))
}

// epilogue sums up what really happened.
func (s *show) epilogue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []string
	for _, name := range s.order {
		calls = append(calls, fmt.Sprintf("%s %d×", name, s.calls[name]))
	}
	fmt.Fprintf(s.out, "\nStep functions called: %s. What had completed did not run again.\n"+
		"The workflow is in examples/quickstart/shop.go.\n", strings.Join(calls, ", "))
}
