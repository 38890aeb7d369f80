package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// log writes a line for each change.
type log struct {
	app    *app
	status string
	seen   map[string]string // what was said of a step last
}

func (l *log) show(run *openworkflow.Run, steps []openworkflow.StepAttempt) error {
	p := l.app.page()
	if l.status == "" {
		if err := p.line("Run %s of workflow %s", run.ID, render.Safe(named(run.WorkflowName, run.Version))); err != nil {
			return err
		}
	}
	for _, s := range stepLines(p.now, steps) {
		status := s.status()
		if said := fmt.Sprintf("%s %d", status.Text, s.attempts); l.seen[s.name] != said {
			l.seen[s.name] = said
			if err := p.line("%s  %s", render.Time(p.now), s.words(p)); err != nil {
				return err
			}
		}
	}
	if s := state(run); s != l.status {
		l.status = s
		if !run.Status.Terminal() {
			return p.line("%s  %s %s", render.Time(p.now), mark(""), s)
		}
	}
	return nil
}

func (l *log) end() error { return nil }

// words is a step in a line.
func (s *stepLine) words(p *page) string {
	status := s.status()
	out := p.paint(status.Style, mark(status.Text)) + " " + render.Safe(s.name) + " " + p.paint(status.Style, status.Text)
	if s.last.Status != openworkflow.StepRunning {
		out += " in " + s.took(p.now)
	}
	if s.attempts > 1 {
		out += fmt.Sprintf(", try %d", s.attempts)
	}
	if s.detail != "" {
		out += p.paint(render.Faint, "  "+render.Safe(s.detail))
	}
	return out
}

// state is where a run stands, without times.
func state(run *openworkflow.Run) string {
	switch {
	case run.Status == openworkflow.RunRunning && run.WorkerID == "":
		return "parked"
	case run.Status == openworkflow.RunRunning:
		return "running on worker " + render.CutID(run.WorkerID)
	}
	return string(run.Status)
}

// screen redraws the list of steps and a line of progress.
type screen struct {
	app    *app
	height int // lines that were drawn
	frame  int
	begun  bool
}

// What terminals obey: no cursor and no wrapping while drawing, up so many lines, away with what is below.
const (
	drawBegin = "\x1b[?25l\x1b[?7l"
	drawEnd   = "\x1b[?7h\x1b[?25h"
	drawClear = "\x1b[J"
)

func drawUp(lines int) string {
	if lines == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dF", lines)
}

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

func (s *screen) show(run *openworkflow.Run, steps []openworkflow.StepAttempt) error {
	var drawn bytes.Buffer
	p := s.app.page()
	p.w = &drawn
	lines := stepLines(p.now, steps)
	if err := s.draw(p, run, lines); err != nil {
		return err
	}
	out := drawUp(s.height) + drawClear + drawn.String()
	if !s.begun {
		s.begun = true
		out = drawBegin + out
	}
	s.height = strings.Count(drawn.String(), "\n")
	s.frame++
	_, err := io.WriteString(s.app.env.Stdout, out)
	return err
}

// room is for what is not a step: the title, the heading, the progress line, and what is left out.
const room = 6

func (s *screen) draw(p *page, run *openworkflow.Run, lines []stepLine) error {
	if err := p.line("%s  %s", p.paint(render.Bold, render.Safe(named(run.WorkflowName, run.Version))), p.paint(render.Faint, run.ID)); err != nil {
		return err
	}
	shown := lines
	if _, height := s.app.env.Terminal.size(); height > room && len(lines) > height-room {
		shown = lines[len(lines)-(height-room):]
		if err := p.line("%s", p.paint(render.Faint, fmt.Sprintf("… %s before", plural(int64(len(lines)-len(shown)), "step")))); err != nil {
			return err
		}
	}
	if len(shown) > 0 {
		if err := p.stepTable(shown); err != nil {
			return err
		}
	}
	if run.Status.Terminal() {
		return nil // the outcome follows
	}
	return p.line("%s %s", p.paint(statusStyle(run.Status), spinner[s.frame%len(spinner)]), progress(p, run, lines))
}

// progress is how far a run has come.
func progress(p *page, run *openworkflow.Run, lines []stepLine) string {
	done, open := 0, 0
	for i := range lines {
		if lines[i].last.Status == openworkflow.StepRunning || lines[i].retrying() {
			open++
		} else {
			done++
		}
	}
	parts := []string{p.paint(statusStyle(run.Status), state(run)), plural(int64(done), "step") + " done"}
	if open > 0 {
		parts = append(parts, fmt.Sprintf("%d under way", open))
	}
	if !run.StartedAt.IsZero() {
		parts = append(parts, took(p.now, run.StartedAt, run.FinishedAt))
	}
	return strings.Join(parts, " · ")
}

func (s *screen) end() error {
	if !s.begun {
		return nil
	}
	_, err := io.WriteString(s.app.env.Stdout, drawEnd)
	return err
}
