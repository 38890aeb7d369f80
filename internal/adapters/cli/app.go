package cli

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/config"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/metrics"
)

// Program is whose command line it is: the stand-alone program's, or a user's own with workflows in it.
type Program struct {
	Name string
	// Client, if set, is what every command uses; else each opens the database that is configured.
	Client *openworkflow.Client
	// ClientOptions are for clients that the commands make.
	ClientOptions []openworkflow.ClientOption
	// Logger is where workers and the dashboard log, if the commands make the client; nil is text on Stderr.
	Logger    *slog.Logger
	Workflows []openworkflow.AnyWorkflow
	// Metrics is what --metrics-addr serves; nil is new ones. A Client should have been made with its observer.
	Metrics *metrics.Metrics
	// Worker holds the defaults of `worker start`; its Workflows count for nothing.
	Worker openworkflow.WorkerOptions
}

// Environment is all that a command sees of the world besides the database.
type Environment struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	// Dir is the working directory; UserDir the user's folder of configuration, "" for none.
	Dir, UserDir string
	Now          func() time.Time
	Terminal     Terminal
}

// Terminal says which of the streams are a terminal. The zero value is none.
type Terminal struct {
	In, Out, Err bool
	// Size is that of Out's, and may change; 0 is unknown. It may be nil.
	Size func() (width, height int)
}

func (t Terminal) size() (width, height int) {
	if !t.Out || t.Size == nil {
		return 0, 0
	}
	return t.Size()
}

// app is one execution of the program.
type app struct {
	prog  Program
	env   Environment
	flags struct{ url, namespace, schema, file, output string }
	given *pflag.FlagSet // the global flags
	cfg   *config.Config // once it was needed
	lines *bufio.Reader  // of Stdin, once it was read
	dsn   string         // of Postgres, once it is known: its password must not be printed
}

func newApp(prog Program, env Environment) *app { return &app{prog: prog, env: env} }

// The ways to print.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

var formats = []string{formatTable, formatJSON, formatYAML}

func (a *app) globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.SortFlags = false
	if a.prog.Client == nil { // else the program has its own database
		f.StringVar(&a.flags.url, "url", "", "the database: postgres://user@host/database or sqlite:FILE (default $"+config.EnvURL+", else from "+config.FileName+")")
		f.StringVar(&a.flags.schema, "schema", "", "the Postgres schema of the tables (default $"+config.EnvSchema+", else openworkflow)")
		f.StringVar(&a.flags.file, "config", "", "read this file in place of "+config.FileName)
	}
	f.StringVarP(&a.flags.namespace, "namespace", "n", "", "whose runs (default $"+config.EnvNamespace+", else default)")
	f.StringVarP(&a.flags.output, "output", "o", "", "how to print: table, json or yaml (default table)")
	a.given = f
	complete(root, "output", formats)
}

// complete names the values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values []string) {
	// It fails for a flag that does not exist only, which the tests of completion would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// configuration reads the sources once. With a client of the program's, only the flags count.
func (a *app) configuration() (*config.Config, error) {
	if a.cfg != nil {
		return a.cfg, nil
	}
	given := make(map[string]string)
	a.given.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			given[f.Name] = strings.TrimSpace(f.Value.String())
		}
	})
	s := config.Sources{Flags: given, Dir: a.env.Dir, File: a.flags.file}
	if a.prog.Client != nil {
		a.cfg = &config.Config{
			Namespace: config.Value{Text: given["namespace"], Origin: "--namespace", Flag: true},
			Output:    config.Value{Text: given["output"], Origin: "--output", Flag: true},
		}
		return a.cfg, nil
	}
	s.Getenv, s.UserDir = a.env.Getenv, a.env.UserDir
	cfg, err := config.Load(s)
	if err != nil {
		return nil, &usageError{msg: err.Error()}
	}
	a.cfg = cfg
	return cfg, nil
}

// format is how to print. Commands that need no database ask nothing but the flag.
func (a *app) format() (string, error) {
	chosen := config.Value{Text: a.flags.output, Origin: "--output"}
	if chosen.Text == "" && a.cfg != nil {
		chosen = a.cfg.Output
	}
	switch {
	case chosen.Text == "":
		return formatTable, nil
	case !slices.Contains(formats, chosen.Text):
		return "", usagef("%s %q is unknown: use %s", chosen.Origin, chosen.Text, strings.Join(formats, ", "))
	}
	return chosen.Text, nil
}

// command is the shape of nearly all commands: configuration and format are checked before anything is done.
func (a *app) command(use, about string, args cobra.PositionalArgs, do func(ctx context.Context, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: about,
		Args:  explained(args),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := a.configuration(); err != nil {
				return err
			}
			if _, err := a.format(); err != nil {
				return err
			}
			return do(cmd.Context(), args)
		},
	}
}

// explained gives the usage along with what is wrong with the arguments.
func explained(args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := args(cmd, given); err != nil {
			return usagef("%v: the usage is %s", err, cmd.UseLine())
		}
		return nil
	}
}
