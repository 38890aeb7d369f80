package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

func main() {
	database := flag.String("db", "childworkflows.db", "the SQLite file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *database); err != nil {
		stop()
		log.Fatal(err) //nolint:gocritic // stop has been called
	}
}

// run publishes an album and prints what became of it.
func run(ctx context.Context, out io.Writer, database string) (err error) {
	db, err := sqlite.Open(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close()
	ow, err := openworkflow.New(db)
	if err != nil {
		return err
	}
	defer ow.Close()

	gallery := &Gallery{Resizer: &fakeResizer{out: out}}
	worker, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: gallery.Workflows(), Concurrency: 4})
	if err != nil {
		return err
	}
	if err := worker.Start(ctx); err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, worker.Stop(stopping))
	}()

	h, err := PublishAlbum.Run(ctx, ow, Album{Pictures: []string{"sea.jpg", "broken.jpg", "hills.jpg", "city.jpg", "cat.jpg"}})
	if err != nil {
		return err
	}
	report, err := h.Result(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "published: %s\nbroken: %s\n", strings.Join(report.Thumbnails, ", "), strings.Join(report.Broken, ", "))
	return nil
}

// fakeResizer resizes nothing, and is busy the first time it is asked.
type fakeResizer struct {
	mu    sync.Mutex
	out   io.Writer
	asked int
}

// Resize implements Resizer.
func (r *fakeResizer) Resize(_ context.Context, picture string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	fmt.Fprintf(r.out, "resizing %s\n", picture)
	switch {
	case picture == "broken.jpg":
		return "", fmt.Errorf("read %s: %w", picture, ErrBroken)
	case r.asked == 1:
		return "", errors.New("busy")
	}
	return "small-" + picture, nil
}
