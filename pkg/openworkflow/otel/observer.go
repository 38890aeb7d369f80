package owotel

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// tracerName is the name of the instrumentation.
const tracerName = "github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/otel"

// Option is an option of Observer.
type Option interface{ apply(*config) }

type config struct {
	provider   trace.TracerProvider
	propagator propagation.TextMapPropagator
}

type option func(*config)

func (o option) apply(c *config) { o(c) }

// WithTracerProvider says where the spans go. The default is the global provider, otel.GetTracerProvider.
func WithTracerProvider(p trace.TracerProvider) Option {
	return option(func(c *config) { c.provider = p })
}

// WithPropagator says in which form a span context is stored in a run. The default is W3C trace context and
// baggage, whatever the global propagator is: it is the form that OpenTelemetry's SDK for Node stores and reads.
// All services that share a database have to use one form.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return option(func(c *config) { c.propagator = p })
}

// Observer makes an observer that traces; use it with openworkflow.WithObserver. Options: WithTracerProvider,
// WithPropagator.
func Observer(opts ...Option) openworkflow.Observer {
	var c config
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	if c.provider == nil {
		c.provider = otel.GetTracerProvider()
	}
	if c.propagator == nil {
		c.propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	}
	t := &tracer{tracer: c.provider.Tracer(tracerName), propagator: c.propagator}
	return openworkflow.Observer{
		CallStarted: t.callStarted, CallEnded: t.callEnded, Carrier: t.carrier,
		SliceStarted: t.sliceStarted, SliceEnded: t.sliceEnded,
		StepStarted: t.stepStarted, StepEnded: t.stepEnded,
	}
}

// tracer makes the spans. Contexts carry its present span under the tracer itself, besides where OpenTelemetry has
// it: another observer may have put one of its own there.
type tracer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

func (t *tracer) start(ctx context.Context, name string, opts ...trace.SpanStartOption) context.Context {
	ctx, span := t.tracer.Start(ctx, name, opts...)
	return context.WithValue(ctx, t, span)
}

// span is the one that start has started.
func (t *tracer) span(ctx context.Context) trace.Span {
	if span, ok := ctx.Value(t).(trace.Span); ok {
		return span
	}
	return trace.SpanFromContext(ctx)
}

func (t *tracer) carrier(ctx context.Context) map[string]string {
	carrier := propagation.MapCarrier{}
	t.propagator.Inject(trace.ContextWithSpan(ctx, t.span(ctx)), carrier)
	return carrier
}
