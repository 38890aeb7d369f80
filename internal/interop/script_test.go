package interop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// op is one thing that a workflow does. typescript/script.mjs is the interpreter in TypeScript.
type op struct {
	Do       string `json:"do"`
	Name     string `json:"name,omitempty"`
	Value    any    `json:"value,omitempty"`
	Signal   string `json:"signal,omitempty"`
	Workflow string `json:"workflow,omitempty"`
	Version  string `json:"version,omitempty"`
	Input    any    `json:"input,omitempty"`
	MS       *int64 `json:"ms,omitempty"` // of a sleep; the timeout of other waits
	Catch    bool   `json:"catch,omitempty"`
	Attempts int    `json:"attempts,omitempty"` // of a step; 0 is the default
	Ops      []op   `json:"ops,omitempty"`      // of "all"

	// The language in which a step stands at a gate or fails: "go", "ts" or "both".
	Gate    string `json:"gate,omitempty"`
	Fail    string `json:"fail,omitempty"`
	Message string `json:"message,omitempty"`
	Type    string `json:"type,omitempty"`
	Code    string `json:"code,omitempty"`
}

// script is the input of a scripted workflow, and report its output.
type (
	script struct {
		Ops []op `json:"ops"`
	}
	report struct {
		By      string `json:"by"`
		Results []any  `json:"results"`
	}
)

func ops(list ...op) script { return script{append([]op{}, list...)} }

func millis(d time.Duration) *int64 {
	n := d.Milliseconds()
	return &n
}

const lang = "go"

func applies(to string) bool { return to == lang || to == "both" }

// interpreter executes scripts in Go.
type interpreter struct {
	effect func(run, at string)
	gate   func(ctx context.Context, at string) error
}

func (i *interpreter) workflow(ctx openworkflow.Context, in script) (report, error) {
	out := report{By: lang, Results: []any{}}
	for n, o := range in.Ops {
		result, err := i.one(ctx, o, strconv.Itoa(n))
		if err != nil {
			return report{}, err
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

func (i *interpreter) one(ctx openworkflow.Context, o op, at string) (any, error) {
	switch o.Do {
	case "run":
		return i.run(ctx, o, at)
	case "sleep":
		return nil, step.Sleep(ctx, o.Name, time.Duration(*o.MS)*time.Millisecond)
	case "wait":
		return wait(ctx, o)
	case "send":
		return send(ctx, o)
	case "child":
		return child(ctx, o)
	case "all":
		return i.all(ctx, o, at)
	case "throw":
		if applies(o.Fail) {
			return nil, o.failure()
		}
		return nil, nil
	}
	return nil, fmt.Errorf("unknown operation %s", o.Do)
}

func (i *interpreter) run(ctx openworkflow.Context, o op, at string) (any, error) {
	var opts []step.RunOption
	if o.Attempts > 0 {
		opts = append(opts, step.WithRetryPolicy(openworkflow.RetryPolicy{
			InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 1, MaximumAttempts: o.Attempts,
		}))
	}
	return step.Run(ctx, o.Name, func(sc context.Context) (any, error) {
		i.effect(ctx.RunID(), at)
		if applies(o.Gate) {
			if err := i.gate(sc, at); err != nil {
				return nil, err
			}
		}
		if applies(o.Fail) {
			return nil, o.failure()
		}
		return map[string]any{"by": lang, "value": o.Value}, nil
	}, opts...)
}

func wait(ctx openworkflow.Context, o op) (any, error) {
	var opts []step.WaitForSignalOption
	if o.Name != "" {
		opts = append(opts, step.WithName(o.Name))
	}
	if o.MS != nil {
		opts = append(opts, step.WithTimeout(time.Duration(*o.MS)*time.Millisecond))
	}
	data, ok, err := step.WaitForSignal[any](ctx, o.Signal, opts...)
	if err != nil || !ok {
		return nil, err
	}
	return map[string]any{"data": data}, nil
}

func send(ctx openworkflow.Context, o op) (any, error) {
	var opts []step.SendSignalOption
	if o.Name != "" {
		opts = append(opts, step.WithName(o.Name))
	}
	ids, err := step.SendSignal(ctx, o.Signal, o.Value, opts...)
	slices.Sort(ids)
	return ids, err
}

func child(ctx openworkflow.Context, o op) (any, error) {
	var opts []step.RunWorkflowOption
	if o.Name != "" {
		opts = append(opts, step.WithName(o.Name))
	}
	if o.MS != nil {
		opts = append(opts, step.WithTimeout(time.Duration(*o.MS)*time.Millisecond))
	}
	out, err := step.RunWorkflow(ctx, openworkflow.Declare[any, any](o.Workflow, openworkflow.WithVersion(o.Version)), o.Input, opts...)
	var failed *openworkflow.StepError
	if o.Catch && errors.As(err, &failed) {
		return map[string]any{"caught": failed.Message, "type": failed.Type}, nil
	}
	return out, err
}

func (i *interpreter) all(ctx openworkflow.Context, o op, at string) (any, error) {
	results, errs := make([]any, len(o.Ops)), make([]error, len(o.Ops))
	var branches sync.WaitGroup
	for n, b := range o.Ops {
		branches.Go(func() { results[n], errs[n] = i.one(ctx, b, at+"."+strconv.Itoa(n)) })
	}
	branches.Wait()
	return results, errors.Join(errs...)
}

// thrownError is an error with a type of its own.
type thrownError struct{ text string }

func (e *thrownError) Error() string { return e.text }

func (o *op) failure() error {
	switch {
	case o.Code != "":
		return fmt.Errorf("%s: %w", o.Message, openworkflow.ErrorCode(o.Code))
	case o.Type != "":
		return &thrownError{o.Message}
	}
	return errors.New(o.Message)
}

// echo returns its input, through a step.
func echo(ctx openworkflow.Context, in any) (any, error) {
	return step.Run(ctx, "echo", func(context.Context) (any, error) { return in, nil })
}
