package cli

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

func (a *app) worker() *cobra.Command {
	cmd := group("worker", "Run a worker, or look at those that are alive")
	cmd.Aliases = []string{"workers"}
	cmd.AddCommand(a.workerStart(), a.workerList())
	return cmd
}

type workerFlags struct {
	concurrency    int
	lease, stop    time.Duration
	metricsAddr    string
	migrate        bool
	level, logForm string
}

func (a *app) workerStart() *cobra.Command {
	var f workerFlags
	cmd := a.command("start", "Execute runs until Ctrl-C or SIGTERM", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		if len(a.prog.Workflows) == 0 {
			return usagef("%s", noWorkflows(a.prog.Name))
		}
		o, err := f.options(a)
		if err != nil {
			return err
		}
		logger, err := f.logger(a)
		if err != nil {
			return err
		}
		if f.migrate {
			if err := a.bringUp(ctx); err != nil {
				return err
			}
		}
		m, observed := a.monitoring(f.metricsAddr, logger)
		return a.withClient(ctx, func(ow *openworkflow.Client) error { return a.work(ctx, ow, o, m) },
			append(observed, openworkflow.WithSlog(logger))...)
	})
	cmd.Long = "Execute runs until Ctrl-C or SIGTERM. Then no more runs are claimed, and steps under way get --stop-timeout to\n" +
		"end. A second Ctrl-C ends the program at once; its runs are taken over when their leases end."
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVarP(&f.concurrency, "concurrency", "c", 0, fmt.Sprintf("runs executing at once; those that wait do not count (default %d)", openworkflow.DefaultConcurrency))
	flags.DurationVar(&f.lease, "lease-duration", 0, fmt.Sprintf("how long a run stays this worker's if it dies (default %v)", openworkflow.DefaultLeaseDuration))
	flags.DurationVar(&f.stop, "stop-timeout", 0, fmt.Sprintf("how long steps under way may take when stopping (default %v)", openworkflow.DefaultStopTimeout))
	metricsFlag(cmd, &f.metricsAddr)
	if a.prog.Client == nil {
		flags.BoolVar(&f.migrate, "migrate", false, "apply pending migrations first")
		flags.StringVar(&f.level, "log-level", "info", "what to log: debug, info, warn or error")
		flags.StringVar(&f.logForm, "log-format", "text", "how to log: text or json")
		complete(cmd, "log-level", []string{"debug", "info", "warn", "error"})
		complete(cmd, "log-format", []string{"text", "json"})
	}
	return cmd
}

func noWorkflows(name string) string {
	return "workflows are Go code, and this program has none compiled in. Give your own program these commands:\n\n" +
		"    func main() {\n" +
		"        os.Exit(cli.Run(context.Background(), cli.Options{Workflows: openworkflow.Workflows(Greet)}))\n" +
		"    }\n\n" +
		"with package " + modulePath + "/pkg/openworkflow/cli, and `worker start` of that program executes them.\n" +
		"'" + name + " init' writes such a program."
}

// options are the flags over the configuration over the program's own defaults.
func (f *workerFlags) options(a *app) (openworkflow.WorkerOptions, error) {
	o := a.prog.Worker
	o.Workflows = a.prog.Workflows
	switch {
	case f.concurrency < 0:
		return o, usagef("--concurrency %d: give a number above 0", f.concurrency)
	case f.lease < 0:
		return o, usagef("--lease-duration %v: give a duration above 0", f.lease)
	case f.stop < 0:
		return o, usagef("--stop-timeout %v: give a duration above 0", f.stop)
	}
	if a.cfg.Worker.Concurrency > 0 {
		o.Concurrency = a.cfg.Worker.Concurrency
	}
	if f.concurrency > 0 {
		o.Concurrency = f.concurrency
	}
	if f.lease > 0 {
		o.LeaseDuration = f.lease
	}
	if f.stop > 0 {
		o.StopTimeout = f.stop
	}
	if f.metricsAddr == "" {
		f.metricsAddr = a.cfg.Worker.MetricsAddr
	}
	return o, nil
}

// logger is where a worker logs whose client the command makes.
func (f *workerFlags) logger(a *app) (*slog.Logger, error) {
	if a.prog.Logger != nil || a.prog.Client != nil {
		if a.prog.Logger == nil {
			return slog.New(slog.DiscardHandler), nil
		}
		return a.prog.Logger, nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, usagef("--log-level %q is unknown: use debug, info, warn or error", f.level)
	}
	o := &slog.HandlerOptions{Level: level}
	switch f.logForm {
	case "text":
		return slog.New(slog.NewTextHandler(a.env.Stderr, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(a.env.Stderr, o)), nil
	}
	return nil, usagef("--log-format %q is unknown: use text or json", f.logForm)
}

func (a *app) bringUp(ctx context.Context) error {
	s, err := a.store()
	if err != nil {
		return err
	}
	r, err := migrateUp(ctx, s)
	for _, m := range r.migrations {
		a.note("applied %s", m.Name)
	}
	return err
}

// work runs a worker until ctx ends.
func (a *app) work(ctx context.Context, ow *openworkflow.Client, o openworkflow.WorkerOptions, m *monitoring) error {
	w, err := ow.NewWorker(o)
	if err != nil {
		return err
	}
	unserve, err := m.serve(ctx, a, ow, w)
	if err != nil {
		return err
	}
	defer unserve() // last: while it stops, the worker is not ready
	concurrency := o.Concurrency
	if concurrency == 0 {
		concurrency = openworkflow.DefaultConcurrency
	}
	if err := w.Start(ctx); err != nil {
		return err
	}
	a.note("The worker executes %s, up to %s at once. Ctrl-C stops it.", workflowList(o.Workflows), plural(int64(concurrency), "run"))
	<-ctx.Done()
	grace := o.StopTimeout
	if grace == 0 {
		grace = openworkflow.DefaultStopTimeout
	}
	a.note("Stopping: steps under way have %v to end.", grace)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := w.Stop(stopping); err != nil {
		return err
	}
	a.note("Stopped.")
	return nil
}

func workflowList(ws []openworkflow.AnyWorkflow) string {
	names := make([]string, len(ws))
	for i, w := range ws {
		names[i] = named(w.Name(), w.Version())
	}
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func (a *app) workerList() *cobra.Command {
	cmd := a.command("list", "List the workers that are alive", cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return a.withClient(ctx, func(ow *openworkflow.Client) error {
			workers, err := ow.ListWorkers(ctx)
			if err != nil {
				return err
			}
			return a.print(append([]openworkflow.WorkerInfo{}, workers...), func(p *page) error { return p.workerTable(workers) })
		})
	})
	cmd.Aliases = []string{"ls"}
	return cmd
}

func (p *page) workerTable(workers []openworkflow.WorkerInfo) error {
	if len(workers) == 0 {
		return p.line("No worker is alive.")
	}
	t := render.Table{Columns: []render.Column{
		{Title: "WORKER"}, {Title: "LANGUAGE"}, {Title: "HOST", Max: 40, Shrink: true, Optional: true}, {Title: "PID", Right: true, Optional: true},
		{Title: "HOLDS", Right: true}, {Title: "STARTED"}, {Title: "SEEN"}, {Title: "WORKFLOWS", Max: 72, Shrink: true, Optional: true},
	}}
	for i := range workers {
		w := &workers[i]
		holds := render.Count(w.Holding)
		if w.Concurrency > 0 {
			holds += " of " + render.Count(int64(w.Concurrency))
		}
		language, pid := w.Language, "-"
		if language == "" {
			language = "unknown"
		}
		if w.PID > 0 {
			pid = fmt.Sprint(w.PID)
		}
		names := make([]string, len(w.Workflows))
		for j, key := range w.Workflows {
			names[j] = key.Name
			if key.Version != "" {
				names[j] += "@" + key.Version
			}
		}
		t.Add(render.Cell{Text: w.ID}, render.Cell{Text: language}, render.Cell{Text: w.Host}, render.Cell{Text: pid},
			render.Cell{Text: holds}, render.Cell{Text: render.Ago(p.now, w.StartedAt)}, render.Cell{Text: render.Ago(p.now, w.SeenAt)},
			render.Cell{Text: strings.Join(names, ", "), Style: render.Faint})
	}
	return p.table(&t)
}
