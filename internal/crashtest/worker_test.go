//go:build unix

package crashtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// ordersVariable tells a process to be a worker.
const ordersVariable = "OPENWORKFLOW_CRASH_WORKER"

type orders struct {
	Store       store
	Worker      int
	Dir         string
	Lease       time.Duration
	Concurrency int
}

// TestMain lets the test's own binary be the workers.
func TestMain(m *testing.M) {
	if raw := os.Getenv(ordersVariable); raw != "" {
		os.Exit(workerStatus(raw))
	}
	os.Exit(m.Run())
}

// workerStatus is the exit status of a worker process.
func workerStatus(raw string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := beWorker(ctx, raw)
	if err == nil || (ctx.Err() != nil && errors.Is(err, context.Canceled)) {
		return 0
	}
	fmt.Fprintln(os.Stderr, "worker:", err)
	return 1
}

// beWorker works until it is killed, told to stop, or alone: its standard input ends when the test's process does.
func beWorker(ctx context.Context, raw string) error {
	var o orders
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	if o.Store.Schema != "" {
		if err := os.Setenv("PGAPPNAME", o.Store.Schema); err != nil {
			return err
		}
	}
	var db backend
	err := supervised(ctx, func() (err error) { db, err = o.Store.open(ctx); return err })
	if err != nil {
		return err
	}
	defer db.Close()
	log, err := openJournal(o.Dir, o.Worker)
	if err != nil {
		return err
	}
	client, err := openworkflow.New(db, openworkflow.WithSlog(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	if err != nil {
		return err
	}
	defer client.Close()
	w, err := client.NewWorker(openworkflow.WorkerOptions{
		Workflows: (&recorder{log: log}).workflows(), Concurrency: o.Concurrency,
		LeaseDuration: o.Lease, StopTimeout: 2 * time.Second,
	})
	if err != nil {
		return err
	}
	return supervised(ctx, func() error {
		err := w.Run(ctx)
		if err != nil && !strings.Contains(err.Error(), "start worker") {
			return final{err}
		}
		return err
	})
}

// final is an error that starting again would not mend.
type final struct{ error }

// supervised starts again what a cut connection kept from starting, as whatever supervises a service would.
func supervised(ctx context.Context, start func() error) error {
	for try := 1; ; try++ {
		err := start()
		var f final
		switch {
		case errors.As(err, &f):
			return f.error
		case err == nil || ctx.Err() != nil || try == 20:
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}
