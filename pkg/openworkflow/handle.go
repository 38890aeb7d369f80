package openworkflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// runConfig is what the options of Run say.
type runConfig struct {
	key        string
	keyed      bool
	deadline   time.Time
	startAt    time.Time
	startAfter time.Duration
}

func (cfg *runConfig) check() error {
	if err := checkKey(cfg.key, cfg.keyed); err != nil {
		return err
	}
	if err := edge.CheckTime("WithDeadline", cfg.deadline); err != nil {
		return err
	}
	if err := edge.CheckTime("WithStartAt", cfg.startAt); err != nil {
		return err
	}
	return edge.CheckDuration("WithStartAfter", cfg.startAfter)
}

// runConfig reads the options of a client that can be used.
func (c *Client) runConfig(opts []RunOption) (cfg runConfig, err error) {
	if err := c.ready(); err != nil {
		return cfg, err
	}
	for _, o := range opts {
		if o != nil {
			o.run(&cfg)
		}
	}
	err = cfg.check()
	return cfg, err
}

func newRun[In any](c *Client, id *identityOf, in *In, cfg *runConfig) (domain.NewRun, error) {
	input, err := edge.Marshal(in, c.config.maxPayload)
	if err != nil {
		return domain.NewRun{}, fmt.Errorf("the input: %w", err)
	}
	return cfg.newRun(c, id, input), nil
}

func (cfg *runConfig) newRun(c *Client, id *identityOf, input json.RawMessage) domain.NewRun {
	return domain.NewRun{
		ID: domain.NewID(), WorkflowName: id.name, Version: id.version,
		IdempotencyKey: cfg.key, IdempotencyWindow: c.config.window, Input: input,
		StartAt: cfg.startAt, StartAfter: cfg.startAfter, DeadlineAt: cfg.deadline,
	}
}

// start creates a run.
func start[In, Out any](ctx context.Context, c *Client, id *identityOf, in *In, opts []RunOption) (*RunHandle[Out], error) {
	cfg, err := c.runConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	run, err := newRun(c, id, in, &cfg)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	return create[Out](ctx, c, id, run)
}

func create[Out any](ctx context.Context, c *Client, id *identityOf, run domain.NewRun) (*RunHandle[Out], error) {
	ctx, call := c.config.observers.observe(ctx, c.startCall(id, 1))
	run.Context = call.carry(run.Context)
	made, err := c.starts.Create(ctx, run)
	call.started(run.ID, err, made)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	if made == run.ID {
		c.config.zap.Info("workflow run created", zap.String("workflow", id.name), zap.String("version", id.version), zap.String("run", run.ID))
	}
	return &RunHandle[Out]{client: c, id: made, workflow: id.name}, nil
}

// RunHandle is a workflow run as a client sees it. Spec.Run, Workflow.Run and the two Handle methods make one.
// It is safe for concurrent use and holds nothing that needs closing.
type RunHandle[Out any] struct {
	client   *Client
	id       string
	workflow string
}

// ID is the run's id.
func (h *RunHandle[Out]) ID() string { return h.id }

// Get reads the run as it stands, without waiting. ErrRunNotFound if it does not exist.
func (h *RunHandle[Out]) Get(ctx context.Context) (*Run, error) { return h.client.GetRun(ctx, h.id) }

// Cancel ends the run as canceled; see Client.CancelRun.
func (h *RunHandle[Out]) Cancel(ctx context.Context) error { return h.client.CancelRun(ctx, h.id) }

// Signal sends a signal to this run alone: it gets it now if it waits for the name (step.WaitForSignal), else
// when it next does. Data is stored as JSON; nil is null. Options: WithIdempotencyKey. ErrRunNotFound if the run
// does not exist, ErrRunFinished if it has ended.
func (h *RunHandle[Out]) Signal(ctx context.Context, name string, data any, opts ...SignalOption) error {
	if err := h.client.ready(); err != nil {
		return err
	}
	if err := checkRunID(h.id); err != nil {
		return err
	}
	_, err := h.client.send(ctx, h.id, name, data, opts)
	return err
}

// defaultResultTimeout is TypeScript's.
const defaultResultTimeout = 5 * time.Minute

type resultConfig struct{ timeout time.Duration }

// Result waits until the run has ended and returns its result. Options: WithResultTimeout (default 5 minutes).
// The waits of a process share one subscription and one poll, however many there are.
//
// Errors: a *RunFailedError if the run failed; it unwraps to the failure's ErrorCode or error of this package,
// ErrDeadlineExceeded among them. ErrRunCanceled if it was canceled, ErrRunNotFound if it does not exist,
// ErrResultTimeout if the wait took too long, the context's error if that ended first, ErrInvalidPayload if the
// result does not fit Out, ErrClientClosed. Only the first two say that the run has ended.
func (h *RunHandle[Out]) Result(ctx context.Context, opts ...ResultOption) (Out, error) {
	var out Out
	cfg := resultConfig{timeout: defaultResultTimeout}
	for _, o := range opts {
		if o != nil {
			o.result(&cfg)
		}
	}
	if err := edge.CheckDuration("WithResultTimeout", cfg.timeout); err != nil {
		return out, err
	}
	run, err := h.ended(ctx, cfg.timeout)
	if err != nil {
		return out, err
	}
	err = h.outcome(&run, &out)
	return out, err
}

// ended waits for the end of the run.
func (h *RunHandle[Out]) ended(ctx context.Context, timeout time.Duration) (domain.Run, error) {
	if err := h.client.ready(); err != nil {
		return domain.Run{}, err
	}
	if err := checkRunID(h.id); err != nil {
		return domain.Run{}, err
	}
	if timeout == 0 {
		run, err := h.client.get(ctx, h.id)
		if err == nil && !run.Status.Terminal() {
			err = h.timedOut(timeout, "")
		}
		return run, err
	}
	wait, cancel := context.WithTimeoutCause(ctx, timeout, ErrResultTimeout)
	defer cancel()
	run, err := h.client.await(wait, h.id)
	switch {
	case err == nil:
		return run, nil
	case errors.Is(err, ErrRunNotFound):
		return run, notFound(h.id)
	case errors.Is(err, ErrClientClosed):
		return run, err
	case ctx.Err() == nil && errors.Is(context.Cause(wait), ErrResultTimeout):
		if err == wait.Err() { //nolint:errorlint // the plain error of the context: nothing else is known
			return run, h.timedOut(timeout, "")
		}
		return run, h.timedOut(timeout, ": "+err.Error())
	}
	return run, fmt.Errorf("waiting for run %s: %w", h.id, err)
}

func (h *RunHandle[Out]) timedOut(after time.Duration, detail string) error {
	return fmt.Errorf("%w: run %s of workflow %q had not ended after %v%s", ErrResultTimeout, h.id, h.workflow, after, detail)
}

// outcome is what a run that has ended gives: its result, in out, or its error.
func (h *RunHandle[Out]) outcome(run *domain.Run, out *Out) error {
	if run.WorkflowName != h.workflow {
		return edge.Invalid("run %s is a run of workflow %q, not of %q", run.ID, run.WorkflowName, h.workflow)
	}
	if run.Status == domain.RunFailed {
		return runFailed(run)
	}
	if run.Status == domain.RunCanceled {
		return fmt.Errorf("%w: run %s of workflow %q", ErrRunCanceled, run.ID, run.WorkflowName)
	}
	if err := edge.Decode(run.Output, out); err != nil {
		return fmt.Errorf("%w: the result of run %s of workflow %q: %w", ErrInvalidPayload, run.ID, run.WorkflowName, err)
	}
	return nil
}
