package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func (a *app) workflows() *cobra.Command {
	cmd := group("workflows", "Look at workflows and how they are doing")
	cmd.Aliases = []string{"workflow"}
	var window string
	list := a.command("list", "List workflows and versions with the numbers of their runs, the busiest first", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		d, err := window24(window)
		if err != nil {
			return err
		}
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			all, err := workflowViews(ctx, ow, openworkflow.StatsOptions{Window: d})
			if err != nil {
				return err
			}
			return a.print(all, func(p *page) error { return p.workflowTable(all, d) })
		})
	})
	list.Aliases = []string{"ls"}
	windowFlag(list, &window)
	cmd.AddCommand(list)
	return cmd
}

func windowFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "window", "24h", "how far back durations and throughput look: 15m, 24h, 7d")
}

func window24(text string) (time.Duration, error) {
	d, err := span("window", text)
	if err == nil && d < time.Minute {
		err = usagef("--window %s is too short: give a minute or more", text)
	}
	return d, err
}

// workflowView is a workflow's statistics, and how many workers that are alive have it.
type workflowView struct {
	openworkflow.WorkflowStats
	Workers int `json:"workers"`
}

func workflowViews(ctx context.Context, ow *openworkflow.Client, o openworkflow.StatsOptions) ([]workflowView, error) {
	stats, err := ow.WorkflowStats(ctx, o)
	if err != nil {
		return nil, err
	}
	workers, err := ow.ListWorkers(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]workflowView, len(stats))
	for i := range stats {
		key := openworkflow.WorkflowKey{Name: stats[i].Name, Version: stats[i].Version}
		out[i].WorkflowStats = stats[i]
		for j := range workers {
			if slices.Contains(workers[j].Workflows, key) {
				out[i].Workers++
			}
		}
	}
	return out, nil
}

func (p *page) workflowTable(all []workflowView, window time.Duration) error {
	if len(all) == 0 {
		return p.line("No workflows: no runs are under way, and none were started within %s.", spanShown(window))
	}
	right := func(title string) render.Column { return render.Column{Title: title, Right: true} }
	t := render.Table{Columns: []render.Column{
		{Title: "WORKFLOW", Max: 40, Shrink: true}, {Title: "VERSION", Max: 20, Optional: true}, right("WORKERS"),
		right("PENDING"), right("RUNNING"), right("COMPLETED"), right("FAILED"), right("CANCELED"),
		right("P50"), right("P95"), {Title: "LAG", Right: true, Optional: true},
	}}
	for i := range all {
		w := &all[i]
		workers := render.Cell{Text: render.Count(int64(w.Workers))}
		if w.Workers == 0 && w.Counts.Pending+w.Counts.Running > 0 {
			workers.Style = render.Red
		}
		row := []render.Cell{{Text: w.Name, Style: render.Bold}, {Text: w.Version}, workers}
		for _, s := range statuses {
			row = append(row, tallied(w.Counts, openworkflow.RunStatus(s)))
		}
		t.Add(append(row, render.Cell{Text: percentile(w.P50)}, render.Cell{Text: percentile(w.P95)}, lag(p.now, w.OldestDue))...)
	}
	return p.table(&t)
}

// tallied is a number of runs; "+" says that there may be more.
func tallied(t openworkflow.RunTally, s openworkflow.RunStatus) render.Cell {
	n := t.Of(s)
	c := render.Cell{Text: render.Count(n)}
	if t.Capped(s) {
		c.Text += "+"
	}
	switch {
	case n == 0:
		c.Style = render.Faint
	case s == openworkflow.RunFailed:
		c.Style = render.Red
	}
	return c
}

func percentile(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return render.Duration(d)
}

// The lags that are worth a look.
const (
	lagNotable = 10 * time.Second
	lagBad     = time.Minute
)

// lag is how long the run that waits for longest has been waiting for a worker.
func lag(now, due time.Time) render.Cell {
	if due.IsZero() {
		return render.Cell{Text: "-"}
	}
	c := render.Cell{Text: took(now, due, time.Time{})}
	switch d := now.Sub(due); {
	case d >= lagBad:
		c.Style = render.Red
	case d >= lagNotable:
		c.Style = render.Yellow
	}
	return c
}

// spanShown is a window as people write it: 24h, 7d.
func spanShown(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return render.Count(int64(d/day)) + "d"
	}
	if d%time.Hour == 0 {
		return render.Count(int64(d/time.Hour)) + "h"
	}
	return d.String()
}
