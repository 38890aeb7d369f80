package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

type severity string

const (
	fine    severity = "ok"
	warning severity = "warning"
	faulty  severity = "error"
	skipped severity = "skipped"
)

// finding is the outcome of one check. Those that are not fine have a remedy.
type finding struct {
	Check    string   `json:"check"`
	Severity severity `json:"severity"`
	Message  string   `json:"message"`
	Remedy   string   `json:"remedy,omitempty"`
}

// diagnosis is what doctor found.
type diagnosis struct {
	Worst    severity  `json:"worst"`
	Findings []finding `json:"findings"`
}

func (d *diagnosis) add(check string, s severity, message, remedy string) {
	d.Findings = append(d.Findings, finding{check, s, message, remedy})
	if s == faulty || (s == warning && d.Worst == fine) {
		d.Worst = s
	}
}

func (d *diagnosis) ok(check, format string, args ...any) {
	d.add(check, fine, fmt.Sprintf(format, args...), "")
}

func (a *app) doctor() *cobra.Command {
	strict := false
	cmd := a.command("doctor", "Check the configuration, the database, its tables and the workers", cobra.NoArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { // a wrong configuration is a finding too
		d := &diagnosis{Worst: fine}
		a.examine(cmd.Context(), d)
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		for i := range d.Findings {
			// Drivers' errors have several lines.
			d.Findings[i].Message = strings.ReplaceAll(strings.Join(strings.Fields(a.redact(d.Findings[i].Message)), " "), "openworkflow: ", "")
		}
		if err := a.print(d, d.people); err != nil {
			return err
		}
		if d.Worst == faulty || (strict && d.Worst == warning) {
			return statusError(ExitFailed)
		}
		return nil
	}
	cmd.Long = "Check the configuration, the connection, the role's permissions, the migrations, the server's version, the\n" +
		"clocks, poolers and notifications, long transactions, dead rows, and that some worker has each workflow that\n" +
		"has runs under way. Nothing is changed.\n\n" +
		"The exit status is 1 if there is an error; with --strict, if there is a warning."
	cmd.Flags().BoolVar(&strict, "strict", false, "end with 1 on warnings too")
	return cmd
}

// examine does the checks in order; what depends on one that failed is left out.
func (a *app) examine(ctx context.Context, d *diagnosis) {
	if a.prog.Client != nil {
		_, _ = a.configuration() // of flags alone: it cannot fail
		d.ok("config", "the program brings its own database, namespace %s", a.prog.Client.Backend().Namespace())
		a.examineOwn(ctx, d)
		return
	}
	cfg, err := a.configuration()
	if err != nil {
		d.add("config", faulty, err.Error(), "correct the file; docs/cli.md lists what may be in it")
		return
	}
	t, err := a.target()
	if err != nil {
		d.add("config", faulty, err.Error(), "name the database with --url, $OPENWORKFLOW_URL or url: in openworkflow.yaml")
		return
	}
	files := "no files were read"
	if len(cfg.Files) > 0 {
		files = "read " + strings.Join(cfg.Files, ", ")
	}
	namespace := cfg.Namespace.Text
	if namespace == "" {
		namespace = defaultNamespace
	}
	d.ok("config", "%s, from %s; namespace %s; %s", a.name(t), t.origin, namespace, files)
	if t.driver == driverSQLite {
		if err := a.fileExists(t.dsn); err != nil {
			d.add("connection", faulty, err.Error(), a.prog.Name+" migrate up")
			return
		}
		a.examineSQLite(ctx, d, t.dsn)
	} else {
		var opts []postgres.MigrateOption
		if t.schema != "" {
			opts = append(opts, postgres.WithSchema(t.schema))
		}
		a.examinePostgres(ctx, d, func(ctx context.Context) (*postgres.Diagnosis, error) { return postgres.Diagnose(ctx, t.dsn, opts...) })
	}
}

// examineOwn checks the database of the program's client.
func (a *app) examineOwn(ctx context.Context, d *diagnosis) {
	switch b := a.prog.Client.Backend().(type) {
	case *postgres.Backend:
		a.examinePostgres(ctx, d, b.Diagnose)
		return
	case *sqlite.Backend:
		if b.Path() != "" {
			a.examineSQLite(ctx, d, b.Path())
			return
		}
	}
	d.add("connection", skipped, fmt.Sprintf("nothing is known of a %T", a.prog.Client.Backend()), "")
	a.examineRuns(ctx, d)
}

// examineTables checks the migrations, and what is in the tables if they are there.
func (a *app) examineTables(ctx context.Context, d *diagnosis, mayMigrate bool) {
	s, err := a.store()
	if err != nil {
		d.add("migrations", faulty, err.Error(), "")
		return
	}
	list, err := s.status(ctx)
	if err != nil {
		d.add("migrations", faulty, err.Error(), "give the role the right to read the tables' schema")
		return
	}
	var pending []string
	for _, m := range list {
		if !m.applied() {
			pending = append(pending, m.Name)
		}
	}
	if len(pending) > 0 {
		remedy := a.prog.Name + " migrate up"
		if !mayMigrate {
			remedy += ", with a role that may create tables: this one may not"
		}
		d.add("migrations", faulty, fmt.Sprintf("%d of %d are pending: %s", len(pending), len(list), strings.Join(pending, ", ")), remedy)
		d.add("workers", skipped, "the tables are not up to date", "")
		return
	}
	d.ok("migrations", "all %d are applied", len(list))
	a.examineRuns(ctx, d)
}

func (d *diagnosis) people(p *page) error {
	widest := 0
	for _, f := range d.Findings {
		widest = max(widest, len(f.Check))
	}
	for _, f := range d.Findings {
		sign, style := signOf(f.Severity)
		if err := p.line("%s %-*s  %s", p.paint(style, sign), widest, f.Check, render.Safe(f.Message)); err != nil {
			return err
		}
		if f.Remedy == "" {
			continue
		}
		if err := p.line("  %-*s  %s %s", widest, "", p.paint(style, "→"), render.Safe(f.Remedy)); err != nil {
			return err
		}
	}
	return p.line("\n%s", d.conclusion(p))
}

func signOf(s severity) (string, render.Style) {
	switch s {
	case fine:
		return "✓", render.Green
	case warning:
		return "!", render.Yellow
	case faulty:
		return "✗", render.Red
	}
	return "-", render.Faint
}

func (d *diagnosis) conclusion(p *page) string {
	var errors, warnings int64
	for _, f := range d.Findings {
		switch f.Severity {
		case faulty:
			errors++
		case warning:
			warnings++
		}
	}
	switch {
	case errors > 0 && warnings > 0:
		return p.paint(render.Red, plural(errors, "error")+", "+plural(warnings, "warning")+".")
	case errors > 0:
		return p.paint(render.Red, plural(errors, "error")+".")
	case warnings > 0:
		return p.paint(render.Yellow, plural(warnings, "warning")+".")
	}
	return p.paint(render.Green, "All is well.")
}
