package step

import (
	"log/slog"
	"sync"

	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// Branch returns a Context whose steps are named "<name>/<step>" and counted on their own: give one to each
// goroutine that makes steps, so that their names do not depend on which goroutine comes first. A branch
// name that is used again becomes name:1, name:2, … in the order of the calls of Branch, so call it before the
// goroutine starts. Branches nest.
//
//	for _, l := range in.Lines {
//		b := step.Branch(gwf, l.SKU)
//		g.Go(func() error { return fulfil(b, l) })
//	}
//
// A name that a step could not have, or a Context that is not a workflow's, fails the steps of the branch.
func Branch(ctx openworkflow.Context, name string) openworkflow.Context {
	c, err := enter(ctx, "Branch", name)
	if c.scope == nil {
		return ctx // the step call that gets it says what is wrong
	}
	if err != nil {
		return &branch{Context: ctx, err: err, logger: ctx.Logger}
	}
	scope := c.scope.Branch(name)
	return &branch{Context: ctx, scope: scope, logger: sync.OnceValue(func() *slog.Logger {
		return edge.RunLogger(c.settings.Logger, scope)
	})}
}

// branch is a workflow's context with a scope of its own.
type branch struct {
	openworkflow.Context
	scope  *engine.Scope
	logger func() *slog.Logger
	err    error // what is wrong with the call of Branch
}

func (b *branch) Logger() *slog.Logger { return b.logger() }

func (b *branch) Value(key any) any {
	switch key {
	case engine.ScopeKey():
		return b.scope
	case branchErr{}:
		return b.err
	}
	return b.Context.Value(key)
}

type branchErr struct{}

// branchError is what is wrong with the branch that the context comes from, if it does.
func branchError(ctx openworkflow.Context) (err error) {
	if ctx == nil {
		return nil
	}
	defer func() { _ = recover() }() // a struct of the user's around a nil Context
	err, _ = ctx.Value(branchErr{}).(error)
	return err
}
