package openworkflow

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// The errors of OpenWorkflow's own that callers may want to tell apart, with errors.Is. Those that a step or
// run can fail with are stored by identity, so that errors.Is answers alike in the workflow function, after a
// replay, in the parent of a child workflow, and at the client.
var (
	// ErrRunNotFound: there is no run with this id in the client's namespace.
	ErrRunNotFound = domain.ErrRunNotFound

	// ErrRunFinished: the run has completed or failed, so it can neither be canceled nor signalled; a
	// canceled run cannot be signalled either.
	ErrRunFinished = domain.ErrRunFinished

	// ErrRunCanceled: the run was canceled. Result returns it, and step.RunWorkflow when the child was.
	ErrRunCanceled = domain.ErrRunCanceled

	// ErrDeadlineExceeded: the run was failed because its deadline (WithDeadline) passed. It is not
	// context.DeadlineExceeded, which says that a context of the caller ended.
	ErrDeadlineExceeded = domain.ErrDeadlineExceeded

	// ErrResultTimeout: Result gave up waiting (WithResultTimeout). The run goes on.
	ErrResultTimeout = domain.ErrResultTimeout

	// ErrStepTimeout: an attempt of a step, or the wait for a child workflow, took longer than
	// step.WithTimeout allows. It wraps context.DeadlineExceeded.
	ErrStepTimeout = domain.ErrStepTimeout

	// ErrStepLimitExceeded: the run made more step attempts than WorkerOptions.StepLimit allows. The run
	// fails and is not retried.
	ErrStepLimitExceeded = domain.ErrStepLimitExceeded

	// ErrNondeterminism: the workflow function does not do what its history says it did: the code changed
	// under a run that had begun (give the new code another WithVersion), or its steps depend on time,
	// chance or the order of goroutines. The message names the step.
	ErrNondeterminism = domain.ErrNondeterminism

	// ErrNestedStep: a step was called from inside another step's function. Call it before or after that step:
	// its result would be recorded although the step around it may run again.
	ErrNestedStep = domain.ErrNestedStep

	// ErrDamagedHistory: a stored row of the run cannot be understood. The message names the row.
	ErrDamagedHistory = domain.ErrDamagedHistory

	// ErrPayloadTooLarge: the JSON of an input, result or signal is larger than WithMaxPayload allows.
	ErrPayloadTooLarge = domain.ErrPayloadTooLarge

	// ErrInvalidPayload: a value cannot be stored as JSON and read back: its type holds functions,
	// channels, errors or nothing that is exported, its text is not valid UTF-8 or has a NUL character, a
	// number is not finite; or stored JSON does not fit the type it is to be read into.
	ErrInvalidPayload = domain.ErrInvalidPayload

	// ErrSuspended: the run goes on elsewhere or later, and this execution of its workflow function has to
	// end. Every step call returns it from then on; return it (or any error: the outcome is discarded).
	// It wraps context.Canceled.
	ErrSuspended = domain.ErrSuspended

	// ErrInvalidArgument: a call that cannot be right: a bad name, a negative duration, a nil function, a
	// Context that is not a workflow's. A run that fails with it is not retried.
	ErrInvalidArgument = edge.ErrInvalidArgument

	// ErrClientClosed: the client has been closed.
	ErrClientClosed = errors.New("openworkflow: the client is closed")
)

// ErrorCode is an error whose identity is stored. Declare it as a constant, return it from a step or
// workflow (as it is, or wrapped with fmt.Errorf and %w), and errors.Is finds it wherever the failure
// arrives: in the workflow function, after a crash and replay, in the parent workflow, at the client in
// another process.
//
//	const ErrDeclined = openworkflow.ErrorCode("card-declined")
//
//	if errors.Is(err, ErrDeclined) { … }
//
// Other errors arrive as their type name and message only (StepError, RunFailedError). Codes are compared
// by value, so choose them as you would choose names of error codes in an API. A code that is empty or
// starts with "openworkflow:" has no stored identity.
//
// With errors.As into an *ErrorCode variable the code itself is found.
type ErrorCode string

// Error is the code.
func (c ErrorCode) Error() string { return string(c) }

// storable reports whether the code's identity may be stored: it names something, and nothing of OpenWorkflow's.
func (c ErrorCode) storable() bool {
	return c != "" && !strings.HasPrefix(string(c), domain.ReservedCodePrefix) && sentinelOf(string(c)) == nil
}

// StepError is what a step call returns when the step has failed for good: its retry policy is exhausted or
// its error was not to be retried. It is made from what is stored, live as in replay, so the error that the
// step function returned is not in its chain; its identity is, if it had one (ErrorCode, or an error of this
// package).
//
// A workflow function that returns it, wrapped or not, fails its run; the workflow's retry policy does not
// apply, since an exhausted step would only fail again (as in the TypeScript OpenWorkflow).
type StepError struct {
	// StepName is the resolved name of the step.
	StepName string
	// Attempts is the number of attempts that failed.
	Attempts int
	// Type is the name of the error's type: "Error" for those of errors.New and fmt.Errorf.
	Type string
	// Message is the text of the error.
	Message string

	code string
}

// Error names the step and gives the message.
func (e *StepError) Error() string {
	if e.Attempts > 1 {
		return fmt.Sprintf("step %q failed after %d attempts: %s", e.StepName, e.Attempts, e.Message)
	}
	return fmt.Sprintf("step %q failed: %s", e.StepName, e.Message)
}

// Unwrap is the stored identity of the failure: an ErrorCode, an error of this package, or nil.
func (e *StepError) Unwrap() error { return identity(e.code) }

// RunFailedError is what Result returns for a run that failed. It unwraps to the stored identity of the
// failure, as StepError does.
type RunFailedError struct {
	RunID        string
	WorkflowName string
	// Type is the name of the error's type: "Error" for those of errors.New and fmt.Errorf.
	Type string
	// Message is the text of the error.
	Message string

	code string
}

// Error names the run and gives the message.
func (e *RunFailedError) Error() string {
	return fmt.Sprintf("workflow %q (run %s) failed: %s", e.WorkflowName, e.RunID, e.Message)
}

// Unwrap is the stored identity of the failure: an ErrorCode, an error of this package, or nil.
func (e *RunFailedError) Unwrap() error { return identity(e.code) }

// NonRetryable marks an error so that the step or workflow that returns it is not tried again, whatever its
// retry policy says. The text and identity of err are kept. NonRetryable(nil) is nil.
func NonRetryable(err error) error {
	if err == nil {
		return nil
	}
	return &nonRetryable{err}
}

// RetryAfter marks an error so that the next try of the step or workflow that returns it comes d after the
// failure, instead of after the policy's interval; the number of attempts stays the policy's. The time is
// stored and survives restarts. A d of zero or less is at once. The text and identity of err are kept.
// RetryAfter(nil, d) is nil.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryAfter{err, max(d, 1)} // 0 would be: as the policy says
}

type nonRetryable struct{ err error }

func (e *nonRetryable) Error() string { return e.err.Error() }
func (e *nonRetryable) Unwrap() error { return e.err }

type retryAfter struct {
	err   error
	after time.Duration
}

func (e *retryAfter) Error() string { return e.err.Error() }
func (e *retryAfter) Unwrap() error { return e.err }
