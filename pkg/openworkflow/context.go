package openworkflow

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// Context is the context of a workflow function: what package step takes to find the run. It may be embedded
// in a struct of your own, so that workflow functions get their handles beside it; it cannot be implemented
// otherwise.
//
// It ends when the run's execution in this process ends: at the run's end, when it is canceled, when the
// worker stops, or when the run was parked and goes on elsewhere. A step function gets a plain
// context.Context, so that a step inside a step does not compile.
//
// A workflow function runs again from its top whenever its run is resumed, and finds its completed steps
// done. So everything it does outside steps must give the same calls of steps each time: take the time, random
// numbers and the outside world from inside steps.
type Context interface {
	context.Context

	// RunID is the id of the workflow run.
	RunID() string
	// WorkflowName is the name of the workflow.
	WorkflowName() string
	// Version is the version of the workflow, "" if it has none.
	Version() string
	// CreatedAt is when the run was created: the same at each replay, unlike time.Now.
	CreatedAt() time.Time
	// Attempt is the number of this workflow attempt, from 1: one more than the failures that the workflow's
	// retry policy has counted. Crashes, waits and replays do not change it.
	Attempt() int
	// Logger logs for the workflow function, with the run's id and workflow as attributes. It is silent while
	// the function replays what it has done before, so each line is written once in the usual case, and after
	// the execution has ended. It writes to the logger of the worker's client (WithLogger, WithSlog).
	Logger() *slog.Logger

	workflowContext()
}

// WithContext returns a Context of the same run whose deadline, end and values are those of derived: the way
// to use errgroup.WithContext, context.WithTimeout or a tracing span in a workflow function. derived
// need not descend from wf.
//
//	g, gctx := errgroup.WithContext(ctx)
//	gwf := openworkflow.WithContext(ctx, gctx)
//	g.Go(func() error { return step.Do(gwf, "charge", charge) })
//
// When derived ends, the step functions that were called with it are cancelled. Sleeps and other durable waits
// are not: they return what is recorded, so that a replay sees the same.
//
//nolint:revive // the workflow comes first: it is what the result is
func WithContext(wf Context, derived context.Context) Context {
	if derived == nil || wf == nil {
		return wf
	}
	scope, settings, ok := edge.RunOf(wf) //nolint:contextcheck // the run is wf's, the rest is derived's
	if !ok {
		return wf // the step call that gets it says what is wrong
	}
	return &derivedContext{Context: wf, derived: derived, scope: scope, settings: settings}
}

// derivedContext is a workflow's context with the end and values of another one.
type derivedContext struct {
	Context
	derived  context.Context
	scope    *engine.Scope
	settings *edge.Settings
}

func (c *derivedContext) Deadline() (time.Time, bool) { return c.derived.Deadline() }
func (c *derivedContext) Done() <-chan struct{}       { return c.derived.Done() }
func (c *derivedContext) Err() error                  { return c.derived.Err() }
func (c *derivedContext) Value(key any) any {
	switch key {
	case engine.ScopeKey():
		return c.scope
	case edge.SettingsKey():
		return c.settings
	}
	return c.derived.Value(key)
}

// runContext is the context that a workflow function is called with.
type runContext struct {
	context.Context
	scope    *engine.Scope
	settings *edge.Settings
	once     sync.Once
	logger   *slog.Logger
}

func newRunContext(s *engine.Scope, settings *edge.Settings) *runContext {
	return &runContext{Context: s.Context(), scope: s, settings: settings}
}

func (c *runContext) RunID() string        { return c.scope.RunID() }
func (c *runContext) WorkflowName() string { return c.scope.WorkflowName() }
func (c *runContext) Version() string      { return c.scope.Version() }
func (c *runContext) CreatedAt() time.Time { return c.scope.CreatedAt() }
func (c *runContext) Attempt() int         { return c.scope.Attempt() }
func (c *runContext) workflowContext()     {}
func (c *runContext) Logger() *slog.Logger {
	c.once.Do(func() { c.logger = edge.RunLogger(c.settings.Logger, c.scope) })
	return c.logger
}
func (c *runContext) Value(key any) any {
	switch key {
	case engine.ScopeKey():
		return c.scope
	case edge.SettingsKey():
		return c.settings
	}
	return c.Context.Value(key)
}
