package main

import (
	"context"
	"io"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// work executes the shop's workflows until ctx ends: a service's worker, in full.
func work(ctx context.Context, out io.Writer, database string) error {
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

	shop := &Shop{Out: out, Packing: time.Second}
	worker, err := ow.NewWorker(openworkflow.WorkerOptions{
		Workflows:     shop.Workflows(),
		LeaseDuration: time.Second, // how soon others take over from a dead worker; 30 s if you leave it away
	})
	if err != nil {
		return err
	}
	return worker.Run(ctx)
}
