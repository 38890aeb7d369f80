package timeline

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// builder collects segments and what the scale has to know of them.
type builder struct {
	run      *openworkflow.Run
	now      time.Time
	from, to time.Time
	work     []interval  // when functions ran: never shortened
	moments  []time.Time // where something begins or ends
	ahead    time.Time   // the earliest end of a wait that is still to come
}

// interval is a stretch of time.
type interval struct{ from, to time.Time }

// rows groups the attempts by step, in the order in which the steps began.
func (b *builder) rows(attempts []openworkflow.StepAttempt) []Row {
	var rows []Row
	index := map[string]int{}
	for i := range attempts {
		a := attempts[i]
		at, known := index[a.StepName]
		if !known {
			at = len(rows)
			index[a.StepName] = at
			rows = append(rows, Row{Step: a.StepName, Kind: a.Kind, From: began(&a)})
		}
		rows[at].Attempts = append(rows[at].Attempts, a)
	}
	for i := range rows {
		b.row(&rows[i])
	}
	return rows
}

func began(a *openworkflow.StepAttempt) time.Time {
	if a.StartedAt.IsZero() {
		return a.CreatedAt
	}
	return a.StartedAt
}

func (b *builder) row(r *Row) {
	for i := range r.Attempts {
		a := &r.Attempts[i]
		b.attempt(r, a)
		if a.Status != openworkflow.StepFailed {
			continue
		}
		if i+1 < len(r.Attempts) {
			b.add(r, Retry, a.FinishedAt, began(&r.Attempts[i+1]))
			continue
		}
		if !b.run.Status.Terminal() && !a.Final && !a.RetryAt.IsZero() {
			r.Retrying = true
			b.wait(r, Retry, a.FinishedAt, a.RetryAt)
		}
	}
	last := r.Latest()
	r.Status = last.Status
	if !r.Retrying && last.Status != openworkflow.StepRunning {
		r.To = last.FinishedAt
	} else if b.run.Status.Terminal() {
		r.To = b.run.FinishedAt
	}
}

func (b *builder) attempt(r *Row, a *openworkflow.StepAttempt) {
	from := began(a)
	open := a.Status == openworkflow.StepRunning && !b.run.Status.Terminal()
	to := a.FinishedAt
	if to.IsZero() {
		to = b.end()
	}
	switch a.Kind {
	case openworkflow.KindSleep, openworkflow.KindSignalWait, openworkflow.KindWorkflow:
		b.waiting(r, a, from, to, open)
	case openworkflow.KindSignalSend:
		b.work = append(b.work, interval{from, to})
		if a.Status == openworkflow.StepFailed {
			b.add(r, Failed, from, to)
			return
		}
		b.add(r, Sent, from, from)
	default:
		b.work = append(b.work, interval{from, to})
		b.add(r, worked(a.Status, open), from, to)
	}
}

func worked(status openworkflow.StepStatus, open bool) Shape {
	switch {
	case status == openworkflow.StepCompleted:
		return Done
	case status == openworkflow.StepFailed:
		return Failed
	case open:
		return Running
	}
	return Abandoned
}

var waits = map[openworkflow.StepKind]Shape{
	openworkflow.KindSleep: Sleep, openworkflow.KindSignalWait: Signal, openworkflow.KindWorkflow: Child,
}

// waiting draws a sleep, a wait for a signal or a child workflow.
func (b *builder) waiting(r *Row, a *openworkflow.StepAttempt, from, to time.Time, open bool) {
	if open {
		b.wait(r, waits[a.Kind], from, Until(a))
		return
	}
	b.add(r, waits[a.Kind], from, to)
	switch {
	case a.Status == openworkflow.StepFailed:
		b.add(r, Failed, to, to)
	case a.Kind == openworkflow.KindSignalWait && a.Status == openworkflow.StepCompleted:
		if out := bytes.TrimSpace(a.Output); len(out) == 0 || bytes.Equal(out, []byte("null")) {
			b.add(r, Expired, to, to)
		} else {
			b.add(r, Arrived, to, to)
		}
	}
}

// wait draws a wait that is not over: what has passed, and what is left.
func (b *builder) wait(r *Row, shape Shape, from, until time.Time) {
	b.add(r, shape, from, b.now)
	r.Segments[len(r.Segments)-1].Open = true
	if !until.After(b.now) {
		return
	}
	b.add(r, Left, b.now, until)
	r.Segments[len(r.Segments)-1].Open = true
	if b.ahead.IsZero() || until.Before(b.ahead) {
		b.ahead = until
	}
}

func (b *builder) add(r *Row, shape Shape, from, to time.Time) {
	if to.Before(from) {
		to = from
	}
	r.Segments = append(r.Segments, Segment{Shape: shape, From: from, To: to, Open: shape == Running})
}

// overall draws the run itself: its time in the queue, and its time since.
func (b *builder) overall() []Segment {
	began, end := b.run.StartedAt, b.end()
	if began.IsZero() {
		began = end
	}
	due := b.run.CreatedAt
	out := []Segment{{Shape: Queued, From: due, To: began, Open: b.run.StartedAt.IsZero() && !b.run.Status.Terminal()}}
	if b.run.StartedAt.IsZero() {
		if !b.run.Status.Terminal() && b.run.AvailableAt.After(b.now) {
			out = append(out, Segment{Shape: Left, From: b.now, To: b.run.AvailableAt, Open: true})
			b.ahead = b.run.AvailableAt
		}
		return out
	}
	shape := Active
	switch b.run.Status {
	case openworkflow.RunCompleted:
		shape = Done
	case openworkflow.RunFailed:
		shape = Failed
	case openworkflow.RunCanceled:
		shape = Abandoned
	}
	return append(out, Segment{Shape: shape, From: began, To: end, Open: !b.run.Status.Terminal()})
}

func (b *builder) end() time.Time {
	if b.run.Status.Terminal() && !b.run.FinishedAt.IsZero() {
		return b.run.FinishedAt
	}
	return b.now
}

// bounds finds what the chart has to hold, and notes where anything begins or ends.
func (b *builder) bounds(rows []Row, overall []Segment) {
	b.to = b.end()
	note := func(segments []Segment) {
		for _, g := range segments {
			if g.From.Before(b.from) && !g.From.IsZero() {
				b.from = g.From
			}
			if g.Shape != Left {
				b.moments = append(b.moments, g.From)
			}
			if g.Open {
				continue
			}
			b.moments = append(b.moments, g.To)
			if g.To.After(b.to) {
				b.to = g.To
			}
		}
	}
	note(overall)
	for i := range rows {
		note(rows[i].Segments)
	}
	if b.ahead.After(b.to) {
		b.to = b.ahead
		b.moments = append(b.moments, b.ahead)
	}
	if !b.to.After(b.from) {
		b.to = b.from.Add(time.Millisecond)
	}
}

// clip ends a linear chart soon after now: a wait of a year would leave no room for what has happened.
func (b *builder) clip() {
	if b.run.Status.Terminal() {
		return
	}
	if limit := b.now.Add(max(b.now.Sub(b.from)/8, time.Second)); b.to.After(limit) {
		b.to = limit
	}
}

// Until is when the wait of an attempt ends if nothing else ends it; zero if its row does not say.
func Until(a *openworkflow.StepAttempt) time.Time {
	w := Waits(a)
	if a.Kind == openworkflow.KindSleep {
		return w.ResumeAt
	}
	return w.TimeoutAt
}

// WaitsFor is the context of an attempt that waits.
type WaitsFor struct {
	Signal    string    `json:"signal"`
	ResumeAt  time.Time `json:"resumeAt"`
	TimeoutAt time.Time `json:"timeoutAt"`
}

// Waits reads what an attempt waits for; what cannot be read is zero.
func Waits(a *openworkflow.StepAttempt) WaitsFor {
	var w WaitsFor
	if len(a.Context) == 0 || json.Unmarshal(a.Context, &w) != nil {
		return WaitsFor{}
	}
	return w
}
