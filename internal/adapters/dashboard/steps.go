package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/timeline"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// stepRow is a row of the timeline.
type stepRow struct {
	timeline.Row

	ID      string // of the element; stays the same while the page is open
	Scope   string // "a/b/" of "a/b/name"
	Name    string
	State   string // completed, failed, running, retrying, waiting, abandoned
	Lasts   string
	Tries   int
	Detail  string // where its attempts are shown
	Version string // changes when its attempts do
	Says    string // the bars in words
}

// mostTries is how many attempts of a step are shown at once; the latest are.
const mostTries = 10

func stepRows(run *openworkflow.Run, c *timeline.Chart, now time.Time) []stepRow {
	out := make([]stepRow, len(c.Rows))
	for i := range c.Rows {
		r := &c.Rows[i]
		sum := sha256.Sum256([]byte(r.Step))
		cut := strings.LastIndexByte(r.Step, '/') + 1
		row := stepRow{
			Row: *r, ID: "step-" + hex.EncodeToString(sum[:6]), Scope: r.Step[:cut], Name: r.Step[cut:],
			State: stepState(run, r), Lasts: format.Duration(r.Span(now)), Tries: len(r.Attempts), Detail: detailPath(r),
		}
		if row.Name == "" {
			row.Scope, row.Name = "", r.Step
		}
		row.Version = row.State + strconv.Itoa(row.Tries)
		row.Says = says(r, run.CreatedAt)
		out[i] = row
	}
	return out
}

func stepState(run *openworkflow.Run, r *timeline.Row) string {
	switch {
	case r.Retrying:
		return "retrying"
	case r.Status != openworkflow.StepRunning:
		return string(r.Status)
	case run.Status.Terminal():
		return "abandoned"
	case r.Kind == openworkflow.KindSleep, r.Kind == openworkflow.KindSignalWait, r.Kind == openworkflow.KindWorkflow:
		return "waiting"
	}
	return "running"
}

// detailPath names the step's latest attempts.
func detailPath(r *timeline.Row) string {
	from := max(0, len(r.Attempts)-mostTries)
	q := url.Values{}
	if from > 0 {
		q.Set("skipped", strconv.Itoa(from))
	}
	for _, a := range r.Attempts[from : len(r.Attempts)-1] {
		q.Add("with", a.ID)
	}
	p := "steps/" + url.PathEscape(r.Latest().ID)
	if len(q) > 0 {
		p += "?" + q.Encode()
	}
	return p
}

var words = map[timeline.Shape]string{
	timeline.Done: "completed", timeline.Failed: "failed", timeline.Running: "running", timeline.Abandoned: "abandoned",
	timeline.Retry: "waited to retry", timeline.Sleep: "slept", timeline.Signal: "waited for a signal", timeline.Child: "waited for a child workflow",
	timeline.Left: "still to wait", timeline.Arrived: "signal received", timeline.Expired: "timed out", timeline.Sent: "signal sent",
}

// says puts a row's bars into words, for those who do not see them.
func says(r *timeline.Row, origin time.Time) string {
	var b strings.Builder
	for i, g := range r.Segments {
		if i == 12 {
			fmt.Fprintf(&b, "; and %d more", len(r.Segments)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		if g.Shape.Point() {
			fmt.Fprintf(&b, "%s at %s", words[g.Shape], format.Duration(g.From.Sub(origin)))
			continue
		}
		fmt.Fprintf(&b, "%s for %s", words[g.Shape], format.Duration(g.To.Sub(g.From)))
	}
	return b.String()
}

// waitView is something that a run waits for.
type waitView struct {
	Kind   string // sleep, signal, workflow, retry, scheduled, retrying, queued, unserved, held
	Step   string
	Signal string
	Child  string
	Worker string
	Until  time.Time
	Since  time.Time
	Try    int
}

// waits says what an unfinished run waits for, and until when.
func (d *Dashboard) waits(ctx context.Context, v *runView, now time.Time) []waitView {
	if v.Ended {
		return nil
	}
	run := &v.Run
	var out []waitView
	switch {
	case run.Status == openworkflow.RunPending && run.AvailableAt.After(now):
		out = append(out, waitView{Kind: v.State, Until: run.AvailableAt, Try: run.Failures + 1})
	case run.Status == openworkflow.RunPending || run.WorkerID == "" && !run.AvailableAt.After(now):
		w := waitView{Kind: "queued", Since: run.AvailableAt}
		if d.known.served(ctx, Workflow{run.WorkflowName, run.Version}) == unserved {
			w.Kind = "unserved"
		}
		out = append(out, w)
	case run.WorkerID != "":
		out = append(out, waitView{Kind: "held", Worker: run.WorkerID, Until: run.AvailableAt})
	}
	for i := range v.Rows {
		if w, ok := stepWait(&v.Rows[i]); ok {
			out = append(out, w)
		}
	}
	return out
}

func stepWait(r *stepRow) (waitView, bool) {
	a := r.Latest()
	w := waitView{Step: r.Step, Until: timeline.Until(a), Since: r.From}
	switch {
	case r.State == "retrying":
		w.Kind, w.Until, w.Try = "retry", a.RetryAt, r.Tries+1
	case r.State != "waiting":
		return w, false
	case r.Kind == openworkflow.KindSleep:
		w.Kind = "sleep"
	case r.Kind == openworkflow.KindSignalWait:
		w.Kind, w.Signal = "signal", timeline.Waits(a).Signal
	default:
		w.Kind, w.Child = "workflow", a.ChildRunID
	}
	return w, true
}
