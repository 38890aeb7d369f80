package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// workerVariable tells a process of this program to be the worker of the place that it names.
const workerVariable = "OPENWORKFLOW_BENCH_WORKER"

// beWorker works until its standard input ends.
func beWorker(ctx context.Context, raw string) error {
	var p place
	if err := json.Unmarshal([]byte(raw), &p); err != nil {
		return err
	}
	db, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	client, err := openworkflow.New(db)
	if err != nil {
		return err
	}
	defer client.Close()
	w, err := client.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(newTally(0).work(1))})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return w.Run(ctx)
}

// latencySpan is how long latencies are measured where they are long.
const latencySpan = 8 * time.Second

// latency measures from the start of a run to its result, the next after the last, with the worker in another
// process: on an idle system that is all round trips and commits.
func latency(ctx context.Context, b *bench) error {
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	where := "worker in another process"
	if s.Backend == "memory" {
		where = "worker in this process"
	}
	stop, err := s.startWorker(ctx)
	if err != nil {
		return err
	}
	defer stop()
	n := b.scaled(500)
	var ds []time.Duration
	until := time.Now().Add(latencySpan)
	for i := 0; i < n+20 && (time.Now().Before(until) || len(ds) < 20); i++ {
		began := time.Now()
		h, err := work.Run(ctx, s.client, nil)
		if err != nil {
			return err
		}
		if _, err := h.Result(ctx, openworkflow.WithResultTimeout(time.Minute)); err != nil {
			return err
		}
		if i >= 20 { // the first ones find cold plans and connections
			ds = append(ds, time.Since(began))
		}
		time.Sleep(2 * time.Millisecond) // until the worker idles again
	}
	settings := fmt.Sprintf("runs=%d one step, %s", len(ds), where)
	if err := b.report("start to result p50", percentile(ds, 0.5), "ms", settings); err != nil {
		return err
	}
	return b.report("start to result p99", percentile(ds, 0.99), "ms", settings)
}

// startWorker starts a worker process, or a worker here where the database lives in this process.
func (s *site) startWorker(ctx context.Context) (stop func(), err error) {
	if s.Backend == "memory" {
		w, err := s.client.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(newTally(0).work(1))})
		if err != nil {
			return nil, err
		}
		return func() { _ = w.Stop(context.WithoutCancel(ctx)) }, w.Start(ctx)
	}
	raw, err := json.Marshal(s.place)
	if err != nil {
		return nil, err
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), workerVariable+"="+string(raw))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	}, nil
}
