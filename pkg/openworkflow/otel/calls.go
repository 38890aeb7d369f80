package owotel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func (t *tracer) callStarted(ctx context.Context, c openworkflow.ObservedCall) context.Context {
	attrs := []attribute.KeyValue{namespaceID.String(c.NamespaceID)}
	switch c.Verb {
	case openworkflow.CallStart:
		attrs = append(attrs, workflowName.String(c.WorkflowName))
		attrs = unlessEmpty(attrs, workflowVersion, c.Version)
		attrs = unlessEmpty(attrs, parentRunID, c.ParentRunID)
		if c.Runs != 1 {
			attrs = append(attrs, runCount.Int(c.Runs))
		}
		return t.start(ctx, "workflow_run.create", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attrs...))
	case openworkflow.CallCancel:
		attrs = append(attrs, runID.String(c.RunID))
		return t.start(ctx, "workflow_run.cancel", trace.WithAttributes(attrs...))
	case openworkflow.CallSignal:
		attrs = append(unlessEmpty(attrs, runID, c.RunID), signalName.String(c.Signal))
		return t.start(ctx, "signal.send", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attrs...))
	}
	return ctx
}

func (t *tracer) callEnded(ctx context.Context, c openworkflow.ObservedCall, e openworkflow.ObservedCallEnd) {
	span := t.span(ctx)
	defer span.End()
	if e.Err != nil {
		span.RecordError(e.Err)
		span.SetStatus(codes.Error, e.Err.Error())
		return
	}
	switch {
	case c.Verb == openworkflow.CallSignal:
		span.SetAttributes(recipients.Int(len(e.RunIDs)))
	case c.Verb == openworkflow.CallStart && len(e.RunIDs) == 1:
		span.SetAttributes(runID.String(e.RunIDs[0]))
		if e.Existing {
			span.SetAttributes(existing.Bool(true))
		}
	}
}
