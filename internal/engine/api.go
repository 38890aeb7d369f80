package engine

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Errors translates between the errors of user code and what is stored.
type Errors interface {
	// Encode makes the storable form of an error that a step or workflow function returned.
	Encode(err error) domain.Failure
	// StepError makes the error that a step call returns for a failure that is final.
	StepError(step string, attempts int, f domain.Failure) error
}

// Definition is a workflow that a worker can execute.
type Definition struct {
	Name, Version string
	RetryPolicy   domain.RetryPolicy
	// Run decodes the input, calls the user's function and encodes what it returns.
	Run func(s *Scope, input json.RawMessage) (json.RawMessage, error)
}

// WorkerConfig configures a Worker. The caller has validated it; nothing has a default here.
type WorkerConfig struct {
	Backend       ports.Backend
	Definitions   []Definition
	Concurrency   int
	LeaseDuration time.Duration
	StepLimit     int
	Errors        Errors
	Logger        *zap.Logger
	Observer      Observer // nil is none
}

// StepCall is a call of a function step.
type StepCall struct {
	Name    string
	Timeout time.Duration // of each attempt; 0 is none
	Retry   domain.RetryPolicy
	Fn      func(ctx context.Context) (json.RawMessage, error)
}

// ChildCall is a call of a child workflow.
type ChildCall struct {
	StepName          string
	Workflow, Version string
	Input             json.RawMessage
	Timeout           time.Duration // of the wait; 0 is a year
}

// SendCall sends a signal as a step.
type SendCall struct {
	StepName string
	Signal   string
	Data     json.RawMessage
	Buffer   time.Duration
}

// WaitCall waits for a signal.
type WaitCall struct {
	StepName string
	Signal   string
	Timeout  time.Duration // 0 is a year
}

type scopeKey struct{}

// ContextWithScope returns a context that carries the scope.
func ContextWithScope(ctx context.Context, s *Scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, s)
}

// ScopeKey is the key under which a context carries its scope, for context types that answer it themselves.
func ScopeKey() any { return scopeKey{} }

// ScopeFrom returns the scope that the context carries, or nil.
func ScopeFrom(ctx context.Context) *Scope {
	s, _ := ctx.Value(scopeKey{}).(*Scope)
	return s
}
