package main

import (
	"context"
	"encoding/json"
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
	database := flag.String("db", "order.db", "the SQLite file")
	declined := flag.Bool("declined", false, "pay with a card that is declined")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	card := "4242"
	if *declined {
		card = "4000"
	}
	if err := run(ctx, os.Stdout, *database, card); err != nil {
		stop()
		log.Fatal(err) //nolint:gocritic // stop has been called
	}
}

// run starts a worker, places an order and waits for its confirmation.
func run(ctx context.Context, out io.Writer, database, card string) (err error) {
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

	services := &services{out: out}
	fulfilment := &Fulfilment{Warehouse: services, Payments: services, Carrier: services}
	worker, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: fulfilment.Workflows()})
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

	h, err := ProcessOrder.Run(ctx, ow, Order{
		ID: "1001", Card: card,
		Lines: []Line{{"teapot", 1, 4950}, {"cup", 6, 800}, {"saucer", 6, 500}},
	}, openworkflow.WithDeadline(time.Now().Add(time.Hour)))
	if err != nil {
		return err
	}
	confirmation, err := h.Result(ctx)
	if errors.Is(err, ErrCardDeclined) {
		fmt.Fprintln(out, "the card was declined")
		return nil
	}
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(confirmation, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "confirmed: %s\n", text)
	return nil
}

// services stand in for those of others.
type services struct {
	mu  sync.Mutex
	out io.Writer
}

func (s *services) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format+"\n", args...)
}

// Reserve implements Warehouse.
func (s *services) Reserve(_ context.Context, sku string, count int, _ string) (string, error) {
	s.say("reserving %d × %s", count, sku)
	return "reserved-" + sku, nil
}

// Release implements Warehouse.
func (s *services) Release(_ context.Context, reservation string) error {
	s.say("releasing %s", reservation)
	return nil
}

// Charge implements Payments.
func (s *services) Charge(_ context.Context, card string, cents int64, _ string) (string, error) {
	s.say("charging %d.%02d € to card %s", cents/100, cents%100, card)
	if card == "4000" {
		return "", fmt.Errorf("charge: %w", ErrCardDeclined)
	}
	return "charge-1", nil
}

// Label implements Carrier.
func (s *services) Label(_ context.Context, order string) (string, error) {
	s.say("making the label of order %s", order)
	return "label-" + order, nil
}
