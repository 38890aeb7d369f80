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
	if p.Bare {
		return beBareWorker(ctx, p)
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
const latencySpan = 5 * time.Second

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
	runs := map[string]func(context.Context) error{"": s.startToResult}
	if s.Backend == "postgres" {
		client, stop, err := s.bareLatency(ctx)
		if err != nil {
			return err
		}
		defer stop()
		runs[besideBare] = client.startToResult
	}
	took, err := b.timed(ctx, runs)
	if err != nil {
		return err
	}
	settings := fmt.Sprintf("runs=%d one step, %s", len(took[""]), where)
	for _, p := range latencyPercentiles {
		v := percentile(took[""], p.of)
		if err := b.report("start to result "+p.name, v, "ms", settings); err != nil {
			return err
		}
		if bare := took[besideBare]; bare != nil {
			v := v / percentile(bare, p.of)
			if err := b.report("start to result "+p.name+", to bare SQL", v, "×", fmt.Sprintf("in turn with bare SQL, two processes: %.3g ms", percentile(bare, p.of))); err != nil {
				return err
			}
		}
	}
	return nil
}

// besideBare names bare SQL among what is timed in turn.
const besideBare = "bare"

var latencyPercentiles = []struct {
	name string
	of   float64
}{{"p50", 0.5}, {"p99", 0.99}}

// timed runs each of them, the next after the last and in turn, many times.
func (b *bench) timed(ctx context.Context, runs map[string]func(context.Context) error) (map[string][]time.Duration, error) {
	n := b.scaled(500)
	took := make(map[string][]time.Duration)
	until := time.Now().Add(latencySpan)
	for i := 0; i < n+20 && (time.Now().Before(until) || i < 40); i++ {
		for name, run := range runs { // in any order
			began := time.Now()
			if err := run(ctx); err != nil {
				return nil, err
			}
			if i >= 20 { // the first ones find cold plans and connections
				took[name] = append(took[name], time.Since(began))
			}
		}
	}
	return took, nil
}

func (s *site) startToResult(ctx context.Context) error {
	h, err := work.Run(ctx, s.client, nil)
	if err != nil {
		return err
	}
	_, err = h.Result(ctx, openworkflow.WithResultTimeout(time.Minute))
	return err
}

// bareLatency prepares the same without OpenWorkflow, in the same schema, with a worker process of its own.
func (s *site) bareLatency(ctx context.Context) (client *bareParty, stop func(), err error) {
	db, _, err := s.bare(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer db.close()
	if err := db.prepare(ctx, leanLayout, 0); err != nil {
		return nil, nil, err
	}
	worker := *s
	worker.Bare = true
	stopWorker, err := worker.startWorker(ctx)
	if err != nil {
		return nil, nil, err
	}
	client, err = newBareParty(ctx, s.place, "$schema_done")
	if err != nil {
		stopWorker()
		return nil, nil, err
	}
	return client, func() {
		_ = client.conn.Close(context.WithoutCancel(ctx))
		stopWorker()
	}, nil
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
