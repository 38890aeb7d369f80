package owotel_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	owotel "github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/otel"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// A caller in one process, a worker in another: slices link to the caller, steps are in slices, and the user's own
// spans in steps.
func TestSpansOfARun(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w world) {
		client, tracer := w.process()
		worker, workersTracer := w.process()
		tries := 0
		wf := openworkflow.Define("wf", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
			_, err := step.Run(ctx, "flaky", func(ctx context.Context) (int, error) {
				_, span := workersTracer.Start(ctx, "query")
				defer span.End()
				if time.Sleep(time.Second); tries == 0 {
					tries++
					return 0, errNoLuck
				}
				return 1, nil
			})
			if err != nil {
				return 0, err
			}
			_, span := workersTracer.Start(ctx, "between steps")
			span.End()
			return 1, step.Sleep(ctx, "nap", 10*time.Hour)
		}, openworkflow.WithVersion("v2"))
		stop := w.work(worker, wf)
		ctx, caller := tracer.Start(w.Context(), "request")
		h, err := wf.Run(ctx, client, nil)
		caller.End()
		if out, err := result(w, h, err); err != nil || out != 1 {
			t.Fatal(out, err)
		}
		stop()

		create := w.one("workflow_run.create", "wf")
		w.wantParent(create, w.one("request", ""))
		if create.SpanKind() != trace.SpanKindProducer || attr(create, "openworkflow.run.id").AsString() != h.ID() {
			t.Errorf("%v %v", create.SpanKind(), create.Attributes())
		}
		slices := w.ended("workflow_run.execute", "wf")
		w.wantValues(slices, "openworkflow.execution.outcome", "suspended", "suspended", "completed")
		w.wantValues(slices, "openworkflow.execution.attempt", "1", "2", "3")
		w.wantValues(slices, "openworkflow.execution.resumed", "false", "true", "true")
		w.wantValues(slices, "openworkflow.workflow.version", "v2", "v2", "v2")
		w.wantValues(slices, "openworkflow.run.id", h.ID(), h.ID(), h.ID())
		for _, s := range slices {
			w.wantLink(s, create)
			if s.SpanKind() != trace.SpanKindConsumer || s.Status().Code != codes.Unset {
				t.Errorf("%v %v", s.SpanKind(), s.Status())
			}
		}
		if took := slices[0].EndTime().Sub(slices[0].StartTime()); took != time.Second {
			t.Errorf("the first slice took %v", took)
		}

		steps, queries := w.ended("step_attempt.execute", "wf"), w.ended("query", "")
		w.wantValues(steps, "openworkflow.step.outcome", "retrying", "completed")
		w.wantValues(steps, "openworkflow.step.attempt", "1", "2")
		w.wantValues(steps, "openworkflow.step.name", "flaky", "flaky")
		for i := range steps {
			w.wantParent(steps[i], slices[i])
			w.wantParent(queries[i], steps[i])
		}
		if steps[0].Status().Code != codes.Error || steps[0].Status().Description != "no luck" || len(steps[0].Events()) != 1 || len(steps[1].Events()) != 0 {
			t.Errorf("%v, %v", steps[0].Status(), steps[0].Events())
		}
		w.wantParent(w.one("between steps", ""), slices[1])

		nap := w.one("step_attempt.wait", "wf")
		w.wantParent(nap, slices[2])
		if attr(nap, "openworkflow.step.wait_seconds").AsFloat64() != 36000 || nap.StartTime().Before(slices[2].StartTime()) ||
			attr(nap, "openworkflow.step.kind").AsString() != "sleep" {
			t.Errorf("%v", nap.Attributes())
		}
	})
}

// A worker that replays tells of the slice alone.
func TestReplayHasNoSpans(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w world) {
		first, tracer := w.process()
		second, _ := w.process()
		wf := openworkflow.Define("wf", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
			for _, name := range []string{"a", "b"} {
				if _, err := step.Run(ctx, name, func(context.Context) (int, error) { return 1, nil }); err != nil {
					return 0, err
				}
			}
			if err := step.Sleep(ctx, "nap", time.Hour); err != nil {
				return 0, err
			}
			_, err := step.SendSignal(ctx, "nobody", nil)
			if err == nil {
				err = step.Sleep(ctx, "nap", time.Hour)
			}
			return 2, err
		})
		stop := w.work(first, wf)
		ctx, caller := tracer.Start(w.Context(), "request")
		h, err := wf.Run(ctx, first, nil)
		caller.End()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the run goes on with another worker, twice
			time.Sleep(30 * time.Minute)
			synctest.Wait()
			stop()
			stop = w.work(second, wf)
		}
		if out, err := result(w, h, nil); err != nil || out != 2 {
			t.Error(out, err)
		}
		stop()
		w.wantValues(w.ended("step_attempt.execute", "wf"), "openworkflow.step.name", "a", "b")
		w.wantValues(w.ended("step_attempt.wait", "wf"), "openworkflow.step.name", "nap", "nap:1")
		w.one("signal.send", "wf")
		slices := w.ended("workflow_run.execute", "wf")
		for _, s := range slices {
			w.wantLink(s, w.one("workflow_run.create", "wf"))
		}
		w.wantValues(slices, "openworkflow.execution.resumed", "false", "false", "false")
	})
}

// Children link to the slice that started them, over as many generations as there are.
func TestChildrenLinkToTheirParents(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w world) {
		c, tracer := w.process()
		other, _ := w.process()
		grandchild := openworkflow.Define("grandchild", func(openworkflow.Context, int) (int, error) { return 0, errNoLuck })
		child := openworkflow.Define("child", func(ctx openworkflow.Context, in int) (int, error) {
			return step.RunWorkflow(ctx, grandchild, in)
		})
		parent := openworkflow.Define("parent", func(ctx openworkflow.Context, in int) (int, error) {
			spanCtx, span := tracer.Start(ctx, "own")
			defer span.End()
			return step.RunWorkflow(openworkflow.WithContext(ctx, spanCtx), child, in)
		})
		stop, stopOther := w.work(c, parent, grandchild), w.work(other, child)
		h, err := parent.Run(w.Context(), c, 1)
		if _, err := result(w, h, err); err == nil {
			t.Error("the grandchild fails")
		}
		stop()
		stopOther()

		creates := w.ended("workflow_run.create", "child")
		own := w.ended("own", "")[0]
		w.wantParent(creates[0], own)
		w.wantParent(own, w.ended("workflow_run.execute", "parent")[0])
		w.wantLink(w.ended("workflow_run.execute", "child")[0], creates[0])
		w.wantParent(w.one("workflow_run.create", "grandchild"), w.ended("workflow_run.execute", "child")[0])
		last := w.one("workflow_run.execute", "grandchild")
		w.wantLink(last, w.one("workflow_run.create", "grandchild"))
		if last.Status().Code != codes.Error || attr(last, "openworkflow.execution.outcome").AsString() != "failed" {
			t.Errorf("%v", last.Status())
		}
		if wait := w.one("step_attempt.wait", "child"); wait.Status().Code != codes.Error || attr(wait, "openworkflow.child.run.id").AsString() == "" {
			t.Errorf("%v, %v", wait.Status(), wait.Attributes())
		}
		events := last.Events()
		if len(events) != 1 || events[0].Name != "exception" || events[0].Attributes[1] != attribute.String("exception.message", "no luck") {
			t.Errorf("%v", events)
		}
	})
}

// What is stored is what the TypeScript package stores, and baggage comes along.
func TestStoredForm(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w world) {
		c, tracer := w.process()
		wf := openworkflow.Define("wf", func(ctx openworkflow.Context, _ openworkflow.None) (string, error) {
			return step.Run(ctx, "a", func(ctx context.Context) (string, error) {
				return baggage.FromContext(ctx).Member("tenant").Value(), nil
			})
		})
		member, err := baggage.NewMember("tenant", "acme")
		if err != nil {
			t.Fatal(err)
		}
		bag, err := baggage.New(member)
		if err != nil {
			t.Fatal(err)
		}
		ctx, span := tracer.Start(baggage.ContextWithBaggage(w.Context(), bag), "request")
		h, err := wf.Run(ctx, c, nil)
		span.End()
		if err != nil {
			t.Fatal(err)
		}
		run, err := h.Get(w.Context())
		if err != nil {
			t.Fatal(err)
		}
		at := w.one("workflow_run.create", "wf").SpanContext()
		want := `{"traceContext":{"baggage":"tenant=acme","traceparent":"00-` + at.TraceID().String() + "-" + at.SpanID().String() + `-01"}}`
		if string(run.Context) != want {
			t.Errorf("%s, want %s", run.Context, want)
		}
		stop := w.work(c, wf)
		if out, err := result(w, h, nil); err != nil || out != "acme" {
			t.Error(out, err)
		}
		stop()
	})
}

// A run that was started without a trace, or whose context says nothing that can be read, has traces without links.
func TestRunsWithoutACaller(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w world) {
		c, _ := w.process(owotel.WithPropagator(propagation.NewCompositeTextMapPropagator()))
		wf := openworkflow.Define("wf", func(openworkflow.Context, openworkflow.None) (int, error) { return 1, nil })
		h, err := wf.Run(w.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		run, err := h.Get(w.Context())
		if err != nil || run.Context != nil {
			t.Errorf("%s, %v", run.Context, err)
		}
		odd, err := openworkflow.New(w.db, openworkflow.WithObserver(openworkflow.Observer{
			Carrier: func(context.Context) map[string]string { return map[string]string{"traceparent": "00-nonsense"} },
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer odd.Close()
		if _, err := odd.StartRun(w.Context(), "wf", "", json.RawMessage("null")); err != nil {
			t.Fatal(err)
		}
		reader, _ := w.process()
		stop := w.work(reader, wf)
		time.Sleep(time.Second)
		stop()
		slices := w.ended("workflow_run.execute", "wf")
		if len(slices) != 2 || len(slices[0].Links())+len(slices[1].Links()) != 0 {
			t.Errorf("%d slices", len(slices))
		}
	})
}

// Calls of a client have spans; those that fail say so.
func TestCalls(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w world) {
		c, tracer := w.process()
		ctx, root := tracer.Start(w.Context(), "root")
		wf := openworkflow.Declare[int, int]("wf")
		batch, err := wf.RunBatch(ctx, c, []int{1, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.CancelRun(ctx, batch[0].ID()); err != nil {
			t.Error(err)
		}
		if err := c.CancelRun(ctx, "nobody"); err == nil {
			t.Error("there is no such run")
		}
		if _, err := c.SendSignal(ctx, "hello", nil); err != nil {
			t.Error(err)
		}
		root.End()
		created := w.one("workflow_run.create", "wf")
		if attr(created, "openworkflow.run.count").AsInt64() != 3 {
			t.Errorf("%v", created.Attributes())
		}
		canceled := w.ended("workflow_run.cancel", "")
		if len(canceled) != 2 || canceled[0].Status().Code != codes.Unset || canceled[1].Status().Code != codes.Error {
			t.Errorf("%v", canceled)
		}
		sent := w.one("signal.send", "")
		w.wantParent(sent, w.one("root", ""))
		if attr(sent, "openworkflow.signal.name").AsString() != "hello" || attr(sent, "openworkflow.signal.recipient_count").Emit() != "0" {
			t.Errorf("%v", sent.Attributes())
		}
	})
}
