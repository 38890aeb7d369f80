package cli

import (
	"context"
	"fmt"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// examineRuns checks that what is under way has workers.
func (a *app) examineRuns(ctx context.Context, d *diagnosis) {
	err := a.withClient(ctx, func(ow *openworkflow.Client) error {
		all, err := workflowViews(ctx, ow, openworkflow.StatsOptions{})
		if err != nil {
			return err
		}
		workers, err := ow.ListWorkers(ctx)
		if err != nil {
			return err
		}
		a.findOrphans(d, all, workers)
		return nil
	})
	if err != nil {
		d.add("workers", faulty, err.Error(), "")
	}
}

// findOrphans finds workflows with runs under way that no worker has, and those whose workers do not keep up.
func (a *app) findOrphans(d *diagnosis, all []workflowView, workers []openworkflow.WorkerInfo) {
	silent := 0 // workers of TypeScript do not tell what they have
	for i := range workers {
		if workers[i].Language == "" {
			silent++
		}
	}
	orphans := 0
	for i := range all {
		w := &all[i]
		live := w.Counts.Pending + w.Counts.Running
		waited := a.env.Now().Sub(w.OldestDue)
		late := !w.OldestDue.IsZero() && waited >= lagNotable
		switch {
		case live > 0 && w.Workers == 0:
			orphans++
			a.orphan(d, w, late && silent == 0)
		case late && waited >= lagBad:
			d.add("queue", warning, fmt.Sprintf("a run of %s has been waiting for a worker for %s, though %s it", named(w.Name, w.Version), render.Duration(waited), have(w.Workers)),
				"raise --concurrency or start more workers; see that they log no errors")
		}
	}
	switch {
	case len(workers) == 0 && orphans == 0:
		d.add("workers", warning, "none is alive", "start one: runs that are started wait for it")
	case len(workers) == 0:
		d.add("workers", skipped, "none is alive", "")
	case orphans == 0:
		d.ok("workers", "%s; each workflow with runs under way has one", alive(len(workers), silent))
	default:
		d.ok("workers", "%s", alive(len(workers), silent))
	}
}

func (a *app) orphan(d *diagnosis, w *workflowView, urgent bool) {
	grade := warning
	message := fmt.Sprintf("%s has %s under way, and no worker that is alive has it", named(w.Name, w.Version), plural(w.Counts.Pending+w.Counts.Running, "run"))
	if urgent {
		grade = faulty
		message += ": one has been waiting for " + took(a.env.Now(), w.OldestDue, a.env.Now())
	}
	version := ""
	if w.Version != "" {
		version = " --version " + shellWord(w.Version)
	}
	d.add("workflows", grade, message, fmt.Sprintf("start a worker that registers it, or cancel its runs: %s runs cancel --workflow %s%s --dry-run",
		a.prog.Name, shellWord(w.Name), version))
}

func have(workers int) string {
	if workers == 1 {
		return "a worker has"
	}
	return fmt.Sprintf("%d workers have", workers)
}

func alive(workers, silent int) string {
	text := fmt.Sprintf("%d alive", workers)
	if silent > 0 {
		text += fmt.Sprintf(", %d of which do not tell what they execute (TypeScript's do not)", silent)
	}
	return text
}
