package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// Order is the input of the workflow, Receipt its result. Both are stored as JSON.
type Order struct {
	ID    string
	Item  string
	Cents int64
}

// Receipt is the result of ShipOrder.
type Receipt struct {
	Charge   string
	Tracking string
}

// ShipOrder is the contract: a name and two types. Whoever starts runs needs no more than this.
var ShipOrder = openworkflow.Declare[Order, Receipt]("ship-order")

// Shop has what the workflow depends on. Here that is only where to say what it does.
type Shop struct {
	Out     io.Writer
	Packing time.Duration // how long a parcel takes to pack
}

// Workflows lists what a worker of the shop executes.
func (s *Shop) Workflows() []openworkflow.AnyWorkflow {
	return openworkflow.Workflows(ShipOrder.Implement(s.shipOrder))
}

// shipOrder is the workflow: ordinary Go, whose steps are remembered in the database. When the process dies,
// another one calls shipOrder again from the top, and the steps that have completed return what they
// returned then.
func (s *Shop) shipOrder(ctx openworkflow.Context, o Order) (Receipt, error) {
	charge, err := step.Run(ctx, "charge-card", func(ctx context.Context) (string, error) {
		s.begin("charge-card", "charging %d.%02d €", o.Cents/100, o.Cents%100)
		return "charge_" + o.ID, nil // a real one would hand step.IdempotencyKey(ctx) to the payment provider
	})
	if err != nil {
		return Receipt{}, err
	}
	err = step.Do(ctx, "pack", func(ctx context.Context) error {
		s.begin("pack", "packing %s …", o.Item)
		select {
		case <-time.After(s.Packing):
			return nil
		case <-ctx.Done(): // the worker stops, or the run was canceled
			return ctx.Err()
		}
	})
	if err != nil {
		return Receipt{}, err
	}
	// A durable sleep: it could as well take three months. No worker is held meanwhile.
	if err := step.Sleep(ctx, "wait-for-pickup", time.Second); err != nil {
		return Receipt{}, err
	}
	tracking, err := step.Run(ctx, "hand-over", func(context.Context) (string, error) {
		s.begin("hand-over", "the parcel is on its way")
		return "parcel_" + o.ID, nil
	})
	return Receipt{Charge: charge, Tracking: tracking}, err
}

// begin says what a step function is about to do.
func (s *Shop) begin(step, format string, args ...any) {
	fmt.Fprintf(s.Out, "%s%s: %s\n", begins, step, fmt.Sprintf(format, args...))
}

// begins starts the lines that say which step function is called.
const begins = "step "
