package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit statuses of Run.
const (
	ExitOK     = 0
	ExitFailed = 1 // the command was understood and did not succeed
	ExitUsage  = 2 // the command was not understood: nothing was done
)

// Variables that stand in for flags that are not given.
const (
	EnvURL    = "OPENWORKFLOW_URL"
	EnvSchema = "OPENWORKFLOW_SCHEMA"
)

// Environment is all that a command sees of the world besides the database.
type Environment struct {
	Args   []string // without the program's name
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
}

// errUsage marks errors of the command line itself.
var errUsage = errors.New("usage")

type usageError struct{ msg string }

func (e *usageError) Error() string        { return e.msg }
func (e *usageError) Is(target error) bool { return target == errUsage }

func usagef(format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...)}
}

// Run executes one command line and returns the exit status. Results go to Stdout; errors, a line each,
// to Stderr.
func Run(ctx context.Context, env Environment) int {
	entered := false
	root := newRoot(env) //nolint:contextcheck // commands take theirs from ExecuteContext
	root.PersistentPreRun = func(*cobra.Command, []string) { entered = true }
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	// The library's errors begin with the same word.
	fmt.Fprintf(env.Stderr, "openworkflow: %s\n", strings.TrimPrefix(err.Error(), "openworkflow: "))
	// What fails before a command is entered is what cobra could not parse.
	if !entered || errors.Is(err, errUsage) {
		fmt.Fprintf(env.Stderr, "Run 'openworkflow --help' or 'openworkflow COMMAND --help' for usage.\n")
		return ExitUsage
	}
	return ExitFailed
}

func newRoot(env Environment) *cobra.Command {
	root := group("openworkflow", "Look after an OpenWorkflow database")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetArgs(append([]string{}, env.Args...)) // of nil, cobra would make the process's own arguments
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.AddCommand(newMigrate(env), newVersion())
	return root
}

// group makes a command that only holds others: called alone or with an unknown word it is an error, where
// cobra would print help and report success.
func group(name, about string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: about,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q for %q", args[0], cmd.CommandPath())
			}
			return usagef("%q needs a command: one of %s", cmd.CommandPath(), subcommands(cmd))
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // makes cobra look at Args
	}
}

func subcommands(cmd *cobra.Command) string {
	names := ""
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() || sub.Name() == "help" {
			continue
		}
		if names != "" {
			names += ", "
		}
		names += sub.Name()
	}
	return names
}
