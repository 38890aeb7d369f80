package domain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The errors with an identity that every layer shares. Package openworkflow exports those that users meet.
var (
	ErrRunNotFound       = errors.New("openworkflow: workflow run not found")
	ErrRunFinished       = errors.New("openworkflow: workflow run has already finished")
	ErrRunCanceled       = errors.New("openworkflow: workflow run was canceled")
	ErrDeadlineExceeded  = errors.New("openworkflow: workflow run deadline exceeded")
	ErrResultTimeout     = errors.New("openworkflow: timed out waiting for the result")
	ErrStepTimeout       = fmt.Errorf("openworkflow: step timed out: %w", context.DeadlineExceeded)
	ErrStepLimitExceeded = errors.New("openworkflow: step limit exceeded")
	ErrNondeterminism    = errors.New("openworkflow: workflow is not deterministic")
	ErrNestedStep        = errors.New("openworkflow: step called inside a step")
	ErrDamagedHistory    = errors.New("openworkflow: history is damaged")
	ErrInvalidPayload    = errors.New("openworkflow: invalid payload")
	ErrPayloadTooLarge   = errors.New("openworkflow: payload too large")
	ErrSuspended         = fmt.Errorf("openworkflow: the run goes on elsewhere or later; return this error: %w", context.Canceled)
)

// The stored identities of the errors that OpenWorkflow itself makes. The step limit's is TypeScript's.
const (
	codeStepLimit       = "STEP_LIMIT_EXCEEDED"
	codeDeadline        = "openworkflow:deadline-exceeded"
	codeStepTimeout     = "openworkflow:step-timeout"
	codeCanceled        = "openworkflow:run-canceled"
	codeNondeterminism  = "openworkflow:nondeterminism"
	codeNestedStep      = "openworkflow:nested-step"
	codeDamagedHistory  = "openworkflow:damaged-history"
	codeInvalidPayload  = "openworkflow:invalid-payload"
	codePayloadTooLarge = "openworkflow:payload-too-large"
)

// CodeInterrupted marks an attempt whose worker died in the middle; it counts against no budget.
const CodeInterrupted = "openworkflow:interrupted"

// InterruptedFailure closes an attempt whose worker died in the middle.
func InterruptedFailure() Failure {
	return Failure{Name: "Error", Message: "the worker died or lost its lease during this attempt", Code: CodeInterrupted}
}

// ReservedCodePrefix starts the codes that users' own errors may not use.
const ReservedCodePrefix = "openworkflow:"

var sentinelByCode = map[string]error{
	codeStepLimit:       ErrStepLimitExceeded,
	codeDeadline:        ErrDeadlineExceeded,
	codeStepTimeout:     ErrStepTimeout,
	codeCanceled:        ErrRunCanceled,
	codeNondeterminism:  ErrNondeterminism,
	codeNestedStep:      ErrNestedStep,
	codeDamagedHistory:  ErrDamagedHistory,
	codeInvalidPayload:  ErrInvalidPayload,
	codePayloadTooLarge: ErrPayloadTooLarge,
}

// SentinelOf is the error of OpenWorkflow's own that a stored code stands for, or nil.
func SentinelOf(code string) error { return sentinelByCode[code] }

// CodeOf is the stored code of an error that wraps one of OpenWorkflow's own, or "".
func CodeOf(err error) string {
	for code, sentinel := range sentinelByCode {
		if errors.Is(err, sentinel) {
			return code
		}
	}
	return ""
}

// NeverRetried reports whether trying again cannot help an error with this code: the code of the workflow
// or what it stores would have to change.
func NeverRetried(code string) bool {
	switch code {
	case codeStepLimit, codeNondeterminism, codeNestedStep, codeDamagedHistory, codeInvalidPayload, codePayloadTooLarge:
		return true
	}
	return false
}

// deadlineMessage is what TypeScript writes into a run whose deadline passed.
const deadlineMessage = "Workflow run deadline exceeded"

// Failure is an error as it is stored: TypeScript's {name?, message, stack?} and a code that carries identity.
type Failure struct {
	Name    string `json:"name,omitempty"`
	Message string `json:"message"`
	Stack   string `json:"stack,omitempty"`
	Code    string `json:"code,omitempty"`

	// What the error asked of the retry policy. Its outcome is stored (final, retry_at), the wish is not.
	NonRetryable bool          `json:"-"`
	RetryAfter   time.Duration `json:"-"` // 0 is: as the policy says
}

// FailureOf makes the storable form of an error of OpenWorkflow's own; it is never retried.
func FailureOf(err error) Failure {
	return Failure{Name: "Error", Message: err.Error(), Code: CodeOf(err), NonRetryable: true}.Storable()
}

// DeadlineFailure is what a run that passed its deadline is failed with, in both languages.
func DeadlineFailure() Failure { return Failure{Message: deadlineMessage, Code: codeDeadline} }

// EndedFailure closes an attempt that was still open when its run ended.
func EndedFailure(status RunStatus) Failure {
	return Failure{Name: "Error", Message: "the workflow run ended (" + string(status) + ") before this step did"}
}

// maxErrorText bounds each text of a stored error, the mark of a cut included, so that no error is too
// large to store and that what was cut once stays as it is.
const (
	maxErrorText = 64 << 10
	cutMark      = " …(cut)"
)

// Storable makes the texts storable: error text from user code is made to fit instead of being refused.
func (f Failure) Storable() Failure {
	f.Name, f.Message, f.Stack, f.Code = storable(f.Name), storable(f.Message), storable(f.Stack), storable(f.Code)
	return f
}

func storable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	if len(s) > maxErrorText {
		s = strings.ToValidUTF8(s[:maxErrorText-len(cutMark)], "") + cutMark
	}
	return s
}

// ParseFailure reads a stored error; nil for SQL NULL or JSON null. What is not an error object becomes
// one whose message is the JSON text, so that no row makes a reader fail.
func ParseFailure(raw []byte) *Failure {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var f Failure
	if err := json.Unmarshal(raw, &f); err != nil {
		return &Failure{Message: string(raw)}
	}
	if f.Code == "" && f.Message == deadlineMessage {
		f.Code = codeDeadline
	}
	return &f
}

// JSON is the stored form; nil for nil.
func (f *Failure) JSON() json.RawMessage {
	if f == nil {
		return nil
	}
	raw, err := json.Marshal(f.Storable())
	if err != nil { // four strings always marshal
		return json.RawMessage(`{"message":"unknown error"}`)
	}
	return raw
}
