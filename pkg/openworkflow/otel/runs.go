package owotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// The attributes. Those that the TypeScript package has too are named as there.
const (
	workflowName    = attribute.Key("openworkflow.workflow.name")
	workflowVersion = attribute.Key("openworkflow.workflow.version")
	workflowAttempt = attribute.Key("openworkflow.workflow.attempt")
	namespaceID     = attribute.Key("openworkflow.namespace.id")
	runID           = attribute.Key("openworkflow.run.id")
	runCount        = attribute.Key("openworkflow.run.count")
	existing        = attribute.Key("openworkflow.run.existing")
	parentRunID     = attribute.Key("openworkflow.parent.run.id")
	childRunID      = attribute.Key("openworkflow.child.run.id")
	workerID        = attribute.Key("openworkflow.worker.id")
	execution       = attribute.Key("openworkflow.execution.attempt")
	resumed         = attribute.Key("openworkflow.execution.resumed")
	outcome         = attribute.Key("openworkflow.execution.outcome")
	stepName        = attribute.Key("openworkflow.step.name")
	stepKind        = attribute.Key("openworkflow.step.kind")
	stepAttempt     = attribute.Key("openworkflow.step.attempt")
	stepOutcome     = attribute.Key("openworkflow.step.outcome")
	stepStartedAt   = attribute.Key("openworkflow.step.started_at")
	stepWaitSeconds = attribute.Key("openworkflow.step.wait_seconds")
	stepResumeAt    = attribute.Key("openworkflow.step.resume_at")
	signalName      = attribute.Key("openworkflow.signal.name")
	recipients      = attribute.Key("openworkflow.signal.recipient_count")
	errorType       = attribute.Key("error.type")
)

// isoMillis is the form in which times are stored, and JavaScript writes them.
const isoMillis = "2006-01-02T15:04:05.000Z07:00"

func unlessEmpty(attrs []attribute.KeyValue, key attribute.Key, value string) []attribute.KeyValue {
	if value == "" {
		return attrs
	}
	return append(attrs, key.String(value))
}

func (t *tracer) sliceStarted(ctx context.Context, s *openworkflow.ObservedSlice) context.Context {
	attrs := []attribute.KeyValue{
		workflowName.String(s.WorkflowName), runID.String(s.RunID), namespaceID.String(s.NamespaceID), workerID.String(s.WorkerID),
		execution.Int(s.Claims), workflowAttempt.Int(s.Attempt), resumed.Bool(s.Resumed),
	}
	attrs = unlessEmpty(attrs, workflowVersion, s.Version)
	opts := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attrs...), trace.WithTimestamp(s.StartedAt),
		trace.WithNewRoot(), // the baggage stays
	}
	if len(s.Carrier) > 0 {
		ctx = t.propagator.Extract(ctx, propagation.MapCarrier(s.Carrier))
		if origin := trace.SpanContextFromContext(ctx); origin.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: origin}))
		}
	}
	return t.start(ctx, "workflow_run.execute", opts...)
}

func (t *tracer) sliceEnded(ctx context.Context, _ *openworkflow.ObservedSlice, e openworkflow.ObservedSliceEnd) {
	span := t.span(ctx)
	defer span.End()
	how := string(e.Outcome)
	switch e.Outcome { // TypeScript's words
	case openworkflow.SliceParked:
		how = "suspended"
		span.SetAttributes(stepResumeAt.String(e.WakeAt.UTC().Format(isoMillis)))
	case openworkflow.SliceLost:
		how = "stale"
	}
	span.SetAttributes(outcome.String(how))
	record(span, e.Error)
}

func (t *tracer) stepStarted(ctx context.Context, s *openworkflow.ObservedStep) context.Context {
	return t.start(ctx, "step_attempt.execute", trace.WithAttributes(stepAttributes(s)...))
}

func stepAttributes(s *openworkflow.ObservedStep) []attribute.KeyValue {
	return []attribute.KeyValue{
		runID.String(s.Slice.RunID), workflowName.String(s.Slice.WorkflowName),
		stepName.String(s.StepName), stepKind.String(string(s.Kind)), stepAttempt.Int(s.Attempt),
	}
}

func (t *tracer) stepEnded(ctx context.Context, s *openworkflow.ObservedStep, e openworkflow.ObservedStepEnd) {
	if s.Kind != openworkflow.KindFunction {
		ctx = t.waited(ctx, s, e)
	}
	span := t.span(ctx)
	defer span.End()
	how := string(e.Outcome)
	if e.Retry {
		how = "retrying"
	}
	span.SetAttributes(stepOutcome.String(how))
	record(span, e.Error)
}

// waited starts the span of a step that has ended and was no function.
func (t *tracer) waited(ctx context.Context, s *openworkflow.ObservedStep, e openworkflow.ObservedStepEnd) context.Context {
	began := time.Now().Add(-e.Duration)
	if began.Before(s.Slice.StartedAt) {
		began = s.Slice.StartedAt
	}
	attrs := unlessEmpty(stepAttributes(s), childRunID, e.ChildRunID)
	attrs = unlessEmpty(attrs, signalName, s.Signal)
	opts := []trace.SpanStartOption{trace.WithTimestamp(began)}
	name := "step_attempt.wait"
	if s.Kind == openworkflow.KindSignalSend {
		name = "signal.send"
		opts = append(opts, trace.WithSpanKind(trace.SpanKindProducer))
	} else {
		attrs = append(attrs, stepStartedAt.String(s.StartedAt.UTC().Format(isoMillis)), stepWaitSeconds.Float64(e.Duration.Seconds()))
	}
	opts = append(opts, trace.WithAttributes(attrs...))
	return t.start(trace.ContextWithSpan(ctx, t.span(ctx)), name, opts...)
}

// record notes a failure as it is stored: the error itself is the user's, and perhaps of another process.
func record(span trace.Span, err *openworkflow.RunError) {
	if err == nil {
		return
	}
	name := err.Name
	if name == "" {
		name = "Error"
	}
	attrs := []attribute.KeyValue{attribute.String("exception.type", name), attribute.String("exception.message", err.Message)}
	span.AddEvent("exception", trace.WithAttributes(unlessEmpty(attrs, "exception.stacktrace", err.Stack)...))
	span.SetAttributes(errorType.String(name))
	span.SetStatus(codes.Error, err.Message)
}
