package step

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// An option is accepted by the calls whose interface it implements; giving it to another does not compile.
type (
	// RunOption is an option of Run, Do and Go.
	RunOption interface{ run(*engine.StepCall) }
	// RunWorkflowOption is an option of RunWorkflow.
	RunWorkflowOption interface{ runWorkflow(*childConfig) }
	// SendSignalOption is an option of SendSignal.
	SendSignalOption interface{ sendSignal(*sendConfig) }
	// WaitForSignalOption is an option of WaitForSignal.
	WaitForSignalOption interface{ waitForSignal(*waitConfig) }

	// TimeoutOption is an option of Run, Do, Go, RunWorkflow and WaitForSignal.
	TimeoutOption interface {
		RunOption
		RunWorkflowOption
		WaitForSignalOption
	}
	// NameOption is an option of RunWorkflow, SendSignal and WaitForSignal.
	NameOption interface {
		RunWorkflowOption
		SendSignalOption
		WaitForSignalOption
	}
)

type childConfig struct {
	name string
	wait wait
}

type waitConfig struct {
	name string
	wait wait
}

type sendConfig struct {
	name   string
	buffer time.Duration
}

// wait is the bound of a durable wait; without one it is a year.
type wait struct {
	timeout time.Duration
	given   bool
}

// engine is the timeout as the engine takes it, for which 0 is a year.
func (w wait) engine() time.Duration {
	if w.given {
		return max(w.timeout, 1)
	}
	return 0
}

// WithTimeout bounds a step. It must not be negative.
//
//   - Run, Do, Go: each attempt. The step function's context ends then, and the attempt fails with
//     openworkflow.ErrStepTimeout, to be tried again as the retry policy says. 0, the default, is no bound.
//   - RunWorkflow: the wait for the child, from when it was started; the step then fails with
//     openworkflow.ErrStepTimeout, and the child goes on. The default is a year.
//   - WaitForSignal: the wait, which then ends without a signal (ok is false). The default is a year.
//
// The time is recorded with the step: a changed timeout does not change a wait that has begun.
func WithTimeout(d time.Duration) TimeoutOption { return timeoutOption(d) }

type timeoutOption time.Duration

func (o timeoutOption) run(c *engine.StepCall)      { c.Timeout = time.Duration(o) }
func (o timeoutOption) runWorkflow(c *childConfig)  { c.wait = wait{time.Duration(o), true} }
func (o timeoutOption) waitForSignal(c *waitConfig) { c.wait = wait{time.Duration(o), true} }

// WithName names the step. Without it a RunWorkflow step has the workflow's name, and SendSignal and
// WaitForSignal the signal's, as in TypeScript.
func WithName(name string) NameOption { return nameOption(name) }

type nameOption string

func (o nameOption) runWorkflow(c *childConfig)  { c.name = string(o) }
func (o nameOption) sendSignal(c *sendConfig)    { c.name = string(o) }
func (o nameOption) waitForSignal(c *waitConfig) { c.name = string(o) }

// WithRetryPolicy says when the step is tried again after its function returned an error. Without it the policy
// is the zero one: 10 attempts, after 1 s, 2 s, 4 s, … up to 100 s. Between attempts the run is parked and holds
// no worker. Only failures count as attempts; a crash in the middle of the function repeats it, though.
func WithRetryPolicy(p openworkflow.RetryPolicy) RunOption { return retryOption(p) }

type retryOption openworkflow.RetryPolicy

func (o retryOption) run(c *engine.StepCall) { c.Retry = domain.RetryPolicy(o) }

// WithBuffer keeps a signal that no run waits for, for so long: the next run that waits for it gets it, one
// signal to one wait, oldest first. Without it, or with 0, such a signal is dropped, as in TypeScript.
func WithBuffer(ttl time.Duration) SendSignalOption { return bufferOption(ttl) }

type bufferOption time.Duration

func (o bufferOption) sendSignal(c *sendConfig) { c.buffer = time.Duration(o) }
