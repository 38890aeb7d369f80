package main

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// The workflows, as clients know them.
var (
	ProcessOrder = openworkflow.Declare[Order, string]("process-order")
	ShipParcel   = openworkflow.Declare[Order, string]("ship-parcel")
)

// Order is what a customer orders.
type Order struct{ Number int }

// Shop implements the workflows.
type Shop struct{}

// Workflows are what a worker executes.
func (s *Shop) Workflows() []openworkflow.AnyWorkflow {
	return openworkflow.Workflows(ProcessOrder.Implement(s.process), ShipParcel.Implement(s.ship))
}

var errDeclined = errors.New("the card was declined")

func (s *Shop) process(ctx openworkflow.Context, o Order) (string, error) {
	charge := func(context.Context) (string, error) {
		if o.Number%7 == 3 { // each of its attempts fails: the run fails, too
			return "", errDeclined
		}
		return "charged", nil
	}
	few := step.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 2})
	if _, err := step.Run(ctx, "charge", charge, few); err != nil {
		return "", err
	}
	if err := step.Sleep(ctx, "reserve", 2*time.Second); err != nil {
		return "", err
	}
	return step.RunWorkflow(ctx, ShipParcel, o)
}

func (s *Shop) ship(ctx openworkflow.Context, o Order) (string, error) {
	return step.Run(ctx, "hand over", func(ctx context.Context) (string, error) {
		// The context carries the step's span: what is called with it is inside.
		_, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("shop").Start(ctx, "carrier")
		defer span.End()
		select {
		case <-time.After(time.Duration(o.Number%5) * 100 * time.Millisecond):
			return "shipped", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
}

// customers order something now and then. The span in which they do is the caller's, which the runs link to.
func customers(ctx context.Context, ow *openworkflow.Client, tracer trace.Tracer, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		ordering, span := tracer.Start(ctx, "POST /orders")
		_, err := ProcessOrder.Run(ordering, ow, Order{Number: n})
		span.End()
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}
