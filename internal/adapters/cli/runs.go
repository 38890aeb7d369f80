package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func (a *app) runs() *cobra.Command {
	cmd := group("runs", "List, look at, start, cancel, rerun and watch workflow runs")
	cmd.Aliases = []string{"run"}
	cmd.AddCommand(a.runsList(), a.runsGet(), a.runsStart(), a.runsCancel(), a.runsRerun(), a.runsWatch())
	return cmd
}

var statuses = []string{
	string(openworkflow.RunPending), string(openworkflow.RunRunning), string(openworkflow.RunCompleted),
	string(openworkflow.RunFailed), string(openworkflow.RunCanceled),
}

// filterFlags are those that select runs.
type filterFlags struct {
	workflow, version, status, worker, key, since, until string
}

func (f *filterFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.workflow, "workflow", "w", "", "only runs of this workflow")
	flags.StringVar(&f.version, "version", "", "only runs of this version")
	flags.StringVarP(&f.status, "status", "s", "", "only runs in this status: "+strings.Join(statuses, ", "))
	flags.StringVar(&f.worker, "worker", "", "only runs that the worker with this id holds")
	flags.StringVar(&f.key, "key", "", "only runs with this idempotency key")
	flags.StringVar(&f.since, "since", "", "only runs created since then: "+momentForms)
	flags.StringVar(&f.until, "until", "", "only runs created before then, likewise")
	complete(cmd, "status", statuses)
}

// any reports whether one of them was given.
func (f *filterFlags) any() bool { return *f != filterFlags{} }

func (f *filterFlags) filter(a *app) (openworkflow.RunFilter, error) {
	var out openworkflow.RunFilter
	if f.status != "" && !slices.Contains(statuses, f.status) {
		return out, usagef("--status %q is unknown: use %s", f.status, strings.Join(statuses, ", "))
	}
	after, err := a.moment("since", f.since, past)
	if err != nil {
		return out, err
	}
	before, err := a.moment("until", f.until, past)
	if err != nil {
		return out, err
	}
	return openworkflow.RunFilter{
		WorkflowName: f.workflow, Version: f.version, Status: openworkflow.RunStatus(f.status), WorkerID: f.worker,
		IdempotencyKey: f.key, CreatedAfter: after, CreatedBefore: before,
	}, nil
}

// listed is a page of a list as programs read it.
type listed[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // for --after
	Prev  string `json:"prev,omitempty"` // for --before
}

func (a *app) runsList() *cobra.Command {
	var filter filterFlags
	var place openworkflow.PageOptions
	cmd := a.command("list", "List runs, the newest first", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		f, err := filter.filter(a)
		if err != nil {
			return err
		}
		if place.Limit <= 0 {
			return usagef("--limit %d: give a number above 0", place.Limit)
		}
		if place.After != "" && place.Before != "" {
			return usagef("give --after or --before, not both")
		}
		f.WithoutPayloads = a.forPeople()
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			list, err := listRuns(ctx, ow, f, place)
			if err != nil {
				return err
			}
			return a.print(list, func(p *page) error { return a.runTable(p, list) })
		})
	})
	cmd.Aliases = []string{"ls"}
	filter.register(cmd)
	cmd.Flags().IntVarP(&place.Limit, "limit", "l", 20, "the most runs to list")
	cmd.Flags().StringVar(&place.After, "after", "", "list the runs behind this cursor, which the list before gave")
	cmd.Flags().StringVar(&place.Before, "before", "", "list the runs in front of this cursor")
	return cmd
}

// listRuns reads as many pages as it takes.
func listRuns(ctx context.Context, ow *openworkflow.Client, f openworkflow.RunFilter, o openworkflow.PageOptions) (*listed[openworkflow.Run], error) {
	out := &listed[openworkflow.Run]{Items: []openworkflow.Run{}}
	left := o.Limit
	for {
		f.PageOptions = o
		f.Limit = min(left, openworkflow.MaxPageLimit)
		p, err := ow.ListRuns(ctx, f)
		if err != nil {
			return nil, err
		}
		if o.Before != "" { // towards the newer ones
			out.Items = append(p.Items, out.Items...)
			out.Prev, o.Before = p.Prev, p.Prev
			if out.Next == "" {
				out.Next = p.Next
			}
		} else {
			out.Items = append(out.Items, p.Items...)
			out.Next, o.After = p.Next, p.Next
			if out.Prev == "" {
				out.Prev = p.Prev
			}
		}
		if left -= f.Limit; left <= 0 || o.After+o.Before == "" {
			return out, nil
		}
	}
}
