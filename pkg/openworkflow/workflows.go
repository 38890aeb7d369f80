package openworkflow

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// Runnable is a workflow that can be started: a *Spec or a *Workflow, nothing else.
type Runnable[In, Out any] interface {
	Name() string
	Version() string
	// Err is what is wrong with the declaration, nil if nothing is.
	Err() error
	Run(ctx context.Context, c *Client, in In, opts ...RunOption) (*RunHandle[Out], error)
	Handle(c *Client, runID string) *RunHandle[Out]

	runnable(In, Out)
}

// AnyWorkflow is a workflow that a worker can execute, whatever its types: a *Workflow, nothing else.
type AnyWorkflow interface {
	Name() string
	Version() string
	// Err is what is wrong with the definition, nil if nothing is.
	Err() error

	engineDefinition(*edge.Settings) engine.Definition
	place() string
}

// Workflows lists workflows of different types, for WorkerOptions.Workflows.
func Workflows(ws ...AnyWorkflow) []AnyWorkflow { return ws }

func (w *Workflow[In, Out]) place() string { return w.def.place }

// engineDefinition makes the workflow executable: JSON in, JSON out.
func (w *Workflow[In, Out]) engineDefinition(settings *edge.Settings) engine.Definition {
	return engine.Definition{
		Name: w.def.name, Version: w.def.version,
		RetryPolicy: w.def.policy.WithDefaults(domain.DefaultWorkflowAttempts),
		Run: func(s *engine.Scope, input json.RawMessage) (json.RawMessage, error) {
			var in In
			if err := edge.Decode(input, &in); err != nil {
				return nil, fmt.Errorf("%w: the input of %s: %w", ErrInvalidPayload, &w.def, err)
			}
			out, err := w.fn(newRunContext(s, settings), in)
			if err != nil {
				return nil, err
			}
			raw, err := edge.Marshal(&out, settings.MaxPayload)
			if err != nil {
				return nil, fmt.Errorf("the result of %s: %w", &w.def, err)
			}
			return raw, nil
		},
	}
}
