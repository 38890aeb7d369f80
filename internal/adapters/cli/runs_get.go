package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func (a *app) runsGet() *cobra.Command {
	cmd := a.command("get RUN", "Show a run with its input, output, error and steps", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			run, err := ow.GetRun(ctx, args[0])
			if err != nil {
				return err
			}
			var steps []openworkflow.StepAttempt
			if a.forPeople() {
				if steps, err = allAttempts(ctx, ow, run.ID); err != nil {
					return err
				}
			}
			return a.print(run, func(p *page) error { return a.showRun(ctx, ow, p, run, steps) })
		})
	})
	cmd.Long = "Show a run with its input, output, error and steps.\n\n" +
		"As JSON it is the run alone, in the form that workflowtest.Replay takes; `steps list` has its steps."
	return cmd
}

func (a *app) showRun(ctx context.Context, ow *openworkflow.Client, p *page, r *openworkflow.Run, steps []openworkflow.StepAttempt) error {
	rerunOf, from := r.RerunOf()
	if from != "" {
		rerunOf += ", from step " + from
	}
	status := string(r.Status)
	if detail := runDetail(p.now, r); detail != "" && r.Status != openworkflow.RunFailed {
		status += ", " + detail
	}
	lasted := ""
	if !r.StartedAt.IsZero() {
		lasted = took(p.now, r.StartedAt, r.FinishedAt)
	}
	err := p.fields(
		field{name: "Run", value: r.ID},
		field{name: "Workflow", value: named(r.WorkflowName, r.Version)},
		field{name: "Status", value: status, style: statusStyle(r.Status)},
		field{name: "Namespace", value: namespaceShown(r.NamespaceID)},
		field{name: "Created", value: p.moment(r.CreatedAt)},
		field{name: "Started", value: p.moment(r.StartedAt)},
		field{name: "Finished", value: p.moment(r.FinishedAt)},
		field{name: "Took", value: lasted},
		field{name: "Deadline", value: p.moment(r.DeadlineAt)},
		field{name: "Worker", value: r.WorkerID},
		field{name: "Claims", value: claims(r)},
		field{name: "Idempotency key", value: r.IdempotencyKey},
		field{name: "Parent", value: parentOf(ctx, ow, r)},
		field{name: "Rerun of", value: rerunOf},
	)
	if err != nil {
		return err
	}
	return p.runPayloads(r, steps)
}

const defaultNamespace = "default"

func namespaceShown(namespace string) string {
	if namespace == defaultNamespace {
		return ""
	}
	return namespace
}

// claims tells how often workers took the run, if that says anything.
func claims(r *openworkflow.Run) string {
	if r.Attempts == 0 {
		return ""
	}
	out := fmt.Sprint(r.Attempts)
	if r.Failures > 0 {
		out += fmt.Sprintf(", %s of the workflow", plural(int64(r.Failures), "failure"))
	}
	if r.Recoveries > 0 {
		out += fmt.Sprintf(", %s from dead workers", plural(int64(r.Recoveries), "takeover"))
	}
	return out
}

// parentOf names the run that started this one as a child, where that can be found out.
func parentOf(ctx context.Context, ow *openworkflow.Client, r *openworkflow.Run) string {
	if r.ParentAttemptID == "" {
		return ""
	}
	if r.ParentNamespaceID == r.NamespaceID {
		if a, err := ow.GetStepAttempt(ctx, r.ParentAttemptID); err == nil {
			return fmt.Sprintf("%s, step %s", a.RunID, a.StepName)
		}
	}
	return fmt.Sprintf("step attempt %s in namespace %s", r.ParentAttemptID, r.ParentNamespaceID)
}

// runPayloads prints what the run was given, what came of it, and what it did.
func (p *page) runPayloads(r *openworkflow.Run, steps []openworkflow.StepAttempt) error {
	const indent = "  "
	blocks := []struct {
		name, text string
		style      render.Style
		shown      bool
	}{
		{"Input", render.Payload(r.Input, indent), render.Plain, true},
		{"Output", render.Payload(r.Output, indent), render.Plain, r.Status == openworkflow.RunCompleted},
		{"Error", errorText(r.Error, indent), render.Red, r.Error != nil},
	}
	for _, b := range blocks {
		if !b.shown {
			continue
		}
		if err := p.line("\n%s\n%s", p.paint(render.Bold, b.name), p.paint(b.style, b.text)); err != nil {
			return err
		}
	}
	if len(steps) == 0 {
		return nil
	}
	if err := p.line("\n%s", p.paint(render.Bold, "Steps")); err != nil {
		return err
	}
	return p.stepTable(stepLines(p.now, steps))
}

// errorText is an error with its code and its stack.
func errorText(e *openworkflow.RunError, indent string) string {
	if e == nil {
		return ""
	}
	text := e.Message
	if e.Name != "" {
		text = e.Name + ": " + e.Message
	}
	if e.Code != "" && e.Code != e.Message {
		text += "\ncode " + e.Code
	}
	if e.Stack != "" {
		text += "\n" + e.Stack
	}
	return indent + indented(render.SafeLines(text), indent)
}
