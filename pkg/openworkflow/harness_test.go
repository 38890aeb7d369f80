package openworkflow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// newClient makes a client over a memory backend of its own.
func newClient(t *testing.T, opts ...openworkflow.ClientOption) *openworkflow.Client {
	t.Helper()
	db := memory.New()
	c, err := openworkflow.New(db, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// inBubble runs a test with virtual time, with a client.
func inBubble(t *testing.T, fn func(t *testing.T, c *openworkflow.Client), opts ...openworkflow.ClientOption) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, newClient(t, opts...)) })
}

// startWorker starts a worker that the returned function stops.
func startWorker(t *testing.T, c *openworkflow.Client, ws ...openworkflow.AnyWorkflow) (stop func()) {
	t.Helper()
	w, err := c.NewWorker(openworkflow.WorkerOptions{Workflows: ws})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
}

// result runs a workflow to its end.
func result[In, Out any](t *testing.T, c *openworkflow.Client, w openworkflow.Runnable[In, Out], in In) (Out, error) {
	t.Helper()
	h, err := w.Run(t.Context(), c, in)
	if err != nil {
		t.Fatal(err)
	}
	return h.Result(t.Context(), openworkflow.WithResultTimeout(1000*time.Hour))
}
