package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

func TestProgram(t *testing.T) {
	t.Parallel()
	for card, wants := range map[string][]string{
		"4242": {"reserving 6 × cup\n", "charging 127.50 € to card 4242\n", "making the label", `"charge": "charge-1"`, `"reserved-saucer"`},
		"4000": {"releasing reserved-teapot\nreleasing reserved-cup\nreleasing reserved-saucer\n", "the card was declined\n"},
	} {
		t.Run(card, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := run(t.Context(), &out, filepath.Join(t.TempDir(), "order.db"), card); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			for _, want := range wants {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it did not print %q:\n%s", want, out.String())
				}
			}
		})
	}
}

// stock is a Warehouse that has run out of some things.
type stock struct {
	services
	mu       sync.Mutex
	missing  string
	tries    int
	released []string
}

func (s *stock) Reserve(_ context.Context, sku string, _ int, _ string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sku == s.missing {
		s.tries++
		return "", errors.New("out of stock")
	}
	return sku, nil
}

func (s *stock) Release(_ context.Context, reservation string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released = append(s.released, reservation)
	return nil
}

func TestOutOfStock(t *testing.T) {
	t.Parallel()
	warehouse := &stock{missing: "cup"}
	env := workflowtest.New(t, (&Fulfilment{Warehouse: warehouse}).Workflows()...)
	h, err := ProcessOrder.Run(t.Context(), env.Client(), Order{ID: "1", Lines: []Line{{"teapot", 1, 1}, {"cup", 1, 1}, {"saucer", 1, 1}}})
	if err != nil {
		t.Fatal(err)
	}
	env.Advance(time.Minute)
	var failed *openworkflow.RunFailedError
	if _, err := h.Result(t.Context()); !errors.As(err, &failed) || !strings.Contains(failed.Message, "out of stock") {
		t.Errorf("the result is %v", err)
	}
	if want := []string{"teapot", "saucer"}; warehouse.tries != 3 || !slices.Equal(warehouse.released, want) {
		t.Errorf("%d tries, released %q; want 3, %q", warehouse.tries, warehouse.released, want)
	}
}
