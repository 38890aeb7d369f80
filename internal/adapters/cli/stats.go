package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func (a *app) stats() *cobra.Command {
	var window string
	cmd := a.command("stats", "Sum up what is going on: runs, throughput, queue lag, workers", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		d, err := window24(window)
		if err != nil {
			return err
		}
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			s, err := summarise(ctx, ow, d, a.env.Now())
			if err != nil {
				return err
			}
			return a.print(s, func(p *page) error { return s.people(p, d) })
		})
	})
	windowFlag(cmd, &window)
	return cmd
}

// summary is the whole namespace at a glance.
type summary struct {
	Namespace string                `json:"namespace"`
	Runs      openworkflow.RunTally `json:"runs"`
	Window    happened              `json:"window"`
	Queue     queue                 `json:"queue"`
	Workers   workforce             `json:"workers"`
}

// happened is what came about in the window.
type happened struct {
	Seconds   int64     `json:"seconds"`
	Since     time.Time `json:"since"`
	Started   int64     `json:"started"`
	Completed int64     `json:"completed"`
	Failed    int64     `json:"failed"`
	Sampled   bool      `json:"sampled,omitempty"` // there was more than was looked at
}

// queue is what waits for a worker.
type queue struct {
	OldestDue  time.Time `json:"oldestDue,omitzero"`
	LagSeconds float64   `json:"lagSeconds"`
}

// workforce is the workers that are alive.
type workforce struct {
	Alive       int   `json:"alive"`
	Concurrency int   `json:"concurrency"` // of those that tell
	Holding     int64 `json:"holding"`     // runs
}

func summarise(ctx context.Context, ow *openworkflow.Client, window time.Duration, now time.Time) (*summary, error) {
	s := &summary{Namespace: ow.Backend().Namespace(), Window: happened{Seconds: int64(window / time.Second), Since: now.Add(-window).UTC()}}
	var err error
	if s.Runs, err = ow.TallyRuns(ctx, openworkflow.RunFilter{}, 0); err != nil {
		return nil, err
	}
	all, err := ow.WorkflowStats(ctx, openworkflow.StatsOptions{Window: window})
	if err != nil {
		return nil, err
	}
	for i := range all {
		s.add(&all[i])
	}
	if !s.Queue.OldestDue.IsZero() {
		s.Queue.LagSeconds = max(0, now.Sub(s.Queue.OldestDue)).Seconds()
	}
	workers, err := ow.ListWorkers(ctx)
	for i := range workers {
		s.Workers.Alive++
		s.Workers.Concurrency += workers[i].Concurrency
		s.Workers.Holding += workers[i].Holding
	}
	return s, err
}

func (s *summary) add(w *openworkflow.WorkflowStats) {
	for _, b := range w.Buckets {
		s.Window.Started += b.Started
		s.Window.Completed += b.Completed
		s.Window.Failed += b.Failed
	}
	s.Window.Sampled = s.Window.Sampled || w.Sampled
	if due := w.OldestDue; !due.IsZero() && (s.Queue.OldestDue.IsZero() || due.Before(s.Queue.OldestDue)) {
		s.Queue.OldestDue = due
	}
}

func (s *summary) people(p *page, window time.Duration) error {
	t := render.Table{Columns: []render.Column{{Title: "STATUS"}, {Title: "RUNS", Right: true}}}
	for _, text := range statuses {
		status := openworkflow.RunStatus(text)
		t.Add(render.Cell{Text: text, Style: statusStyle(status)}, tallied(s.Runs, status))
	}
	if err := p.table(&t); err != nil {
		return err
	}
	atLeast := ""
	if s.Window.Sampled {
		atLeast = "at least "
	}
	rate := ""
	if ended := s.Window.Completed + s.Window.Failed; ended > 0 {
		rate = fmt.Sprintf(" (%.1f %% of those that ended)", 100*float64(s.Window.Failed)/float64(ended))
	}
	waiting := "no run waits for a worker"
	queueStyle := render.Green
	if !s.Queue.OldestDue.IsZero() {
		c := lag(p.now, s.Queue.OldestDue)
		waiting, queueStyle = "the oldest run that is due waits for "+c.Text, c.Style
	}
	workers := "none is alive"
	workerStyle := render.Red
	if s.Workers.Alive > 0 {
		workers = fmt.Sprintf("%d alive, room for %s, %s held", s.Workers.Alive,
			plural(int64(s.Workers.Concurrency), "run"), render.Count(s.Workers.Holding))
		workerStyle = render.Plain
	}
	if err := p.line(""); err != nil {
		return err
	}
	return p.fields(
		field{name: "Last " + spanShown(window), value: fmt.Sprintf("%s%s started, %s completed, %s failed%s",
			atLeast, render.Count(s.Window.Started), render.Count(s.Window.Completed), render.Count(s.Window.Failed), rate)},
		field{name: "Queue", value: waiting, style: queueStyle},
		field{name: "Workers", value: workers, style: workerStyle},
	)
}
