package cli

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func (a *app) steps() *cobra.Command {
	cmd := group("steps", "Look at the steps of a run")
	cmd.Aliases = []string{"step"}
	list := a.command("list RUN", "List the step attempts of a run, the oldest first", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			run, err := ow.GetRun(ctx, args[0]) // a run that does not exist has no steps either: say which it is
			if err != nil {
				return err
			}
			attempts, err := allAttempts(ctx, ow, run.ID)
			if err != nil {
				return err
			}
			return a.print(attempts, func(p *page) error {
				if len(attempts) == 0 {
					return p.line("No steps yet.")
				}
				return p.attemptTable(attempts)
			})
		})
	})
	list.Aliases = []string{"ls"}
	list.Long = "List the step attempts of a run, the oldest first: every try of every step.\n\n" +
		"As JSON they have their results too, in the form that workflowtest.Replay takes."
	cmd.AddCommand(list)
	return cmd
}

// allAttempts reads all step attempts of a run. It never returns nil without an error.
func allAttempts(ctx context.Context, ow *openworkflow.Client, runID string) ([]openworkflow.StepAttempt, error) {
	all := []openworkflow.StepAttempt{}
	place := openworkflow.PageOptions{Limit: openworkflow.MaxPageLimit}
	for {
		p, err := ow.ListStepAttempts(ctx, runID, place)
		if err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if p.Next == "" {
			return all, nil
		}
		place.After = p.Next
	}
}

func (p *page) attemptTable(attempts []openworkflow.StepAttempt) error {
	t := render.Table{Columns: []render.Column{
		{Title: "STEP", Max: 48, Shrink: true}, {Title: "KIND"}, {Title: "STATUS"}, {Title: "STARTED"},
		{Title: "TOOK", Right: true}, {Title: "DETAIL", Max: 72, Shrink: true, Optional: true},
	}}
	for i := range attempts {
		at := &attempts[i]
		t.Add(render.Cell{Text: at.StepName}, render.Cell{Text: string(at.Kind)}, stepStatus(at),
			render.Cell{Text: render.Ago(p.now, started(at))}, render.Cell{Text: took(p.now, started(at), at.FinishedAt)},
			render.Cell{Text: stepDetail(p.now, at), Style: render.Faint})
	}
	return p.table(&t)
}

func stepStatus(at *openworkflow.StepAttempt) render.Cell {
	style := render.Cyan
	switch at.Status {
	case openworkflow.StepCompleted:
		style = render.Green
	case openworkflow.StepFailed:
		style = render.Red
	}
	return render.Cell{Text: string(at.Status), Style: style}
}

func started(at *openworkflow.StepAttempt) time.Time {
	if at.StartedAt.IsZero() {
		return at.CreatedAt
	}
	return at.StartedAt
}

// waitContext is what a waiting attempt stores about its wait, in both languages.
type waitContext struct {
	ResumeAt  time.Time `json:"resumeAt"`
	TimeoutAt time.Time `json:"timeoutAt"`
	Signal    string    `json:"signal"`
}

// stepDetail says what an attempt waits for, or why it failed.
func stepDetail(now time.Time, at *openworkflow.StepAttempt) string {
	if at.Status == openworkflow.StepFailed {
		return failedDetail(now, at)
	}
	var wait waitContext
	if len(at.Context) > 0 {
		_ = json.Unmarshal(at.Context, &wait) // another program's context says nothing here
	}
	open := at.Status == openworkflow.StepRunning
	var parts []string
	switch at.Kind {
	case openworkflow.KindSleep:
		if open && !wait.ResumeAt.IsZero() {
			parts = append(parts, "wakes "+render.Ago(now, wait.ResumeAt))
		}
	case openworkflow.KindSignalWait:
		if wait.Signal != "" && wait.Signal != at.StepName {
			parts = append(parts, "signal "+wait.Signal)
		}
	case openworkflow.KindWorkflow:
		if at.ChildRunID != "" {
			parts = append(parts, "run "+at.ChildRunID)
		}
	}
	if open && !wait.TimeoutAt.IsZero() {
		parts = append(parts, "times out "+render.Ago(now, wait.TimeoutAt))
	}
	return strings.Join(parts, ", ")
}

func failedDetail(now time.Time, at *openworkflow.StepAttempt) string {
	detail := errorLine(at.Error)
	switch {
	case at.Final:
		detail += " (final)"
	case at.RetryAt.After(now):
		detail += " (retry " + render.Ago(now, at.RetryAt) + ")"
	}
	return detail
}
