package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
)

func (a *app) migrate() *cobra.Command {
	cmd := group("migrate", "Bring a database's tables up, down, or tell where they stand")
	cmd.AddCommand(
		a.migrateCommand("up", "Apply all migrations that are pending", migrateUp),
		a.migrateDown(),
		a.migrateCommand("status", "List the migrations and when each was applied", migrateStatus),
	)
	return cmd
}

func (a *app) migrateCommand(name, about string, act func(context.Context, store) (report, error)) *cobra.Command {
	return a.command(name, about, cobra.NoArgs, func(ctx context.Context, _ []string) error {
		return a.migration(ctx, act)
	})
}

// migrateDown asks first: what the latest migration made goes, with what it holds.
func (a *app) migrateDown() *cobra.Command {
	yes := false
	cmd := a.command("down", "Take back the migration that was applied last, with the data it held", cobra.NoArgs,
		func(ctx context.Context, _ []string) error {
			return a.migration(ctx, func(ctx context.Context, s store) (report, error) {
				if err := s.exists(); err != nil {
					return report{}, err
				}
				if !yes {
					if err := a.confirmDown(ctx, s); err != nil {
						return report{}, err
					}
				}
				return change(ctx, s, s.down, "taken back", "there is nothing to take back")
			})
		})
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (a *app) confirmDown(ctx context.Context, s store) error {
	last, err := lastApplied(ctx, s)
	if err != nil || last == "" {
		return err
	}
	return a.confirm(ctx, fmt.Sprintf("Take back %s, with the data it held?", last))
}

func lastApplied(ctx context.Context, s store) (name string, err error) {
	all, err := s.status(ctx)
	for _, m := range all {
		if m.applied() {
			name = m.Name
		}
	}
	return name, err
}

func (a *app) migration(ctx context.Context, act func(context.Context, store) (report, error)) error {
	s, err := a.store()
	if err != nil {
		return err
	}
	r, err := act(ctx, s)
	if err != nil {
		return err
	}
	return a.print(append([]migration{}, r.migrations...), r.people) // an empty list is not null
}

func migrateUp(ctx context.Context, s store) (report, error) {
	return change(ctx, s, s.up, "applied", "the database is up to date")
}

func migrateStatus(ctx context.Context, s store) (report, error) {
	if err := s.exists(); err != nil {
		return report{}, err
	}
	all, err := s.status(ctx)
	return report{migrations: all}, err
}

// change does something to the database and reports the migrations whose state differs afterwards.
func change(ctx context.Context, s store, act func(context.Context) error, verb, nothing string) (report, error) {
	before, err := s.status(ctx)
	if err != nil {
		return report{}, err
	}
	if err := act(ctx); err != nil {
		return report{}, err
	}
	after, err := s.status(ctx)
	if err != nil {
		return report{}, err
	}
	changed := slices.DeleteFunc(after, func(m migration) bool {
		return slices.ContainsFunc(before, func(b migration) bool {
			return b.Version == m.Version && b.applied() == m.applied()
		})
	})
	return report{migrations: changed, verb: verb, nothing: nothing}, nil
}

// migration is one line of a report. AppliedAt is zero while the migration is pending.
type migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time
}

func (m migration) applied() bool { return !m.AppliedAt.IsZero() }

// MarshalJSON writes the form that scripts read: appliedAt is null while pending.
func (m migration) MarshalJSON() ([]byte, error) {
	out := struct {
		Version   int64   `json:"version"`
		Name      string  `json:"name"`
		Applied   bool    `json:"applied"`
		AppliedAt *string `json:"appliedAt"`
	}{Version: m.Version, Name: m.Name, Applied: m.applied()}
	if m.applied() {
		at := m.AppliedAt.UTC().Format(time.RFC3339)
		out.AppliedAt = &at
	}
	return json.Marshal(out)
}

// report is what a migrate command prints: all migrations, or with a verb those that changed.
type report struct {
	migrations []migration
	verb       string
	nothing    string // said when nothing changed
}

func (r report) people(p *page) error {
	if r.verb == "" {
		return r.table(p)
	}
	if len(r.migrations) == 0 {
		return p.line("%s", r.nothing)
	}
	for _, m := range r.migrations {
		if err := p.line("%s %s", r.verb, m.Name); err != nil {
			return err
		}
	}
	return nil
}

func (r report) table(p *page) error {
	t := render.Table{Columns: []render.Column{{Title: "VERSION", Right: true}, {Title: "NAME"}, {Title: "APPLIED"}}}
	for _, m := range r.migrations {
		at := render.Cell{Text: "pending", Style: render.Yellow}
		if m.applied() {
			at = render.Cell{Text: m.AppliedAt.UTC().Format(time.RFC3339)}
		}
		t.Add(render.Cell{Text: fmt.Sprint(m.Version)}, render.Cell{Text: m.Name}, at)
	}
	return p.table(&t)
}
