package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		stop()
		log.Fatal(err) //nolint:gocritic // stop has been called
	}
}

// run is the program: a worker if the environment says so, else the show.
func run(ctx context.Context, out io.Writer) error {
	if database := os.Getenv(workerOf); database != "" {
		return work(ctx, out, database)
	}
	dir, err := os.MkdirTemp("", "openworkflow-quickstart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the system's folder for what may be lost
	database := filepath.Join(dir, "openworkflow.db")
	db, err := sqlite.Open(ctx, database) // makes the file and its tables
	if err != nil {
		return err
	}
	defer db.Close()
	ow, err := openworkflow.New(db)
	if err != nil {
		return err
	}
	defer ow.Close()
	return newShow(out, ow, database).play(ctx)
}
