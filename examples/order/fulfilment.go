package main

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// ProcessOrder is the contract.
var ProcessOrder = openworkflow.Declare[Order, Confirmation]("process-order")

// Order is the input of ProcessOrder.
type Order struct {
	ID    string `json:"id"`
	Card  string `json:"card"`
	Lines []Line `json:"lines"`
}

// Line is a line of an order.
type Line struct {
	SKU   string `json:"sku"`
	Count int    `json:"count"`
	Cents int64  `json:"cents"`
}

// Confirmation is the result of ProcessOrder.
type Confirmation struct {
	Reservations []string `json:"reservations"`
	Charge       string   `json:"charge"`
	Label        string   `json:"label"`
}

// ErrCardDeclined is final: the payment is not tried again.
const ErrCardDeclined = openworkflow.ErrorCode("card-declined")

// Warehouse, Payments and Carrier are the services that an order needs. Calls with a key that was used before do
// nothing and return the first answer.
type (
	Warehouse interface {
		Reserve(ctx context.Context, sku string, count int, key string) (reservation string, err error)
		Release(ctx context.Context, reservation string) error
	}
	Payments interface {
		Charge(ctx context.Context, card string, cents int64, key string) (charge string, err error)
	}
	Carrier interface {
		Label(ctx context.Context, order string) (label string, err error)
	}
)

// Fulfilment implements the workflows.
type Fulfilment struct {
	Warehouse Warehouse
	Payments  Payments
	Carrier   Carrier
}

// Workflows lists what a worker executes.
func (f *Fulfilment) Workflows() []openworkflow.AnyWorkflow {
	return openworkflow.Workflows(ProcessOrder.Implement(f.process))
}

func (f *Fulfilment) process(ctx openworkflow.Context, o Order) (Confirmation, error) {
	reserved, err := f.reserve(ctx, o.Lines)
	if err != nil {
		return Confirmation{}, errors.Join(err, f.release(ctx, reserved))
	}
	out := Confirmation{Reservations: reserved}
	err = f.chargeAndLabel(ctx, o, &out)
	if errors.Is(err, ErrCardDeclined) {
		return Confirmation{}, errors.Join(err, f.release(ctx, reserved))
	}
	return out, err
}

// reserve reserves all lines at once. Steps of step.Go may share a name: they are told apart by the order of
// the calls. It returns what was reserved, also when a line failed.
func (f *Fulfilment) reserve(ctx openworkflow.Context, lines []Line) (reserved []string, err error) {
	var pending []*step.Future[string]
	for _, l := range lines {
		pending = append(pending, step.Go(ctx, "reserve", func(ctx context.Context) (string, error) {
			return f.Warehouse.Reserve(ctx, l.SKU, l.Count, step.IdempotencyKey(ctx))
		}, step.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 3})))
	}
	for _, p := range pending {
		reservation, failure := p.Wait()
		if failure != nil {
			err = errors.Join(err, failure)
			continue
		}
		reserved = append(reserved, reservation)
	}
	return reserved, err
}

// chargeAndLabel does two different things at once. The steps get the errgroup's context through WithContext, so
// that one that fails cancels the other.
func (f *Fulfilment) chargeAndLabel(ctx openworkflow.Context, o Order, out *Confirmation) error {
	g, gctx := errgroup.WithContext(ctx)
	wf := openworkflow.WithContext(ctx, gctx)
	g.Go(func() (err error) {
		out.Charge, err = step.Run(wf, "charge", func(ctx context.Context) (string, error) {
			charge, err := f.Payments.Charge(ctx, o.Card, total(o.Lines), step.IdempotencyKey(ctx))
			if errors.Is(err, ErrCardDeclined) {
				return "", openworkflow.NonRetryable(err)
			}
			return charge, err
		})
		return err
	})
	g.Go(func() (err error) {
		out.Label, err = step.Run(wf, "label", func(ctx context.Context) (string, error) {
			return f.Carrier.Label(ctx, o.ID)
		})
		return err
	})
	return g.Wait()
}

// release gives back what was reserved: the compensation. A name in a loop is fine, its calls come in order.
func (f *Fulfilment) release(ctx openworkflow.Context, reserved []string) error {
	for _, r := range reserved {
		if err := step.Do(ctx, "release", func(ctx context.Context) error { return f.Warehouse.Release(ctx, r) }); err != nil {
			return err
		}
	}
	return nil
}

func total(lines []Line) (cents int64) {
	for _, l := range lines {
		cents += int64(l.Count) * l.Cents
	}
	return cents
}
