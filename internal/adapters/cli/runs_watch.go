package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

const defaultInterval = 500 * time.Millisecond

func intervalFlag(cmd *cobra.Command, to *time.Duration) {
	cmd.Flags().DurationVar(to, "interval", defaultInterval, "how often to look, while watching")
}

func checkInterval(d time.Duration) error {
	if d < 10*time.Millisecond {
		return usagef("--interval %v is too short: give 10ms or more", d)
	}
	return nil
}

func (a *app) runsWatch() *cobra.Command {
	var interval time.Duration
	cmd := a.command("watch RUN", "Watch a run, step by step, until it has ended", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		if err := checkInterval(interval); err != nil {
			return err
		}
		return a.withClient(ctx, func(ow *openworkflow.Client) error { return a.watch(ctx, ow, args[0], interval) })
	})
	cmd.Long = "Watch a run, step by step, until it has ended. On a terminal the list of steps is redrawn; elsewhere each\n" +
		"change is a line. As JSON or YAML it is the run, once it has ended.\n\n" +
		"The exit status is 0 if the run completed, 3 if it failed or was canceled. Ctrl-C ends the watching only."
	intervalFlag(cmd, &interval)
	return cmd
}

// watcher shows a run as it changes.
type watcher interface {
	show(run *openworkflow.Run, steps []openworkflow.StepAttempt) error
	end() error
}

// watch shows a run until it has ended, which tells the exit status.
func (a *app) watch(ctx context.Context, ow *openworkflow.Client, runID string, interval time.Duration) error {
	var w watcher = silent{}
	switch {
	case a.forPeople() && a.env.Terminal.Out:
		w = &screen{app: a}
	case a.forPeople():
		w = &log{app: a, seen: make(map[string]string)}
	}
	run, err := a.follow(ctx, ow, runID, interval, w)
	if err := w.end(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	if err := a.print(run, func(p *page) error { return p.outcome(run) }); err != nil {
		return err
	}
	if run.Status != openworkflow.RunCompleted {
		return statusError(ExitRunFailed)
	}
	return nil
}

func (a *app) follow(ctx context.Context, ow *openworkflow.Client, runID string, interval time.Duration, w watcher) (*openworkflow.Run, error) {
	h := history{ow: ow, runID: runID}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		run, err := ow.GetRun(ctx, runID) // before its steps: what it ended with is then among them
		if err != nil {
			return nil, err
		}
		steps, err := h.read(ctx)
		if err != nil {
			return nil, err
		}
		if err := w.show(run, steps); err != nil || run.Status.Terminal() {
			return run, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// outcome prints what came of a run.
func (p *page) outcome(run *openworkflow.Run) error {
	style := statusStyle(run.Status)
	lasted := ""
	if !run.StartedAt.IsZero() {
		lasted = " after " + took(p.now, run.StartedAt, run.FinishedAt)
	}
	if err := p.line("%s%s", p.paint(style, "Run "+run.ID+" "+verdict(run.Status)), lasted); err != nil {
		return err
	}
	switch {
	case run.Status == openworkflow.RunFailed:
		return p.line("%s", p.paint(style, errorText(run.Error, "  ")))
	case run.Status == openworkflow.RunCompleted && len(run.Output) > 0 && string(run.Output) != "null":
		return p.line("%s", render.Payload(run.Output, "  "))
	}
	return nil
}

func verdict(s openworkflow.RunStatus) string {
	if s == openworkflow.RunCanceled {
		return "was canceled"
	}
	return string(s)
}

// history reads a run's step attempts again and again. Pages on which all have ended do not change any more.
type history struct {
	ow      *openworkflow.Client
	runID   string
	settled []openworkflow.StepAttempt
	after   string
}

const historyPage = 200

func (h *history) read(ctx context.Context) ([]openworkflow.StepAttempt, error) {
	var open []openworkflow.StepAttempt
	place := openworkflow.PageOptions{Limit: historyPage, After: h.after}
	for {
		p, err := h.ow.ListStepAttempts(ctx, h.runID, place)
		if err != nil {
			return nil, err
		}
		if p.Next != "" && len(open) == 0 && allEnded(p.Items) {
			h.settled = append(h.settled, p.Items...)
			h.after = p.Next
		} else {
			open = append(open, p.Items...)
		}
		if p.Next == "" {
			return append(h.settled[:len(h.settled):len(h.settled)], open...), nil
		}
		place.After = p.Next
	}
}

func allEnded(attempts []openworkflow.StepAttempt) bool {
	for i := range attempts {
		if attempts[i].Status == openworkflow.StepRunning {
			return false
		}
	}
	return true
}

// silent shows nothing on the way.
type silent struct{}

func (silent) show(*openworkflow.Run, []openworkflow.StepAttempt) error { return nil }
func (silent) end() error                                               { return nil }
