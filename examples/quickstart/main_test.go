package main

import (
	"bytes"
	"context"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

// TestMain lets the test binary be the worker process that the show starts.
func TestMain(m *testing.M) {
	if os.Getenv(workerOf) != "" {
		if err := run(context.Background(), os.Stdout); err != nil {
			log.Fatal(err)
		}
		return
	}
	os.Exit(m.Run())
}

func TestQuickstart(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := run(ctx, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Log("\n" + out.String())
	for _, want := range []string{
		"kill -9: worker A is dead",
		"the result: charge_1001, parcel_1001",
		"Step functions called: charge-card 1×, pack 2×, hand-over 1×.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it did not print %q", want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "*")); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind, %v", left, err)
	}
}

// The same workflow, tested as users test theirs: without a database and without waiting.
func TestShipOrder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	shop := &Shop{Out: &out, Packing: time.Hour}
	env := workflowtest.New(t, shop.Workflows()...)
	h, err := ShipOrder.Run(t.Context(), env.Client(), Order{ID: "7", Item: "a cup", Cents: 1000})
	if err != nil {
		t.Fatal(err)
	}
	env.Advance(2 * time.Hour)
	if got, err := h.Result(t.Context()); err != nil || got != (Receipt{Charge: "charge_7", Tracking: "parcel_7"}) {
		t.Errorf("the result is %+v, %v", got, err)
	}
	if want := "step charge-card: charging 10.00 €\nstep pack: packing a cup …\nstep hand-over: the parcel is on its way\n"; out.String() != want {
		t.Errorf("the steps said %q, want %q", out.String(), want)
	}
}
