package timeline

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// Shape is what a segment stands for, and how it is drawn.
type Shape string

// The shapes.
const (
	Queued    Shape = "queued"    // due, or not yet, and no worker has claimed the run
	Active    Shape = "active"    // the run as a whole, from its first claim
	Done      Shape = "done"      // an attempt that completed
	Failed    Shape = "failed"    // an attempt that failed
	Running   Shape = "running"   // an attempt under way
	Abandoned Shape = "abandoned" // an attempt that was open when its run ended
	Retry     Shape = "retry"     // the wait between a failure and the next attempt
	Sleep     Shape = "sleep"     // asleep
	Signal    Shape = "signal"    // waiting for a signal
	Child     Shape = "child"     // waiting for a child workflow
	Left      Shape = "left"      // what is left of a wait
	Arrived   Shape = "arrived"   // the moment a signal was received
	Expired   Shape = "expired"   // the moment a wait for a signal timed out
	Sent      Shape = "sent"      // the moment a signal was sent
)

// Point reports whether the shape marks a moment rather than a span.
func (s Shape) Point() bool { return s == Arrived || s == Expired || s == Sent }

// Segment is a part of a row. X and W are percent of the chart's width.
type Segment struct {
	Shape    Shape
	From, To time.Time
	X, W     float64
	Open     bool // goes on beyond now, or beyond the chart
}

// Row is a step with all of its attempts.
type Row struct {
	Step     string
	Kind     openworkflow.StepKind
	Status   openworkflow.StepStatus // of the latest attempt
	Attempts []openworkflow.StepAttempt
	Segments []Segment
	From, To time.Time // To is zero while the step is open
	Retrying bool      // it failed and will be tried again
}

// Span is how long the step took, or has taken so far.
func (r *Row) Span(now time.Time) time.Duration {
	if r.To.IsZero() {
		return max(0, now.Sub(r.From))
	}
	return max(0, r.To.Sub(r.From))
}

// Latest is the step's latest attempt.
func (r *Row) Latest() *openworkflow.StepAttempt { return &r.Attempts[len(r.Attempts)-1] }

// Tick is a mark of the axis; After is the time since the run's beginning.
type Tick struct {
	X     float64
	After time.Duration
}

// Break is a wait that the scale shortens.
type Break struct {
	X, W  float64
	Lasts time.Duration
}

// Chart is a run's timeline.
type Chart struct {
	From, To time.Time
	Run      []Segment // the run as a whole
	Rows     []Row
	Ticks    []Tick
	Breaks   []Break
	Now      float64 // where now is, in percent; negative if the run has ended
	// Shortened says that some waits are drawn shorter than they are, Shortable that they could be.
	Shortened, Shortable bool
}

// Options change how a chart is drawn.
type Options struct {
	Now    time.Time
	Linear bool // do not shorten waits
}

// Draw lays out the attempts of a run, which are in the order of their creation.
func Draw(run *openworkflow.Run, attempts []openworkflow.StepAttempt, o Options) *Chart {
	b := builder{run: run, now: o.Now}
	b.from = run.CreatedAt
	rows := b.rows(attempts)
	overall := b.overall()
	b.bounds(rows, overall)
	c := &Chart{From: b.from, To: b.to, Run: overall, Rows: rows, Now: -1}
	if o.Linear {
		b.clip()
	}
	c.To = b.to
	s := newScale(b.from, b.to, b.work, b.moments, o.Linear)
	c.Shortened, c.Shortable = s.shortened, s.shortable
	place(s, c.Run)
	for i := range c.Rows {
		place(s, c.Rows[i].Segments)
	}
	if !run.Status.Terminal() {
		c.Now = s.at(o.Now)
	}
	c.Ticks, c.Breaks = s.ticks(), s.breaks()
	return c
}

// thinnest is the width below which a segment could not be seen, in percent.
const thinnest = 0.45

func place(s *scale, segments []Segment) {
	for i := range segments {
		g := &segments[i]
		from, to := s.at(g.From), s.at(g.To)
		g.X = from
		g.W = max(to-from, thinnest)
		if g.Shape.Point() {
			g.W = 0
		}
		if g.X+g.W > 100 {
			g.X = max(0, 100-g.W)
		}
	}
}
