package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

func main() {
	database := flag.String("db", "webserver.db", "the SQLite file")
	address := flag.String("addr", "127.0.0.1:8080", "where to listen")
	pause := flag.Duration("pause", 5*time.Second, "how long a report takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *address)
	if err == nil {
		err = run(ctx, os.Stdout, listener, *database, *pause)
	}
	if err != nil {
		stop()
		log.Fatal(err) //nolint:gocritic // stop has been called
	}
}

// run serves until ctx ends, then stops gracefully.
func run(ctx context.Context, out io.Writer, listener net.Listener, database string, pause time.Duration) error {
	defer listener.Close()
	logger := slog.New(slog.NewTextHandler(out, nil))
	db, err := sqlite.Open(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close()
	ow, err := openworkflow.New(db, openworkflow.WithSlog(logger))
	if err != nil {
		return err
	}
	defer ow.Close()

	reporter := &Reporter{Weather: map[string]string{"Lisbon": "sunny", "Bergen": "raining"}, Pause: pause}
	worker, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: reporter.Workflows()})
	if err != nil {
		return err
	}
	web := &http.Server{Handler: (&server{ow: ow, log: logger}).routes(), ReadHeaderTimeout: 5 * time.Second}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return worker.Run(ctx) }) // stops when ctx ends, and gives steps time to finish
	g.Go(func() error {
		logger.Info("listening", "url", "http://"+listener.Addr().String())
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return web.Shutdown(stopping)
	})
	return g.Wait()
}
