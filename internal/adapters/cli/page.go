package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
)

// page is where a command prints for people.
type page struct {
	w       io.Writer
	palette render.Palette
	width   int
	now     time.Time
}

// page is the one on Stdout.
func (a *app) page() *page {
	width, _ := a.env.Terminal.size()
	return &page{w: a.env.Stdout, palette: a.palette(a.env.Terminal.Out), width: width, now: a.env.Now()}
}

func (a *app) palette(terminal bool) render.Palette {
	return render.Palette{Colours: terminal && a.env.Getenv("NO_COLOR") == "" && a.env.Getenv("TERM") != "dumb"}
}

// print prints the value as --output says: for programs as it is, for people as the function does it.
func (a *app) print(value any, people func(*page) error) error {
	format, err := a.format()
	if err != nil {
		return err
	}
	switch format {
	case formatJSON:
		return render.JSON(a.env.Stdout, value)
	case formatYAML:
		return render.YAML(a.env.Stdout, value)
	}
	return people(a.page())
}

// forPeople reports whether tables are printed.
func (a *app) forPeople() bool {
	format, err := a.format()
	return err == nil && format == formatTable
}

// note prints a line for people beside the results, where programs do not read.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.env.Stderr, format+"\n", args...)
}

func (p *page) line(format string, args ...any) error {
	_, err := fmt.Fprintf(p.w, format+"\n", args...)
	return err
}

func (p *page) table(t *render.Table) error { return t.Write(p.w, p.palette, p.width) }

func (p *page) paint(s render.Style, text string) string { return p.palette.Paint(s, text) }

// fields prints names and values in two columns; those without value are left out.
func (p *page) fields(fields ...field) error {
	widest := 0
	for _, f := range fields {
		if f.value != "" {
			widest = max(widest, render.Cells(f.name))
		}
	}
	for _, f := range fields {
		if f.value == "" {
			continue
		}
		pad := strings.Repeat(" ", widest-render.Cells(f.name))
		if err := p.line("%s%s  %s", p.paint(render.Bold, f.name), pad, p.paint(f.style, render.Safe(f.value))); err != nil {
			return err
		}
	}
	return nil
}

type field struct {
	name, value string
	style       render.Style
}

// moment is a time with how long ago that was; "" for none.
func (p *page) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return render.Time(t) + " (" + render.Ago(p.now, t) + ")"
}

// plural is "1 run" or "3 runs".
func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return render.Count(n) + " " + what + "s"
}
