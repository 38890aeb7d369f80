package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
)

type migrateFlags struct {
	url, schema, output string
}

func newMigrate(env Environment) *cobra.Command {
	cmd := group("migrate", "Bring a database's tables up, down, or tell where they stand")
	var flags migrateFlags
	cmd.PersistentFlags().StringVar(&flags.url, "url", "", "the database: "+urlForms+" (default $"+EnvURL+")")
	cmd.PersistentFlags().StringVar(&flags.schema, "schema", "", "the Postgres schema of the tables (default $"+EnvSchema+", else openworkflow)")
	cmd.PersistentFlags().StringVar(&flags.output, "output", formatTable, "how to print: table or json")
	cmd.AddCommand(
		migrateCommand(env, &flags, "up", "Apply all migrations that are pending", migrateUp),
		migrateCommand(env, &flags, "down", "Take back the migration that was applied last, with the data it held", migrateDown),
		migrateCommand(env, &flags, "status", "List the migrations and when each was applied", migrateStatus),
	)
	return cmd
}

func migrateCommand(env Environment, flags *migrateFlags, name, about string, act func(context.Context, store) (report, error)) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: about,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(flags.output); err != nil {
				return err
			}
			s, t, err := openStore(env, *flags)
			if err != nil {
				return err
			}
			r, err := act(cmd.Context(), s)
			if err != nil {
				return redacted(err, t)
			}
			return r.write(cmd.OutOrStdout(), flags.output)
		},
	}
}

func migrateUp(ctx context.Context, s store) (report, error) {
	return change(ctx, s, s.up, "applied", "the database is up to date")
}

func migrateDown(ctx context.Context, s store) (report, error) {
	if err := s.exists(); err != nil {
		return report{}, err
	}
	return change(ctx, s, s.down, "taken back", "there is nothing to take back")
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
