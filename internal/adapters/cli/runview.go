package cli

import (
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func statusStyle(s openworkflow.RunStatus) render.Style {
	switch s {
	case openworkflow.RunPending:
		return render.Yellow
	case openworkflow.RunRunning:
		return render.Cyan
	case openworkflow.RunCompleted:
		return render.Green
	case openworkflow.RunFailed:
		return render.Red
	}
	return render.Faint
}

func (a *app) runTable(p *page, list *listed[openworkflow.Run]) error {
	if len(list.Items) == 0 {
		return p.line("No runs.")
	}
	t := render.Table{Columns: []render.Column{
		{Title: "RUN"}, {Title: "WORKFLOW", Max: 40, Shrink: true}, {Title: "VERSION", Max: 20, Optional: true},
		{Title: "STATUS"}, {Title: "CREATED"}, {Title: "TOOK", Right: true}, {Title: "DETAIL", Max: 72, Shrink: true, Optional: true},
	}}
	for i := range list.Items {
		r := &list.Items[i]
		t.Add(render.Cell{Text: r.ID}, render.Cell{Text: r.WorkflowName}, render.Cell{Text: r.Version},
			render.Cell{Text: string(r.Status), Style: statusStyle(r.Status)}, render.Cell{Text: render.Ago(p.now, r.CreatedAt)},
			render.Cell{Text: took(p.now, r.StartedAt, r.FinishedAt)}, render.Cell{Text: runDetail(p.now, r), Style: render.Faint})
	}
	if err := p.table(&t); err != nil {
		return err
	}
	if list.Next != "" {
		a.note("More: --after %s", list.Next)
	}
	return nil
}

// took is how long something lasted, or has lasted until now.
func took(now, start, end time.Time) string {
	switch {
	case start.IsZero():
		return "-"
	case end.IsZero():
		end = now
	}
	return render.Duration(max(0, end.Sub(start)))
}

// runDetail says in a few words what one would ask next about a run.
func runDetail(now time.Time, r *openworkflow.Run) string {
	switch r.Status {
	case openworkflow.RunFailed:
		return errorLine(r.Error)
	case openworkflow.RunPending:
		return pendingDetail(now, r)
	case openworkflow.RunRunning:
		return runningDetail(now, r)
	}
	return ""
}

func pendingDetail(now time.Time, r *openworkflow.Run) string {
	what := "starts "
	if r.Failures > 0 || r.Error != nil {
		what = "retries "
	}
	if r.AvailableAt.After(now) {
		return what + render.Ago(now, r.AvailableAt)
	}
	if r.AvailableAt.IsZero() {
		return "waits for a worker"
	}
	return "waits for a worker, due " + render.Ago(now, r.AvailableAt)
}

func runningDetail(now time.Time, r *openworkflow.Run) string {
	switch {
	case r.WorkerID != "" && r.AvailableAt.Before(now):
		return "lost its worker " + render.CutID(r.WorkerID) + ", free since " + render.Ago(now, r.AvailableAt)
	case r.WorkerID != "":
		return "on worker " + render.CutID(r.WorkerID)
	case r.AvailableAt.IsZero():
		return "parked"
	case r.AvailableAt.After(now):
		return "parked, wakes " + render.Ago(now, r.AvailableAt)
	}
	return "waits for a worker, woke " + render.Ago(now, r.AvailableAt)
}

// errorLine is an error in a line: its type, if it says something, and its message.
func errorLine(e *openworkflow.RunError) string {
	if e == nil {
		return ""
	}
	message, rest, _ := strings.Cut(e.Message, "\n")
	if rest != "" {
		message += " …"
	}
	if e.Name != "" && e.Name != "Error" && e.Name != e.Message {
		return e.Name + ": " + message
	}
	return message
}
