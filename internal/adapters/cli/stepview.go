package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// stepLine is a step with all its attempts, in the order in which steps began.
type stepLine struct {
	name     string
	last     *openworkflow.StepAttempt
	attempts int
	first    time.Time
	detail   string
}

func stepLines(now time.Time, attempts []openworkflow.StepAttempt) []stepLine {
	var lines []stepLine
	places := make(map[string]int)
	for i := range attempts {
		at := &attempts[i]
		place, known := places[at.StepName]
		if !known {
			place = len(lines)
			places[at.StepName] = place
			lines = append(lines, stepLine{name: at.StepName, first: started(at)})
		}
		l := &lines[place]
		l.last = at
		l.attempts++
		l.detail = stepDetail(now, at)
	}
	return lines
}

// retrying reports whether the step has failed and will be tried again.
func (s *stepLine) retrying() bool {
	return s.last.Status == openworkflow.StepFailed && !s.last.Final && !s.last.RetryAt.IsZero()
}

func (s *stepLine) status() render.Cell {
	if s.retrying() {
		return render.Cell{Text: "retrying", Style: render.Yellow}
	}
	if s.last.Status == openworkflow.StepRunning {
		switch s.last.Kind {
		case openworkflow.KindSleep:
			return render.Cell{Text: "sleeping", Style: render.Blue}
		case openworkflow.KindSignalWait, openworkflow.KindWorkflow:
			return render.Cell{Text: "waiting", Style: render.Blue}
		}
	}
	return stepStatus(s.last)
}

// took is the time from the first attempt to the end of the last one.
func (s *stepLine) took(now time.Time) string {
	end := s.last.FinishedAt
	if s.retrying() {
		end = time.Time{}
	}
	return took(now, s.first, end)
}

func (p *page) stepTable(lines []stepLine) error {
	t := render.Table{Columns: []render.Column{
		{Title: ""}, {Title: "STEP", Max: 48, Shrink: true}, {Title: "KIND"}, {Title: "STATUS"}, {Title: "TRIES", Right: true},
		{Title: "TOOK", Right: true}, {Title: "DETAIL", Max: 72, Shrink: true, Optional: true},
	}}
	for i := range lines {
		l := &lines[i]
		status := l.status()
		t.Add(render.Cell{Text: mark(status.Text), Style: status.Style}, render.Cell{Text: l.name}, render.Cell{Text: string(l.last.Kind)}, status,
			render.Cell{Text: fmt.Sprint(l.attempts)}, render.Cell{Text: l.took(p.now)}, render.Cell{Text: l.detail, Style: render.Faint})
	}
	return p.table(&t)
}

// mark is a status at a glance.
func mark(status string) string {
	switch status {
	case "completed":
		return "✓"
	case "failed":
		return "✗"
	case "retrying":
		return "↻"
	case "sleeping", "waiting":
		return "◷"
	}
	return "▸"
}

// indented puts spaces before all lines but the first.
func indented(text, spaces string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+spaces)
}
