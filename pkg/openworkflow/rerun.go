package openworkflow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// ErrStepNotFound: FromStep names a step that the run does not have. The message lists those it has.
var ErrStepNotFound = domain.ErrStepNotFound

// RerunOption is an option of Client.Rerun.
type RerunOption interface{ rerun(*rerunConfig) }

type rerunConfig struct {
	from string
	err  error
}

type rerunOption func(*rerunConfig)

func (o rerunOption) rerun(c *rerunConfig) { o(c) }

// FromStep makes Rerun keep what the run had done before that step: the new run goes on there. The name is
// the resolved one, as StepAttempt.StepName has it: the second "charge" of a run is "charge:1".
//
// Before a step are the steps whose first attempt was created before its first attempt. Of these the new run
// has the results of those that completed, of whatever kind, and the failures of those that had failed for good
// before the step began, since the workflow function saw them and went on. All others begin afresh: the step
// itself, what came after it, what was still waiting or being retried. So a workflow function that runs steps
// side by side may start some of those again that were under way.
//
// The code may have changed since: what it asks for first must still be what the history has, or the new run
// fails with ErrNondeterminism.
func FromStep(name string) RerunOption {
	return rerunOption(func(c *rerunConfig) {
		c.from = name
		c.err = edge.CheckName("step name of FromStep", name)
	})
}

// Rerun starts a new run of the same workflow and version with the same input, whether or not the run has
// ended; the run itself is not touched. Options: FromStep. The new run is made in one transaction, whole or not
// at all.
//
// It is a run of its own: without idempotency key and parent, due at once, and with a deadline as long after its
// creation as the first one's was. step.IdempotencyKey, which has the run's id in it, is another one, so effects
// of the steps that run again happen again. Child runs of kept steps stay the children of the first run; the
// kept attempts point to them. Run.RerunOf tells where a run comes from.
//
// ErrRunNotFound if there is no such run; ErrStepNotFound.
func (c *Client) Rerun(ctx context.Context, runID string, opts ...RerunOption) (*RunHandle[json.RawMessage], error) {
	var cfg rerunConfig
	for _, o := range opts {
		if o != nil {
			o.rerun(&cfg)
		}
	}
	if cfg.err != nil {
		return nil, cfg.err
	}
	source, err := c.get(ctx, runID)
	if err != nil {
		return nil, err
	}
	return c.rerun(ctx, &source, cfg.from)
}

func (c *Client) rerun(ctx context.Context, source *domain.Run, from string) (*RunHandle[json.RawMessage], error) {
	run := domain.NewRun{
		ID: domain.NewID(), WorkflowName: source.WorkflowName, Version: source.Version,
		Config: domain.RerunConfig(source.Config, source.ID, from), Context: source.Context, Input: source.Input,
	}
	if !source.DeadlineAt.IsZero() {
		run.DeadlineAt = time.Now().Add(source.DeadlineAt.Sub(source.CreatedAt))
	}
	if from != "" {
		attempts, err := c.allAttempts(ctx, source.ID)
		if err != nil {
			return nil, err
		}
		if run.History, err = domain.HistoryBefore(attempts, from); err != nil {
			return nil, fmt.Errorf("rerun %s: %w", source.ID, err)
		}
	}
	ctx, call := c.config.observers.observe(ctx, c.startCall(&identityOf{name: run.WorkflowName, version: run.Version}, 1))
	run.Context = call.carry(run.Context)
	made, err := c.backend.CreateRuns(ctx, []domain.NewRun{run})
	call.started(run.ID, err, made...)
	if err != nil {
		return nil, fmt.Errorf("rerun %s: %w", source.ID, err)
	}
	c.config.zap.Info("workflow run created again", zap.String("workflow", run.WorkflowName), zap.String("version", run.Version),
		zap.String("run", run.ID), zap.String("rerunOf", source.ID), zap.String("fromStep", from))
	return &RunHandle[json.RawMessage]{client: c, id: made[0], workflow: run.WorkflowName}, nil
}

// allAttempts reads a run's whole history.
func (c *Client) allAttempts(ctx context.Context, runID string) (all []domain.StepAttempt, err error) {
	req := ports.PageRequest{Limit: MaxPageLimit}
	for {
		page, err := c.backend.ListStepAttempts(ctx, runID, req)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if !page.HasNext || len(page.Items) == 0 {
			return all, nil
		}
		last := &page.Items[len(page.Items)-1]
		req.After = &domain.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

// RerunOf is the id of the run that this one repeats (Client.Rerun), and the step that it was to go on at; both
// are "" where there is none. That run may have been deleted since.
func (r *Run) RerunOf() (runID, fromStep string) {
	return domain.RerunOrigin(r.Config)
}
