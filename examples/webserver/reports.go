package main

import (
	"context"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// MakeReport is the contract.
var MakeReport = openworkflow.Declare[Request, Report]("make-report")

// Request is the input of MakeReport.
type Request struct {
	ID   string `json:"id"`
	City string `json:"city"`
}

// Report is the result of MakeReport.
type Report struct {
	Text string `json:"text"`
}

// ErrUnknownCity is what the report of a city that nobody knows fails with.
const ErrUnknownCity = openworkflow.ErrorCode("unknown-city")

// Reporter implements the workflow.
type Reporter struct {
	Weather map[string]string
	Pause   time.Duration // between the two steps, so that there is something to wait for
}

// Workflows lists what a worker executes.
func (r *Reporter) Workflows() []openworkflow.AnyWorkflow {
	return openworkflow.Workflows(MakeReport.Implement(r.report))
}

func (r *Reporter) report(ctx openworkflow.Context, in Request) (Report, error) {
	weather, err := step.Run(ctx, "look-up", func(context.Context) (string, error) {
		weather, ok := r.Weather[in.City]
		if !ok {
			return "", openworkflow.NonRetryable(fmt.Errorf("%w: %s", ErrUnknownCity, in.City))
		}
		return weather, nil
	})
	if err != nil {
		return Report{}, err
	}
	if err := step.Sleep(ctx, "think", r.Pause); err != nil {
		return Report{}, err
	}
	text, err := step.Run(ctx, "write", func(context.Context) (string, error) {
		return fmt.Sprintf("It is %s in %s.", weather, in.City), nil
	})
	return Report{text}, err
}
