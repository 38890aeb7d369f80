package timeline_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/timeline"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

var origin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return origin.Add(d) }

func finished(step string, from, to time.Duration) openworkflow.StepAttempt {
	return openworkflow.StepAttempt{
		ID: step + from.String(), StepName: step, Kind: openworkflow.KindFunction, Status: openworkflow.StepCompleted,
		StartedAt: at(from), FinishedAt: at(to), CreatedAt: at(from),
	}
}

func completed(d time.Duration) *openworkflow.Run {
	return &openworkflow.Run{Status: openworkflow.RunCompleted, CreatedAt: origin, StartedAt: origin, FinishedAt: at(d)}
}

func running(due time.Duration) *openworkflow.Run {
	return &openworkflow.Run{Status: openworkflow.RunRunning, CreatedAt: origin, StartedAt: origin, AvailableAt: at(due)}
}

func shapes(r timeline.Row) (out []timeline.Shape) {
	for _, s := range r.Segments {
		out = append(out, s.Shape)
	}
	return out
}

func TestShapes(t *testing.T) {
	t.Parallel()
	now := at(time.Minute)
	context := func(s string) json.RawMessage { return json.RawMessage(s) }
	failed := finished("x", 0, time.Second)
	failed.Status, failed.RetryAt = openworkflow.StepFailed, at(2*time.Minute)
	final := failed
	final.Final = true
	open := finished("x", 0, 0)
	open.Status, open.FinishedAt = openworkflow.StepRunning, time.Time{}
	sleeping, waiting, child := open, open, open
	sleeping.Kind, sleeping.Context = openworkflow.KindSleep, context(`{"kind":"sleep","resumeAt":"2026-03-02T12:00:00.000Z"}`)
	waiting.Kind, waiting.Context = openworkflow.KindSignalWait, context(`{"kind":"signal-wait","signal":"s","timeoutAt":"2027-03-01T12:00:00.000Z"}`)
	child.Kind = openworkflow.KindWorkflow
	arrived, expired, sent := finished("x", 0, time.Second), finished("x", 0, time.Second), finished("x", 0, time.Second)
	arrived.Kind, arrived.Output = openworkflow.KindSignalWait, context(`{"data":1}`)
	expired.Kind, expired.Output = openworkflow.KindSignalWait, context(` null `)
	sent.Kind = openworkflow.KindSignalSend

	for _, tt := range []struct {
		name     string
		run      *openworkflow.Run
		attempts []openworkflow.StepAttempt
		want     []timeline.Shape
	}{
		{"completed", running(0), []openworkflow.StepAttempt{finished("x", 0, time.Second)}, []timeline.Shape{timeline.Done}},
		{"running", running(0), []openworkflow.StepAttempt{open}, []timeline.Shape{timeline.Running}},
		{"open when the run ended", completed(time.Minute), []openworkflow.StepAttempt{open}, []timeline.Shape{timeline.Abandoned}},
		{"failed, to be retried", running(0), []openworkflow.StepAttempt{failed}, []timeline.Shape{timeline.Failed, timeline.Retry, timeline.Left}},
		{"failed for good", running(0), []openworkflow.StepAttempt{final}, []timeline.Shape{timeline.Failed}},
		{"failed, and the run ended", completed(time.Minute), []openworkflow.StepAttempt{failed}, []timeline.Shape{timeline.Failed}},
		{"retried", running(0), []openworkflow.StepAttempt{failed, finished("x", 5*time.Second, 6*time.Second)}, []timeline.Shape{timeline.Failed, timeline.Retry, timeline.Done}},
		{"asleep", running(0), []openworkflow.StepAttempt{sleeping}, []timeline.Shape{timeline.Sleep, timeline.Left}},
		{"waiting for a signal", running(0), []openworkflow.StepAttempt{waiting}, []timeline.Shape{timeline.Signal, timeline.Left}},
		{"waiting for a child, its end unknown", running(0), []openworkflow.StepAttempt{child}, []timeline.Shape{timeline.Child}},
		{"signal arrived", running(0), []openworkflow.StepAttempt{arrived}, []timeline.Shape{timeline.Signal, timeline.Arrived}},
		{"signal did not", running(0), []openworkflow.StepAttempt{expired}, []timeline.Shape{timeline.Signal, timeline.Expired}},
		{"signal sent", running(0), []openworkflow.StepAttempt{sent}, []timeline.Shape{timeline.Sent}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := timeline.Draw(tt.run, tt.attempts, timeline.Options{Now: now})
			if len(c.Rows) != 1 || !slices.Equal(shapes(c.Rows[0]), tt.want) {
				t.Errorf("drawn as %v, want %v", shapes(c.Rows[0]), tt.want)
			}
		})
	}
}

func TestLongWaitsAreShortened(t *testing.T) {
	t.Parallel()
	night := finished("night", 2*time.Second, 8*time.Hour)
	night.Kind = openworkflow.KindSleep
	attempts := []openworkflow.StepAttempt{finished("a", 0, 2*time.Second), night, finished("b", 8*time.Hour, 8*time.Hour+2*time.Second)}
	run := completed(8*time.Hour + 2*time.Second)
	short := timeline.Draw(run, attempts, timeline.Options{Now: at(9 * time.Hour)})
	if !short.Shortened || len(short.Breaks) != 1 || short.Breaks[0].Lasts != 8*time.Hour-2*time.Second {
		t.Fatalf("breaks: %+v", short.Breaks)
	}
	if w := short.Rows[0].Segments[0].W; w < 30 {
		t.Errorf("the first step is %.1f %% wide", w)
	}
	if short.Now >= 0 {
		t.Error("a run that ended has a now")
	}
	long := timeline.Draw(run, attempts, timeline.Options{Now: at(9 * time.Hour), Linear: true})
	if long.Shortened || !long.Shortable || len(long.Breaks) != 0 {
		t.Error("to scale, something is shortened")
	}
	if w := long.Rows[1].Segments[0].W; w < 99 {
		t.Errorf("to scale, the night is %.1f %% wide", w)
	}
}

func TestAYearsWaitLeavesRoomForTheRest(t *testing.T) {
	t.Parallel()
	wait := openworkflow.StepAttempt{StepName: "w", Kind: openworkflow.KindSignalWait, Status: openworkflow.StepRunning, StartedAt: at(2 * time.Second), CreatedAt: at(2 * time.Second),
		Context: json.RawMessage(`{"kind":"signal-wait","signal":"s","timeoutAt":"2027-03-01T12:00:00.000Z"}`)}
	attempts := []openworkflow.StepAttempt{finished("a", 0, 2*time.Second), wait}
	for _, linear := range []bool{false, true} {
		c := timeline.Draw(running(time.Hour), attempts, timeline.Options{Now: at(10 * time.Second), Linear: linear})
		if w := c.Rows[0].Segments[0].W; w < 15 {
			t.Errorf("linear %v: the step is %.1f %% wide", linear, w)
		}
		if c.Now < 0 || c.Now > 100 {
			t.Errorf("now is at %.1f", c.Now)
		}
	}
}

// TestCharts draws whatever comes: everything lies on the chart, time runs from left to right, and the scale is monotonic.
func TestCharts(t *testing.T) {
	t.Parallel()
	kinds := []openworkflow.StepKind{openworkflow.KindFunction, openworkflow.KindSleep, openworkflow.KindSignalWait, openworkflow.KindSignalSend, openworkflow.KindWorkflow, "of tomorrow"}
	rapid.Check(t, func(t *rapid.T) {
		span := rapid.SampledFrom([]time.Duration{time.Microsecond, time.Millisecond, time.Second, time.Hour, 1000 * time.Hour})
		moment := func(name string) time.Duration {
			return time.Duration(rapid.IntRange(-3, 3000).Draw(t, name)) * span.Draw(t, "unit")
		}
		run := rapid.SampledFrom([]*openworkflow.Run{running(moment("due")), completed(moment("end")), {Status: openworkflow.RunPending, CreatedAt: origin, AvailableAt: at(moment("due"))}, {}}).Draw(t, "run")
		var attempts []openworkflow.StepAttempt
		for i := range rapid.IntRange(0, 30).Draw(t, "attempts") {
			from := moment("from")
			a := finished(fmt.Sprintf("s%d", i%7), from, from+moment("took"))
			a.Kind = rapid.SampledFrom(kinds).Draw(t, "kind")
			a.Status = rapid.SampledFrom([]openworkflow.StepStatus{openworkflow.StepCompleted, openworkflow.StepFailed, openworkflow.StepRunning}).Draw(t, "status")
			if a.Status == openworkflow.StepRunning {
				a.FinishedAt = time.Time{}
			}
			if rapid.Bool().Draw(t, "retried") {
				a.RetryAt = at(from + moment("retry"))
			}
			if rapid.Bool().Draw(t, "context") {
				a.Context = json.RawMessage(fmt.Sprintf(`{"resumeAt":%q,"timeoutAt":%[1]q}`, at(moment("until")).Format(time.RFC3339Nano)))
			}
			attempts = append(attempts, a)
		}
		c := timeline.Draw(run, attempts, timeline.Options{Now: at(moment("now")), Linear: rapid.Bool().Draw(t, "linear")})
		check(t, c, len(attempts))
	})
}

func check(t *rapid.T, c *timeline.Chart, attempts int) {
	in := func(what string, x float64) {
		if math.IsNaN(x) || x < 0 || x > 100.001 {
			t.Fatalf("%s is at %v", what, x)
		}
	}
	drawn := 0
	all := [][]timeline.Segment{c.Run}
	for i := range c.Rows {
		all = append(all, c.Rows[i].Segments)
		drawn += len(c.Rows[i].Attempts)
		if c.Rows[i].Span(origin) < 0 {
			t.Fatal("a step took less than nothing")
		}
	}
	if drawn != attempts {
		t.Fatalf("%d attempts of %d are drawn", drawn, attempts)
	}
	for _, segments := range all {
		for _, g := range segments {
			in("a segment", g.X)
			in("the end of a segment", g.X+g.W)
		}
	}
	last := -1.0
	for _, k := range c.Ticks {
		in("a tick", k.X)
		if k.X <= last {
			t.Fatal("the ticks are not in order")
		}
		last = k.X
	}
	for _, b := range c.Breaks {
		in("a break", b.X)
		in("the end of a break", b.X+b.W)
	}
	if c.Now > 100 {
		t.Fatalf("now is at %v", c.Now)
	}
}
