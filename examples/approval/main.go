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
	"sync"
	"syscall"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

func main() {
	database := flag.String("db", "approval.db", "the SQLite file")
	patience := flag.Duration("patience", 2*time.Second, "how long to wait for a decision")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *database, *patience); err != nil {
		stop()
		log.Fatal(err) //nolint:gocritic // stop has been called
	}
}

// run has three expenses decided about: one in time, one before it was asked for, one by nobody.
func run(ctx context.Context, out io.Writer, database string, patience time.Duration) (err error) {
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

	expenses := &Expenses{Client: ow, Notifier: &console{out: out}, Patience: patience}
	worker, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: expenses.Workflows()})
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

	day := time.Now().Format("150405.000") // so that each start of the program has expenses of its own
	if err := expenses.Decide(ctx, "early-"+day, Decision{Approved: true, By: "ann, in advance"}); err != nil {
		return err
	}
	var runs []*openworkflow.RunHandle[Decision]
	for _, name := range []string{"early", "taxi", "yacht"} {
		h, err := ApproveExpense.Run(ctx, ow, Expense{ID: name + "-" + day})
		if err != nil {
			return err
		}
		runs = append(runs, h)
	}
	for range 2 { // impatient people press twice
		if err := expenses.Decide(ctx, "taxi-"+day, Decision{Approved: true, By: "bob"}); err != nil {
			return err
		}
	}
	for _, h := range runs {
		if _, err := h.Result(ctx); err != nil {
			return err
		}
	}
	return nil
}

// console prints what people are told.
type console struct {
	mu  sync.Mutex
	out io.Writer
}

// Notify implements Notifier.
func (c *console) Notify(_ context.Context, text, _ string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(c.out, text)
	return nil
}
