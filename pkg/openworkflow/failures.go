package openworkflow

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// codeInvalidArgument is the stored identity of ErrInvalidArgument.
const codeInvalidArgument = domain.ReservedCodePrefix + "invalid-argument"

// sentinelOf is the error of this package that a stored code stands for, or nil.
func sentinelOf(code string) error {
	if code == codeInvalidArgument {
		return ErrInvalidArgument
	}
	return domain.SentinelOf(code)
}

// identity is what a stored code stands for: an error of this package, an ErrorCode, or nil for none.
func identity(code string) error {
	if code == "" {
		return nil
	}
	if s := sentinelOf(code); s != nil {
		return s
	}
	return ErrorCode(code)
}

// failures translates between errors and their stored form, for the engine.
type failures struct{}

// StepError makes the error that a step call returns.
func (failures) StepError(step string, attempts int, f domain.Failure) error {
	return &StepError{StepName: step, Attempts: attempts, Type: typeOf(f), Message: f.Message, code: f.Code}
}

func typeOf(f domain.Failure) string {
	if f.Name == "" {
		return plainError
	}
	return f.Name
}

// Encode makes the storable form of an error that user code returned. The methods of that error are user
// code too and may panic.
func (failures) Encode(err error) (f domain.Failure) {
	defer func() {
		if p := recover(); p != nil {
			f = domain.Failure{Name: plainError, Message: fmt.Sprintf("the error, a %T, panicked when asked: %v", err, p)}.Storable()
		}
	}()
	f = domain.Failure{Name: typeName(err), Message: err.Error()}
	if f.Message == "" {
		f.Message = f.Name
	}
	encodeIdentity(err, &f)
	encodeWishes(err, &f)
	return f.Storable()
}

// encodeIdentity finds what the error is: the failure of a step or run that it passes on, an ErrorCode, or an
// error of this package.
func encodeIdentity(err error, f *domain.Failure) {
	var step *StepError
	var run *RunFailedError
	var code ErrorCode
	switch {
	case errors.As(err, &step) && step != nil:
		f.Name, f.Code, f.NonRetryable = step.Type, step.code, true
	case errors.As(err, &run) && run != nil:
		f.Name, f.Code = run.Type, run.code
	case errors.As(err, &code) && code.storable():
		f.Code = string(code)
	case errors.Is(err, ErrInvalidArgument):
		f.Code = codeInvalidArgument
	default:
		f.Code = domain.CodeOf(err)
	}
	if f.Name == "" {
		f.Name = plainError
	}
}

// encodeWishes finds what the error asks of the retry policy. What is wrong with the code or the stored data
// is not asked again: it would be wrong again.
func encodeWishes(err error, f *domain.Failure) {
	var never *nonRetryable
	var after *retryAfter
	if errors.As(err, &never) {
		f.NonRetryable = true
	}
	if errors.As(err, &after) {
		f.RetryAfter = after.after
	}
	if f.Code == codeInvalidArgument || domain.NeverRetried(f.Code) {
		f.NonRetryable = true
	}
}

// plainError is the type name of errors that have no type of their own; JavaScript's.
const plainError = "Error"

// typeName is the name of the error's type, without package and pointer. Wrappers that only add text are
// looked through.
func typeName(err error) string {
	for err != nil {
		t := reflect.TypeOf(err)
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if !plainWrapper(t) {
			name, _, _ := strings.Cut(t.Name(), "[")
			if name == "" {
				return plainError
			}
			return name
		}
		err = errors.Unwrap(err)
	}
	return plainError
}

var (
	typeNonRetryable = reflect.TypeFor[nonRetryable]()
	typeRetryAfter   = reflect.TypeFor[retryAfter]()
)

// plainWrapper reports whether the type says nothing about the error: it is errors', fmt's, or a mark of ours.
func plainWrapper(t reflect.Type) bool {
	switch t.PkgPath() {
	case "errors", "fmt":
		return true
	}
	return t == typeNonRetryable || t == typeRetryAfter
}

// runFailed is the error of a failed run.
func runFailed(run *domain.Run) error {
	f := domain.Failure{Message: "unknown error"}
	if run.Error != nil {
		f = *run.Error
	}
	return &RunFailedError{RunID: run.ID, WorkflowName: run.WorkflowName, Type: typeOf(f), Message: f.Message, code: f.Code}
}
