package owotel_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	owotel "github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/otel"
)

// world is a database and what traces the processes that use it: each process has a provider of its own, as real
// ones have, and the spans of all of them come together.
type world struct {
	*testing.T
	db    *memory.Backend
	spans *tracetest.SpanRecorder
}

func inWorld(t *testing.T, fn func(w world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := world{t, memory.New(), tracetest.NewSpanRecorder()}
		fn(w)
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
		for _, s := range w.spans.Started() {
			if s.EndTime().IsZero() {
				t.Errorf("the span %s has not ended", s.Name())
			}
		}
	})
}

// process is a client in a process of its own, with its tracer.
func (w world) process(opts ...owotel.Option) (*openworkflow.Client, trace.Tracer) {
	w.Helper()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	c, err := openworkflow.New(w.db, openworkflow.WithObserver(owotel.Observer(append(opts, owotel.WithTracerProvider(provider))...)))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { c.Close() })
	return c, provider.Tracer("user")
}

// work executes workflows until stop is called.
func (w world) work(c *openworkflow.Client, ws ...openworkflow.AnyWorkflow) (stop func()) {
	w.Helper()
	worker, err := c.NewWorker(openworkflow.WorkerOptions{Workflows: ws})
	if err != nil {
		w.Fatal(err)
	}
	if err := worker.Start(w.Context()); err != nil {
		w.Fatal(err)
	}
	return func() {
		w.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := worker.Stop(ctx); err != nil {
			w.Error(err)
		}
	}
}

// ended are the ended spans with a name, in the order in which they started, of runs of a workflow; "" is all.
func (w world) ended(name, workflow string) []sdktrace.ReadOnlySpan {
	var found []sdktrace.ReadOnlySpan
	for _, s := range w.spans.Ended() {
		if s.Name() == name && (workflow == "" || attr(s, "openworkflow.workflow.name").AsString() == workflow) {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	return found
}

// one is the only ended span with a name of runs of a workflow.
func (w world) one(name, workflow string) sdktrace.ReadOnlySpan {
	w.Helper()
	found := w.ended(name, workflow)
	if len(found) != 1 {
		w.Fatalf("there are %d spans %q of %q, want 1", len(found), name, workflow)
	}
	return found[0]
}

func attr(s sdktrace.ReadOnlySpan, key attribute.Key) attribute.Value {
	for _, kv := range s.Attributes() {
		if kv.Key == key {
			return kv.Value
		}
	}
	return attribute.Value{}
}

// values are the values of an attribute of spans.
func values(spans []sdktrace.ReadOnlySpan, key attribute.Key) []string {
	var all []string
	for _, s := range spans {
		all = append(all, attr(s, key).Emit())
	}
	return all
}

func (w world) wantValues(spans []sdktrace.ReadOnlySpan, key attribute.Key, want ...string) {
	w.Helper()
	if got := values(spans, key); !slices.Equal(got, want) {
		w.Errorf("%s: %q, want %q", key, got, want)
	}
}

// wantParent checks that one span is inside another.
func (w world) wantParent(child, parent sdktrace.ReadOnlySpan) {
	w.Helper()
	if child.Parent().SpanID() != parent.SpanContext().SpanID() || child.SpanContext().TraceID() != parent.SpanContext().TraceID() {
		w.Errorf("%s is not inside of %s", child.Name(), parent.Name())
	}
}

// wantLink checks that a span is the root of a trace of its own that links to another one.
func (w world) wantLink(from, to sdktrace.ReadOnlySpan) {
	w.Helper()
	if from.Parent().IsValid() || from.SpanContext().TraceID() == to.SpanContext().TraceID() {
		w.Errorf("%s is no root", from.Name())
	}
	links := from.Links()
	if len(links) != 1 || links[0].SpanContext.SpanID() != to.SpanContext().SpanID() || links[0].SpanContext.TraceID() != to.SpanContext().TraceID() {
		w.Errorf("%s links to %v, want %v", from.Name(), links, to.SpanContext())
	}
}

// result waits for a run.
func result[Out any](w world, h *openworkflow.RunHandle[Out], err error) (Out, error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	return h.Result(w.Context(), openworkflow.WithResultTimeout(1000*time.Hour))
}

var errNoLuck = errors.New("no luck")
