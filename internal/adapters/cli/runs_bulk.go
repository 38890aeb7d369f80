package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// verb is something that is done to runs: to those that are named, or to all that a filter selects.
type verb struct {
	name, done string // "cancel", "canceled"
	one        func(context.Context, *openworkflow.Client, string) (outcome, error)
	many       func(*openworkflow.Client, context.Context, openworkflow.RunFilter, openworkflow.BulkOptions) (openworkflow.BulkResult, error)
}

// outcome is what became of one run.
type outcome struct {
	RunID string `json:"runId"`
	NewID string `json:"newRunId,omitempty"` // of a rerun
	Error string `json:"error,omitempty"`
}

func (a *app) runsCancel() *cobra.Command {
	v := verb{name: "cancel", done: "canceled", many: (*openworkflow.Client).CancelRuns}
	v.one = func(ctx context.Context, ow *openworkflow.Client, id string) (outcome, error) {
		return outcome{RunID: id}, ow.CancelRun(ctx, id)
	}
	cmd := a.bulk(&v, "Cancel runs: those that are named, or all that a filter selects")
	cmd.Example = `  openworkflow runs cancel 01M8…
  openworkflow runs cancel --workflow import --status pending --dry-run
  openworkflow runs cancel --workflow import --since 2h --yes`
	return cmd
}

func (a *app) runsRerun() *cobra.Command {
	var from string
	v := verb{name: "rerun", done: "started again", many: (*openworkflow.Client).RerunRuns}
	v.one = func(ctx context.Context, ow *openworkflow.Client, id string) (outcome, error) {
		var opts []openworkflow.RerunOption
		if from != "" {
			opts = append(opts, openworkflow.FromStep(from))
		}
		h, err := ow.Rerun(ctx, id, opts...)
		if err != nil {
			return outcome{RunID: id}, err
		}
		return outcome{RunID: id, NewID: h.ID()}, nil
	}
	cmd := a.bulk(&v, "Start runs again with the same input: those that are named, or all that a filter selects")
	cmd.Long = cmd.Short + ".\n\nA rerun is a new run; the old one stays as it is. With --from-step the new run keeps the results of the\n" +
		"steps that came before that step, and goes on there. Effects of the steps that run again happen again."
	cmd.Example = `  openworkflow runs rerun 01M8…
  openworkflow runs rerun 01M8… --from-step charge-card
  openworkflow runs rerun --status failed --workflow import --since 24h --dry-run`
	cmd.Flags().StringVar(&from, "from-step", "", "keep the results before this step, which `steps list` names")
	inner := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if from != "" && len(args) == 0 {
			return usagef("--from-step is for runs that are named: a filter may select runs that have no such step")
		}
		return inner(cmd, args)
	}
	return cmd
}

type bulkFlags struct {
	filterFlags
	all, dryRun, yes bool
	limit            int
}

func (a *app) bulk(v *verb, about string) *cobra.Command {
	var f bulkFlags
	cmd := a.command(v.name+" [RUN...]", about, cobra.ArbitraryArgs, func(ctx context.Context, args []string) error {
		filter, err := f.check(a, v, args)
		if err != nil {
			return err
		}
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			if len(args) > 0 {
				return a.eachRun(ctx, ow, v, args)
			}
			return a.allRuns(ctx, ow, v, filter, &f)
		})
	})
	f.register(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, v.name+" all runs of the namespace, without a filter")
	flags.IntVarP(&f.limit, "limit", "l", 0, "the most runs, the newest first (default no limit)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say what would be done")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	return cmd
}

func (f *bulkFlags) check(a *app, v *verb, args []string) (openworkflow.RunFilter, error) {
	filter, err := f.filter(a)
	switch {
	case err != nil:
		return filter, err
	case f.limit < 0:
		return filter, usagef("--limit %d: give a number above 0", f.limit)
	case len(args) > 0 && (f.any() || f.all || f.dryRun || f.limit > 0):
		return filter, usagef("name runs or give a filter, not both")
	case len(args) == 0 && f.any() == f.all:
		return filter, usagef("which runs? Name them, give a filter such as --workflow, or --all to %s all runs of the namespace", v.name)
	case v.name == "cancel" && filter.Status.Terminal():
		return filter, usagef("--status %s: runs that have ended cannot be canceled", filter.Status)
	}
	return filter, nil
}

// eachRun does it to the runs that are named, whatever becomes of the others.
func (a *app) eachRun(ctx context.Context, ow *openworkflow.Client, v *verb, ids []string) error {
	var all []outcome
	var failed error
	for _, id := range ids {
		o, err := v.one(ctx, ow, id)
		if err != nil {
			if ctx.Err() != nil || len(ids) == 1 {
				return err
			}
			o.Error = a.said(err)
			failed = statusError(ExitFailed)
		}
		all = append(all, o)
	}
	err := a.print(all, func(p *page) error {
		for _, o := range all {
			if err := o.people(a, p, v); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, failed)
}

func (o *outcome) people(a *app, p *page, v *verb) error {
	switch {
	case o.Error != "":
		a.note("%s: %s", o.RunID, render.Safe(o.Error))
		return nil
	case o.NewID != "":
		return p.line("%s %s as %s", render.Safe(o.RunID), v.done, o.NewID)
	}
	return p.line("%s %s", render.Safe(o.RunID), v.done)
}

// allRuns does it to all runs that the filter selects, after it has said how many those are.
func (a *app) allRuns(ctx context.Context, ow *openworkflow.Client, v *verb, filter openworkflow.RunFilter, f *bulkFlags) error {
	counted, err := v.many(ow, ctx, filter, openworkflow.BulkOptions{DryRun: true, Limit: f.limit})
	if err != nil {
		return err
	}
	matched := plural(int64(counted.Matched), "run")
	if f.dryRun {
		return a.print(counted, func(p *page) error { return p.line("%s would be %s.", matched, v.done) })
	}
	if counted.Matched == 0 {
		return a.print(counted, func(p *page) error { return p.line("No run is selected.") })
	}
	if !f.yes {
		if err := a.confirm(ctx, fmt.Sprintf("%s will be %s. Go on?", matched, v.done)); err != nil {
			return err
		}
	}
	bar := &bar{w: a.env.Stderr, live: a.env.Terminal.Err, total: counted.Matched, what: v.done, now: a.env.Now}
	result, err := v.many(ow, ctx, filter, openworkflow.BulkOptions{Limit: f.limit, Progress: bar.progress})
	bar.end()
	if printErr := a.print(result, func(p *page) error { return a.tellBulk(p, v, &result) }); err == nil {
		err = printErr
	}
	if err == nil && len(result.Failed) > 0 {
		err = statusError(ExitFailed)
	}
	return err
}

func (a *app) tellBulk(p *page, v *verb, r *openworkflow.BulkResult) error {
	for _, f := range r.Failed {
		a.note("%s: %s", f.RunID, a.said(f.Err))
	}
	text := plural(int64(r.Done), "run") + " " + v.done
	if r.Skipped > 0 {
		text += fmt.Sprintf(", %s had ended meanwhile", render.Count(int64(r.Skipped)))
	}
	if len(r.Failed) > 0 {
		text += fmt.Sprintf(", %s failed", render.Count(int64(len(r.Failed))))
	}
	return p.line("%s.", text)
}

// bar tells how far a long operation has come: on a terminal in one line that changes, elsewhere now and then.
type bar struct {
	w     io.Writer
	live  bool
	total int
	what  string
	now   func() time.Time
	last  time.Time
	drawn bool
}

const (
	barLive  = 100 * time.Millisecond
	barLines = 5 * time.Second
)

func (b *bar) progress(r openworkflow.BulkResult) {
	now, every := b.now(), barLines
	if b.live {
		every = barLive
	}
	if b.last.IsZero() && !b.live {
		b.last = now // what is soon done needs no line
	}
	if now.Sub(b.last) < every {
		return
	}
	b.last = now
	share := 100
	if b.total > 0 {
		share = min(100, 100*r.Matched/b.total)
	}
	text := fmt.Sprintf("%3d %%  %s of %s %s", share, render.Count(int64(r.Matched)), render.Count(int64(b.total)), b.what)
	if b.live {
		b.drawn = true
		fmt.Fprintf(b.w, "\r%s\x1b[K", text)
		return
	}
	fmt.Fprintln(b.w, text)
}

// end takes the line away.
func (b *bar) end() {
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
