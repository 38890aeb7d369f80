package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
)

// Exit statuses of Run.
const (
	ExitOK          = 0
	ExitFailed      = 1   // the command was understood and did not succeed
	ExitUsage       = 2   // the command line or the configuration is wrong: nothing was done
	ExitRunFailed   = 3   // the run that was watched has failed or was canceled
	ExitInterrupted = 130 // Ctrl-C or SIGTERM came before the command was done
)

const exitStatusHelp = `Exit status:
  0    done
  1    not done, or not all of it; doctor: something is wrong
  2    the command line or the configuration is wrong, and nothing was done
  3    the run that was watched has failed or was canceled
  130  Ctrl-C or SIGTERM came before the command was done; a worker or a dashboard that they stop ends with 0`

// errUsage marks errors of the command line itself.
var errUsage = errors.New("usage")

type usageError struct{ msg string }

func (e *usageError) Error() string        { return e.msg }
func (e *usageError) Is(target error) bool { return target == errUsage }

func usagef(format string, args ...any) error {
	return &usageError{msg: fmt.Sprintf(format, args...)}
}

// statusError ends the program with a status of its own; what there is to say has been said.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Run executes one command line and returns the exit status. Results go to Stdout; errors, a line each,
// to Stderr.
func Run(ctx context.Context, prog Program, env Environment) int {
	a := newApp(prog, env)
	root := a.root() //nolint:contextcheck // commands take theirs from ExecuteContext
	entered := false
	root.PersistentPreRun = func(*cobra.Command, []string) { entered = true }
	err := root.ExecuteContext(ctx)
	var status statusError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &status):
		return int(status)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		fmt.Fprintf(env.Stderr, "%s: interrupted\n", prog.Name)
		return ExitInterrupted
	}
	fmt.Fprintf(env.Stderr, "%s: %s\n", prog.Name, a.said(err))
	// What fails before a command is entered is what cobra could not parse.
	if !entered || errors.Is(err, errUsage) {
		fmt.Fprintf(env.Stderr, "Run '%s --help' or '%[1]s COMMAND --help' for usage.\n", prog.Name)
		return ExitUsage
	}
	return ExitFailed
}

// said is an error as it is printed: the library's begin with its own name, and some are wrapped.
func (a *app) said(err error) string {
	return render.SafeLines(strings.ReplaceAll(a.redact(err.Error()), "openworkflow: ", ""))
}

func (a *app) root() *cobra.Command {
	root := group(a.prog.Name, "See and manage durable workflow runs")
	root.Long = "See and manage the workflow runs of an OpenWorkflow database, run workers and the dashboard.\n\n" + exitStatusHelp
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(append([]string{}, a.env.Args...)) // of nil, cobra would make the process's own arguments
	root.SetIn(a.env.Stdin)
	root.SetOut(a.env.Stdout)
	root.SetErr(a.env.Stderr)
	a.globalFlags(root)
	root.AddGroup(
		&cobra.Group{ID: groupLook, Title: "Look and act:"},
		&cobra.Group{ID: groupServe, Title: "Serve:"},
		&cobra.Group{ID: groupCare, Title: "Set up and look after:"},
	)
	add := func(id string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add(groupLook, a.runs(), a.steps(), a.signal(), a.workflows(), a.stats())
	add(groupServe, a.worker(), a.dashboard())
	add(groupCare, a.doctor(), a.migrate(), a.version())
	if a.prog.Client == nil {
		add(groupCare, a.initialise())
	}
	rename(root, a.prog.Name)
	root.SetHelpCommandGroupID(groupCare)
	root.SetCompletionCommandGroupID(groupCare)
	return root
}

// rename puts the program's own name into the examples.
func rename(cmd *cobra.Command, name string) {
	cmd.Example = strings.ReplaceAll(cmd.Example, "openworkflow ", name+" ")
	for _, sub := range cmd.Commands() {
		rename(sub, name)
	}
}

const (
	groupLook  = "look"
	groupServe = "serve"
	groupCare  = "care"
)

// group makes a command that only holds others: called alone or with an unknown word it is an error, where
// cobra would print help and report success.
func group(name, about string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: about,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q for %q%s", args[0], cmd.CommandPath(), meant(cmd, args[0]))
			}
			return usagef("%q needs a command: one of %s", cmd.CommandPath(), strings.Join(subcommands(cmd), ", "))
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // makes cobra look at Args
	}
}

// meant suggests a command of nearly that name.
func meant(cmd *cobra.Command, word string) string {
	cmd.SuggestionsMinimumDistance = 2
	likely := slices.DeleteFunc(cmd.SuggestionsFor(word), func(name string) bool { return name == "help" })
	if len(likely) == 0 {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", likely[0])
}

func subcommands(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			names = append(names, sub.Name())
		}
	}
	return names
}
