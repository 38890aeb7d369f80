package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/scaffold"
)

type initFlags struct {
	backend, dir, module string
	yes                  bool
}

var backends = []string{scaffold.SQLite, scaffold.Postgres}

const (
	defaultSQLite   = "sqlite:openworkflow.db"
	defaultPostgres = "postgres://postgres:postgres@localhost:5432/postgres?sslmode=disable" //nolint:gosec // a proposal: what images of Postgres come with
)

func (a *app) initialise() *cobra.Command {
	var f initFlags
	cmd := a.command("init", "Start a project: configuration, an example workflow, and a program that executes it", cobra.NoArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { // the configuration is what is made here
		if _, err := a.format(); err != nil {
			return err
		}
		p, err := a.project(cmd.Context(), &f)
		if err != nil {
			return err
		}
		r, err := scaffold.Write(p)
		if err != nil {
			return err
		}
		return a.print(r, func(out *page) error { return a.introduce(out, p, r, f.dir) })
	}
	cmd.Long = "Start a project: openworkflow.yaml, .env, .gitignore, an example workflow with a test, a program that executes\n" +
		"it, and go.mod if there is none. What is not given as a flag is asked for on a terminal. A file that exists is\n" +
		"left alone."
	cmd.Example = `  openworkflow init
  openworkflow init --backend postgres --url postgres://app@localhost/app --module example.com/app --dir app`
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.backend, "backend", "", "where runs are stored: sqlite or postgres")
	flags.StringVar(&f.dir, "dir", ".", "the directory of the project; it is made if it is not there")
	flags.StringVar(&f.module, "module", "", "the module's path for a new go.mod (default the directory's name)")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask: sqlite, and the defaults of the other flags")
	complete(cmd, "backend", backends)
	return cmd
}

// project is what flags say, and for the rest answers or defaults.
func (a *app) project(ctx context.Context, f *initFlags) (scaffold.Project, error) {
	p := scaffold.Project{Dir: a.path(f.dir), Backend: f.backend, URL: strings.TrimSpace(a.flags.url), Module: f.module, Version: released()}
	if err := a.chooseBackend(ctx, f, &p); err != nil {
		return p, err
	}
	module, _, err := scaffold.FindModule(p.Dir)
	if err != nil || module != "" {
		return p, err
	}
	if p.Module == "" {
		p.Module = moduleName(p.Dir)
		if a.asking(f) {
			if p.Module, err = a.ask(ctx, "The module's path for go.mod", p.Module); err != nil {
				return p, err
			}
		}
	}
	if err := scaffold.CheckModule(p.Module); err != nil {
		return p, usagef("--module: %v", err)
	}
	return p, nil
}

func (a *app) asking(f *initFlags) bool { return a.env.Terminal.In && !f.yes }

func (a *app) chooseBackend(ctx context.Context, f *initFlags, p *scaffold.Project) (err error) {
	if p.URL != "" {
		t, err := parseTarget(p.URL)
		if err != nil {
			return fmt.Errorf("--url: %w", err)
		}
		if p.Backend != "" && p.Backend != string(t.driver) {
			return usagef("--backend %s, and a --url of %s: give one that fits the other", p.Backend, t.driver)
		}
		p.Backend = string(t.driver)
		return nil
	}
	switch {
	case p.Backend == "" && f.yes:
		p.Backend = scaffold.SQLite
	case p.Backend == "" && a.asking(f):
		if p.Backend, err = a.ask(ctx, "Where are runs stored, sqlite or postgres", scaffold.SQLite); err != nil {
			return err
		}
	case p.Backend == "":
		return usagef("there is no terminal to ask: give --backend sqlite, --backend postgres, or --yes")
	}
	if !slices.Contains(backends, p.Backend) {
		return usagef("--backend %q is unknown: use %s", p.Backend, strings.Join(backends, " or "))
	}
	if p.Backend == scaffold.SQLite {
		p.URL = defaultSQLite
		return nil
	}
	p.URL = defaultPostgres
	if !a.asking(f) {
		return nil
	}
	if p.URL, err = a.ask(ctx, "The database's URL", p.URL); err != nil {
		return err
	}
	if t, err := parseTarget(p.URL); err != nil {
		return err
	} else if t.driver != driverPostgres {
		return usagef("that is no URL of Postgres: use postgres://user@host/database")
	}
	return nil
}

// ask asks a question that has a default.
func (a *app) ask(ctx context.Context, question, proposal string) (string, error) {
	fmt.Fprintf(a.env.Stderr, "%s [%s]: ", question, proposal)
	answer, err := a.readLine(ctx)
	if err != nil || answer == "" {
		return proposal, err
	}
	return answer, nil
}

var notInModules = regexp.MustCompile(`[^a-z0-9._~-]+`)

// moduleName makes a module's path of a directory's name.
func moduleName(dir string) string {
	name := strings.Trim(notInModules.ReplaceAllString(strings.ToLower(filepath.Base(dir)), "-"), "-._~")
	if name == "" {
		return "workflows"
	}
	return name
}

var releaseRE = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[a-z]+(\.\d+)?)?$`)

// released is this library's version, if it is one that can be downloaded.
func released() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := buildOf(info).Version; releaseRE.MatchString(v) {
			return v
		}
	}
	return ""
}

// introduce says what was written and what to do next.
func (a *app) introduce(p *page, project scaffold.Project, r *scaffold.Result, dir string) error {
	for _, name := range r.Written {
		if err := p.line("wrote       %s", name); err != nil {
			return err
		}
	}
	for _, name := range r.Kept {
		if err := p.line("left alone  %s (it exists)", name); err != nil {
			return err
		}
	}
	for _, hint := range r.Hints {
		if err := p.line("to do       %s", hint); err != nil {
			return err
		}
	}
	var next []string
	if dir != "." {
		next = append(next, "cd "+shellWord(dir))
	}
	next = append(next, "go mod tidy")
	if project.Backend == scaffold.Postgres {
		next = append(next, "# see that OPENWORKFLOW_URL in .env is your database's URL")
	}
	next = append(next,
		"go run ./cmd/openworkflow worker start --migrate",
		"# and in another terminal",
		`go run ./cmd/openworkflow runs start greet --input '{"name":"Ann"}' --watch`)
	return p.line("\nNext:\n\n  %s", strings.Join(next, "\n  "))
}

// shellWord is text as a shell takes it for one word.
func shellWord(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("/._-+,:@%", r) && !isLetterOrDigit(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func isLetterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
