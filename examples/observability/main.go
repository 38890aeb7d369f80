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
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/sync/errgroup"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/health"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/metrics"
	owotel "github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/otel"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

func main() {
	database := flag.String("db", "observability.db", "the SQLite file, or a postgres:// URL")
	address := flag.String("addr", "127.0.0.1:9464", "where to serve metrics and health")
	every := flag.Duration("every", time.Second, "how often an order comes")
	interval := flag.Duration("interval", metrics.DefaultDatabaseInterval, "how often the database is asked for counts, at most")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *address)
	if err == nil {
		err = run(ctx, os.Stdout, listener, *database, *every, *interval)
	}
	if err != nil {
		stop()
		log.Fatal(err) //nolint:gocritic // stop has been called
	}
}

// run works until ctx ends, then stops gracefully: metrics and health are served until the worker has stopped.
func run(ctx context.Context, out io.Writer, listener net.Listener, database string, every, interval time.Duration) (err error) {
	defer listener.Close()
	db, err := open(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close()

	// A service would use otlptracehttp here, with resource attributes of its own.
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(out))
	if err != nil {
		return err
	}
	tracing := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	defer func() { err = errors.Join(err, tracing.Shutdown(context.WithoutCancel(ctx))) }()

	m := metrics.New(metrics.Options{DatabaseInterval: interval})
	ow, err := openworkflow.New(db,
		openworkflow.WithObserver(m.Observer()),
		openworkflow.WithObserver(owotel.Observer(owotel.WithTracerProvider(tracing))))
	if err != nil {
		return err
	}
	defer ow.Close()
	m.WatchDatabase(ow)

	shop := &Shop{}
	worker, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: shop.Workflows()})
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	health.New(health.Options{Database: ow, Workers: []*openworkflow.Worker{worker}, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}).Register(mux)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}

	g, working := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		err := worker.Run(working) // stops when its context ends, and gives steps time to finish
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return errors.Join(err, web.Shutdown(stopping))
	})
	g.Go(func() error { return customers(working, ow, tracing.Tracer("customers"), every) })
	return g.Wait()
}

// backend is a store that can be closed.
type backend interface {
	openworkflow.Backend
	io.Closer
}

func open(ctx context.Context, database string) (backend, error) {
	if strings.HasPrefix(database, "postgres") {
		db, err := postgres.Open(ctx, database)
		if err != nil {
			return nil, err
		}
		return db, nil
	}
	db, err := sqlite.Open(ctx, database)
	if err != nil {
		return nil, err
	}
	return db, nil
}
