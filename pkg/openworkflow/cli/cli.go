package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/metrics"
)

// The exit statuses of Run.
const (
	ExitOK          = cli.ExitOK          // done
	ExitFailed      = cli.ExitFailed      // not done, or not all of it; doctor: something is wrong
	ExitUsage       = cli.ExitUsage       // the command line or the configuration is wrong: nothing was done
	ExitRunFailed   = cli.ExitRunFailed   // the run that was watched has failed or was canceled
	ExitInterrupted = cli.ExitInterrupted // Ctrl-C or SIGTERM came before the command was done
)

// Options say what Run works with. The zero value is the openworkflow program: no workflows, and the database
// that is configured.
type Options struct {
	// Workflows are what `worker start` executes.
	Workflows []openworkflow.AnyWorkflow
	// Client is what all commands use; --url, --schema, the environment and the files then count for nothing.
	// Run leaves it and its backend open. Nil makes each command open the configured database.
	Client *openworkflow.Client
	// ClientOptions are for the clients that commands make where Client is nil: WithMaxPayload,
	// WithIdempotencyWindow.
	ClientOptions []openworkflow.ClientOption
	// Logger is where `worker start` logs where Client is nil; nil is text on Stderr, as --log-level says. A
	// Client has its own logger.
	Logger *slog.Logger
	// Metrics is what --metrics-addr serves; nil is metrics of the command's own. With Client, give those whose
	// Observer the client was made with: else there are only those of the database.
	Metrics *metrics.Metrics
	// Worker holds defaults of `worker start`, which the configuration and flags change. Its Workflows count for
	// nothing.
	Worker openworkflow.WorkerOptions

	// Name is the program's in messages; "" is that of os.Args[0].
	Name string
	// Args are the arguments without the program's name; nil is those of the process.
	Args []string
	// Stdin, Stdout and Stderr are the process's if they are nil.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Main executes the command line of a program that opens its database itself, and ends the process with the
// command's exit status: nothing after it runs, deferred calls included.
//
//	func main() {
//		db, err := postgres.Open(context.Background(), os.Getenv("DATABASE_URL"))
//		if err != nil {
//			log.Fatal(err)
//		}
//		ow, err := openworkflow.New(db)
//		if err != nil {
//			log.Fatal(err)
//		}
//		cli.Main(ow, Greet, ProcessOrder)
//	}
//
// Use Run for more options, and where something is to be done afterwards.
func Main(ow *openworkflow.Client, workflows ...openworkflow.AnyWorkflow) {
	os.Exit(Run(context.Background(), Options{Client: ow, Workflows: workflows})) //nolint:forbidigo // it is called Main for that
}

// Run executes a command line and returns its exit status. SIGINT and SIGTERM end the command as the end of ctx
// does: what is under way is finished or given back first. A second signal ends the process.
func Run(ctx context.Context, o Options) int {
	ctx, stop := untilSignal(ctx)
	defer stop()
	return cli.Run(ctx, cli.Program{
		Name: o.name(), Client: o.Client, ClientOptions: o.ClientOptions, Logger: o.Logger, Workflows: o.Workflows,
		Metrics: o.Metrics, Worker: o.Worker,
	}, o.environment())
}

// untilSignal is signal.NotifyContext, but for the second signal: by the time that the context ends, it is the
// system's again, and ends the process.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	}()
	return ctx, cancel
}

func (o *Options) name() string {
	if o.Name != "" {
		return o.Name
	}
	if len(os.Args) == 0 {
		return "openworkflow"
	}
	return strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
}

func (o *Options) environment() cli.Environment {
	e := cli.Environment{Args: o.Args, Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Getenv: os.Getenv, Now: time.Now}
	if e.Args == nil {
		e.Args = os.Args[min(1, len(os.Args)):]
	}
	if e.Stdin == nil {
		e.Stdin = os.Stdin
	}
	if e.Stdout == nil {
		e.Stdout = os.Stdout
	}
	if e.Stderr == nil {
		e.Stderr = os.Stderr
	}
	// Without these two, only files that are named with their whole path are found.
	e.Dir, _ = os.Getwd()
	e.UserDir, _ = os.UserConfigDir()
	e.Terminal = cli.Terminal{In: isTerminal(e.Stdin), Out: isTerminal(e.Stdout), Err: isTerminal(e.Stderr)}
	if f, ok := e.Stdout.(*os.File); ok && e.Terminal.Out {
		e.Terminal.Size = func() (width, height int) {
			width, height, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 0, 0
			}
			return width, height
		}
	}
	return e
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
