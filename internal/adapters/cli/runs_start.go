package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

type startFlags struct {
	input, version, key, startAt, deadline string
	watch                                  bool
	interval                               time.Duration
}

func (a *app) runsStart() *cobra.Command {
	var f startFlags
	cmd := a.command("start WORKFLOW", "Start a run", cobra.ExactArgs(1), func(ctx context.Context, args []string) error {
		input, err := a.payload("input", f.input)
		if err != nil {
			return err
		}
		opts, err := f.options(a)
		if err != nil {
			return err
		}
		if err := checkInterval(f.interval); err != nil {
			return err
		}
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			h, err := ow.StartRun(ctx, args[0], f.version, input, opts...)
			if err != nil {
				return err
			}
			if f.watch {
				return a.watch(ctx, ow, h.ID(), f.interval)
			}
			run, err := h.Get(ctx)
			if err != nil {
				return err
			}
			return a.print(run, func(p *page) error { return a.announce(ctx, ow, p, run) })
		})
	})
	cmd.Example = `  openworkflow runs start greet --input '{"name":"Ann"}'
  openworkflow runs start greet --input @ann.json --key greet-ann --watch
  jq .customer order.json | openworkflow runs start greet --input - --start-at 2h`
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.input, "input", "i", "", "the input: "+payloadForms+" (default null)")
	flags.StringVar(&f.version, "version", "", "the workflow's version (default unversioned)")
	flags.StringVar(&f.key, "key", "", "an idempotency key: a run that was started with it in the last 24 hours is shown instead")
	flags.StringVar(&f.startAt, "start-at", "", "not before then: "+momentForms)
	flags.StringVar(&f.deadline, "deadline", "", "fail the run if it has not ended by then, likewise")
	flags.BoolVar(&f.watch, "watch", false, "watch the run until it has ended")
	intervalFlag(cmd, &f.interval)
	return cmd
}

func (f *startFlags) options(a *app) ([]openworkflow.RunOption, error) {
	var opts []openworkflow.RunOption
	if f.key != "" {
		opts = append(opts, openworkflow.WithIdempotencyKey(f.key))
	}
	if after, ok := parseSpan(f.startAt); ok && after >= 0 { // by the database's clock
		opts = append(opts, openworkflow.WithStartAfter(after))
	} else {
		at, err := a.moment("start-at", f.startAt, ahead)
		if err != nil {
			return nil, err
		}
		opts = append(opts, openworkflow.WithStartAt(at))
	}
	deadline, err := a.moment("deadline", f.deadline, ahead)
	return append(opts, openworkflow.WithDeadline(deadline)), err
}

// announce tells of a run that was started.
func (a *app) announce(ctx context.Context, ow *openworkflow.Client, p *page, run *openworkflow.Run) error {
	status := string(run.Status)
	if detail := runDetail(p.now, run); detail != "" {
		status += ", " + detail
	}
	err := p.fields(
		field{name: "Run", value: run.ID},
		field{name: "Workflow", value: named(run.WorkflowName, run.Version)},
		field{name: "Status", value: status, style: statusStyle(run.Status)},
	)
	if err == nil && !run.Status.Terminal() {
		a.noteIfNobody(ctx, ow, run)
	}
	return err
}

// noteIfNobody says so if no worker that is alive has the run's workflow. Workers of TypeScript do not tell
// what they have, so where there is one nothing is said.
func (a *app) noteIfNobody(ctx context.Context, ow *openworkflow.Client, run *openworkflow.Run) {
	workers, err := ow.ListWorkers(ctx)
	if err != nil {
		return // the run was started, which is what was asked for
	}
	for i := range workers {
		if workers[i].Language == "" || slices.Contains(workers[i].Workflows, openworkflow.WorkflowKey{Name: run.WorkflowName, Version: run.Version}) {
			return
		}
	}
	a.note("No worker that is alive has workflow %s: the run waits for one.", named(run.WorkflowName, run.Version))
}

// named is a workflow with its version, if it has one.
func named(workflow, version string) string {
	if version == "" {
		return workflow
	}
	return workflow + ", version " + version
}
