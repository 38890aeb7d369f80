// OpenTelemetry as a service sets it up, with the spans kept for the test.
import { context, propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

const exporter = new InMemorySpanExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(
  new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
);
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));

// inSpan calls fn in a span of the service's own.
export const inSpan = (name, fn) =>
  trace.getTracer("service").startActiveSpan(name, async (span) => {
    try {
      return await fn();
    } finally {
      span.end();
    }
  });

// spans are the ended ones of a run, as the test compares them.
export const spans = (run) =>
  exporter
    .getFinishedSpans()
    .filter((span) => span.attributes["openworkflow.run.id"] === run)
    .map((span) => ({
      name: span.name,
      kind: span.kind,
      trace: span.spanContext().traceId,
      span: span.spanContext().spanId,
      parent: span.parentSpanContext?.spanId ?? "",
      links: span.links.map((link) => `${link.context.traceId}-${link.context.spanId}`),
      attributes: span.attributes,
      failed: span.status.code === SpanStatusCode.ERROR,
    }));
