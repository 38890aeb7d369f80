package step

import (
	"errors"
	"fmt"

	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// caller is what a step call acts on.
type caller struct {
	scope      *engine.Scope
	settings   *edge.Settings
	verb, name string
}

// enter finds the run that the context belongs to and checks the step's name.
func enter(ctx openworkflow.Context, verb, name string) (caller, error) {
	c := caller{verb: verb, name: name}
	scope, settings, ok := edge.RunOf(ctx)
	if !ok {
		if err := branchError(ctx); err != nil {
			return c, err
		}
		return c, c.refuse(edge.Invalid("the Context is not a workflow's: use the one that the workflow function was called with"))
	}
	c.scope, c.settings = scope, settings
	if err := edge.CheckName("step name", name); err != nil {
		return c, c.refuse(err)
	}
	return c, nil
}

// refuse makes the error of a call that cannot be right: it names the call, and fails the run without retry.
func (c caller) refuse(err error) error {
	return openworkflow.NonRetryable(fmt.Errorf("step.%s %q: %w", c.verb, c.name, err))
}

// first is the first of the errors that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// changed is the error of a recorded value that does not fit the type it is read into: the code has changed.
func (c caller) changed(err error) error {
	return c.refuse(fmt.Errorf("%w: the recorded result: %w; give changed workflows a new version", openworkflow.ErrNondeterminism, err))
}

// foreign is the error of a value from elsewhere that does not fit the type it is read into.
func (c caller) foreign(what string, err error) error {
	return c.refuse(fmt.Errorf("%w: %s: %w", openworkflow.ErrInvalidPayload, what, err))
}

var errNilFunction = errors.New("the step function is nil")
