package openworkflow_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

type greetInput struct {
	Name string `json:"name"`
}

// greet is the contract: shared by those who start it and those who implement it.
var greet = openworkflow.Declare[greetInput, string]("greet")

const errNoName = openworkflow.ErrorCode("no-name")

// greeter implements the contract; what it depends on is in its fields.
type greeter struct{ phrase string }

func (g *greeter) greet(ctx openworkflow.Context, in greetInput) (string, error) {
	text, err := step.Run(ctx, "compose", func(context.Context) (string, error) {
		if in.Name == "" {
			return "", openworkflow.NonRetryable(errNoName)
		}
		return g.phrase + ", " + in.Name, nil
	})
	if err != nil {
		return "", err
	}
	return text, step.Sleep(ctx, "pause", time.Millisecond)
}

func Example() {
	if err := greetThem(context.Background(), "Ann", ""); err != nil {
		fmt.Println(err)
	}
	// Output:
	// "Hello, Ann" false
	// "" true
}

func greetThem(ctx context.Context, names ...string) error {
	db := memory.New() // or sqlite.Open, postgres.Open
	defer db.Close()
	ow, err := openworkflow.New(db)
	if err != nil {
		return err
	}
	defer ow.Close()
	g := &greeter{phrase: "Hello"}
	worker, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(greet.Implement(g.greet))})
	if err != nil {
		return err
	}
	if err := worker.Start(ctx); err != nil {
		return err
	}
	for _, name := range names {
		h, err := greet.Run(ctx, ow, greetInput{Name: name})
		if err != nil {
			return err
		}
		text, err := h.Result(ctx)
		fmt.Printf("%q %v\n", text, errors.Is(err, errNoName))
	}
	return worker.Stop(ctx)
}
