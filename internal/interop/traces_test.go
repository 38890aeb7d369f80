package interop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
)

// span is a span as either language has recorded it. OpenTelemetry numbers the kinds from 0 in Node and from 1 in Go.
type span struct {
	Name, Trace, Span, Parent string
	Links                     []string
	Attributes                map[string]any
	Failed                    bool
}

func (s *span) link() string { return s.Trace + "-" + s.Span }

func (s *goSide) spans(_ *testing.T, run string) (found []span) {
	for _, e := range s.recorder.Ended() {
		sp := span{
			Name: e.Name(), Trace: e.SpanContext().TraceID().String(), Span: e.SpanContext().SpanID().String(),
			Attributes: make(map[string]any), Failed: e.Status().Code == codes.Error,
		}
		if e.Parent().IsValid() {
			sp.Parent = e.Parent().SpanID().String()
		}
		for _, l := range e.Links() {
			sp.Links = append(sp.Links, l.SpanContext.TraceID().String()+"-"+l.SpanContext.SpanID().String())
		}
		for _, a := range e.Attributes() {
			sp.Attributes[string(a.Key)] = a.Value.AsInterface()
		}
		if sp.Attributes["openworkflow.run.id"] == run {
			found = append(found, sp)
		}
	}
	return found
}

func (s *tsSide) spans(t *testing.T, run string) (found []span) {
	t.Helper()
	decode(t, s.must(t, "spans", map[string]any{"run": run}), &found)
	return found
}

// awaitSpan waits for a span of a run that ended so; a worker ends it after the run's end is to be seen.
func (w *world) awaitSpan(t *testing.T, s side, run, name, outcome string) (found span) {
	t.Helper()
	w.eventually(t, name+" of run "+run+" has ended", func() bool {
		for _, sp := range s.spans(t, run) {
			if sp.Name == name && (outcome == "" || sp.Attributes["openworkflow.execution.outcome"] == outcome) {
				found = sp
				return true
			}
		}
		return false
	})
	return found
}

// carried is what the row of a run carries.
func (w *world) carried(t *testing.T, s side, run string) map[string]any {
	t.Helper()
	context := s.read(t, run).Context
	if len(context) != 1 {
		t.Fatalf("the context of run %s is %v", run, context)
	}
	carried, ok := context["traceContext"].(map[string]any)
	if !ok {
		t.Fatalf("the context of run %s is %v", run, context)
	}
	return carried
}

// TestTraces: a run that one language starts is executed by the other one, and its spans link to the caller's.
func TestTraces(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		client, worker := w.side(t, from), w.side(t, to)
		worker.work(t, workflows("w"))
		id := run(t, client, "w", ops(op{Do: "run", Name: "a"}, op{Do: "sleep", Name: "nap", MS: millis(50 * time.Millisecond)}, op{Do: "run", Name: "b"}))
		if _, err := client.result(t, "w", id); err != nil {
			t.Fatal(err)
		}
		created := w.awaitSpan(t, client, id, "workflow_run.create", "")
		carried := w.carried(t, worker, id)
		if want := fmt.Sprintf("00-%s-%s-01", created.Trace, created.Span); carried["traceparent"] != want || len(carried) != 1 {
			t.Errorf("%s stored %v, want the traceparent %s alone", from, carried, want)
		}
		w.awaitSpan(t, worker, id, "workflow_run.execute", "completed")
		w.awaitSpan(t, worker, id, "workflow_run.execute", "suspended")
		executions := make(map[string]string) // span ids and traces
		var steps []string
		all := worker.spans(t, id)
		for _, sp := range all {
			if sp.Name == "workflow_run.execute" {
				executions[sp.Span] = sp.Trace
				if !slices.Equal(sp.Links, []string{created.link()}) || sp.Parent != "" || sp.Failed {
					t.Errorf("%s executes in %+v, which does not link to %s", to, sp, created.link())
				}
			}
		}
		for _, sp := range all {
			if sp.Name != "step_attempt.execute" {
				continue
			}
			steps = append(steps, fmt.Sprint(sp.Attributes["openworkflow.step.name"]))
			if trace, ok := executions[sp.Parent]; !ok || trace != sp.Trace {
				t.Errorf("the step's span %+v is in no execution", sp)
			}
		}
		if !slices.Equal(steps, []string{"a", "b"}) {
			t.Errorf("%s has spans of the steps %v", to, steps)
		}
	})
}

// TestTracesOfChildren: children in the one language link to their parents in the other.
func TestTracesOfChildren(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		parents, children := w.side(t, from), w.side(t, to)
		parents.work(t, workflows("parent"))
		children.work(t, workflows("echo"))
		id := run(t, parents, "parent", ops(op{Do: "child", Workflow: "echo", Input: 1}))
		wantResult(t, parents, "parent", id, from, 1)
		var child string
		w.eventually(t, "the child is there", func() bool {
			runs := parents.list(t, "echo", 10)
			if len(runs) == 1 {
				child = runs[0]
			}
			return child != ""
		})
		created := w.awaitSpan(t, parents, child, "workflow_run.create", "")
		executed := w.awaitSpan(t, children, child, "workflow_run.execute", "completed")
		if !slices.Equal(executed.Links, []string{created.link()}) {
			t.Errorf("the child links to %v, want %s", executed.Links, created.link())
		}
		if carried := w.carried(t, children, child); !strings.Contains(fmt.Sprint(carried["traceparent"]), created.Span) {
			t.Errorf("the child carries %v", carried)
		}
		inside := false
		for _, sp := range parents.spans(t, id) {
			inside = inside || (sp.Name == "workflow_run.execute" && sp.Span == created.Parent && sp.Trace == created.Trace)
		}
		if !inside {
			t.Errorf("the child was created in %+v, which is in no execution of its parent", created)
		}
	})
}

// TestTraceNames: both languages use the same words. Those that Go alone has are listed in package otel.
func TestTraceNames(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		words := make(map[string]map[string][]string) // attributes by language and span
		for _, lang := range sides {
			s := w.side(t, lang)
			s.work(t, workflows("w"+lang))
			id := run(t, s, "w"+lang, ops(op{Do: "run", Name: "a"}, op{Do: "throw", Fail: lang, Message: "no luck"}))
			if _, err := s.result(t, "w"+lang, id); err == nil {
				t.Error("the run completed")
			}
			if sp := w.awaitSpan(t, s, id, "workflow_run.execute", "failed"); !sp.Failed || sp.Attributes["error.type"] == nil {
				t.Errorf("%+v", sp)
			}
			words[lang] = make(map[string][]string)
			for _, sp := range s.spans(t, id) {
				for key := range sp.Attributes {
					words[lang][sp.Name] = append(words[lang][sp.Name], key)
				}
			}
			s.stop(t)
		}
		if len(words["ts"]) != 3 {
			t.Errorf("TypeScript has the spans %v", words["ts"])
		}
		for name, attributes := range words["ts"] {
			for _, key := range attributes {
				if !slices.Contains(words["go"][name], key) {
					t.Errorf("TypeScript's span %s has the attribute %s, Go's has %v", name, key, words["go"][name])
				}
			}
		}
	})
}
