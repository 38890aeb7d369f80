package interop_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	owotel "github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/otel"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
)

// goSide is a Go service with connections of its own.
type goSide struct {
	w       *world
	backend *postgres.Backend
	client  *openworkflow.Client
	opened  chan struct{}
	opening sync.Once

	recorder *tracetest.SpanRecorder

	workers []*openworkflow.Worker
}

func (w *world) golang(t *testing.T) *goSide {
	t.Helper()
	backend, err := postgres.Open(testContext(t), w.url, postgres.WithSchema(w.schema))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { backend.Close() })
	recorder := tracetest.NewSpanRecorder()
	client, err := openworkflow.New(backend, openworkflow.WithObserver(owotel.Observer(
		owotel.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))))))
	if err != nil {
		t.Fatal(err)
	}
	s := &goSide{w: w, backend: backend, client: client, opened: make(chan struct{}), recorder: recorder}
	t.Cleanup(func() {
		client.Close()
		s.halt()
	})
	return s
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (s *goSide) start(t *testing.T, workflow string, input any, o startOptions) string {
	t.Helper()
	var opts []openworkflow.RunOption
	if o.key != "" {
		opts = append(opts, openworkflow.WithIdempotencyKey(o.key))
	}
	if o.deadline > 0 {
		opts = append(opts, openworkflow.WithDeadline(time.Now().Add(o.deadline)))
	}
	if o.after > 0 {
		opts = append(opts, openworkflow.WithStartAfter(o.after))
	}
	spec := openworkflow.Declare[any, any](workflow, openworkflow.WithVersion(o.version))
	h, err := spec.Run(testContext(t), s.client, input, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return h.ID()
}

func (s *goSide) result(t *testing.T, workflow, run string) (any, error) {
	t.Helper()
	return openworkflow.Declare[any, any](workflow).Handle(s.client, run).Result(testContext(t))
}

func (s *goSide) read(t *testing.T, run string) (r record) {
	t.Helper()
	found, err := s.client.GetRun(testContext(t), run)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, raw, &r)
	return r
}

func (s *goSide) list(t *testing.T, workflow string, pageSize int) (runs []string) {
	t.Helper()
	filter := openworkflow.RunFilter{WorkflowName: workflow, PageOptions: openworkflow.PageOptions{Limit: pageSize}}
	for {
		p, err := s.client.ListRuns(testContext(t), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Items {
			runs = append(runs, r.ID)
		}
		if filter.After = p.Next; p.Next == "" {
			return runs
		}
	}
}

func (s *goSide) steps(t *testing.T, run string, pageSize int) (names []string) {
	t.Helper()
	options := openworkflow.PageOptions{Limit: pageSize}
	for {
		p, err := s.client.ListStepAttempts(testContext(t), run, options)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range p.Items {
			names = append(names, a.StepName)
		}
		if options.After = p.Next; p.Next == "" {
			return names
		}
	}
}

func (s *goSide) counts(t *testing.T) counts {
	t.Helper()
	c, err := s.client.CountRuns(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return counts(c)
}

func (s *goSide) cancel(run string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.client.CancelRun(ctx, run)
}

func (s *goSide) signal(t *testing.T, name string, value any, key string) []string {
	t.Helper()
	var opts []openworkflow.SignalOption
	if key != "" {
		opts = append(opts, openworkflow.WithIdempotencyKey(key))
	}
	runs, err := s.client.SendSignal(testContext(t), name, value, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func (s *goSide) work(t *testing.T, o workOptions) {
	t.Helper()
	in := &interpreter{
		effect: func(run, at string) { s.w.note(effect{run, at, "go"}) },
		gate:   s.gate,
	}
	var list []openworkflow.AnyWorkflow
	for _, r := range o.workflows {
		options := []openworkflow.DefineOption{openworkflow.WithVersion(r.Version), openworkflow.WithRetryPolicy(openworkflow.RetryPolicy{
			InitialInterval: 100 * time.Millisecond, MaximumInterval: 100 * time.Millisecond, MaximumAttempts: r.Attempts,
		})}
		if strings.HasPrefix(r.Name, "echo") {
			list = append(list, openworkflow.Define(r.Name, echo, options...))
		} else {
			list = append(list, openworkflow.Define(r.Name, in.workflow, options...))
		}
	}
	worker, err := s.client.NewWorker(openworkflow.WorkerOptions{
		Workflows: list, Concurrency: orFour(o.concurrency), LeaseDuration: o.lease,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(testContext(t)); err != nil {
		t.Fatal(err)
	}
	s.workers = append(s.workers, worker)
}

func (s *goSide) gate(ctx context.Context, at string) error {
	s.w.atGate(at)
	select {
	case <-s.opened:
		return nil
	case <-ctx.Done():
		s.w.atGate(at + " canceled")
		return ctx.Err()
	}
}

func (s *goSide) open(*testing.T) { s.opening.Do(func() { close(s.opened) }) }

func (s *goSide) stop(t *testing.T) {
	t.Helper()
	for _, w := range s.workers {
		if err := w.Stop(testContext(t)); err != nil {
			t.Error(err)
		}
	}
	s.workers = nil
}

// halt stops the workers without waiting for their steps.
func (s *goSide) halt() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	for _, w := range s.workers {
		_ = w.Stop(now)
	}
	s.workers = nil
}

// crash takes the database away first, so that the worker writes no more, as one that is killed.
func (s *goSide) crash() {
	s.backend.Close()
	s.halt()
}
