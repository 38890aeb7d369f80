package edge

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrInvalidArgument marks the errors of calls that cannot be right: a bad name, a negative duration, a
// nil function, a context that is no workflow's.
var ErrInvalidArgument = errors.New("openworkflow: invalid argument")

// The longest names and keys, in bytes: both are part of indexes, whose entries are bounded.
const (
	MaxName = 512
	MaxKey  = 1024
)

// Invalid makes an error that wraps ErrInvalidArgument.
func Invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalidArgument, fmt.Errorf(format, args...))
}

// CheckName refuses a name of a workflow, step or signal that is empty, longer than MaxName bytes, or not
// storable. what says whose name it is.
func CheckName(what, name string) error {
	if name == "" {
		return Invalid("the %s is empty", what)
	}
	return CheckText(what, name, MaxName)
}

// CheckText refuses text that is too long, not valid UTF-8, or has a NUL character.
func CheckText(what, text string, limit int) error {
	switch {
	case len(text) > limit:
		return Invalid("the %s has %d bytes; the limit is %d", what, len(text), limit)
	case !utf8.ValidString(text):
		return Invalid("the %s %q is not valid UTF-8", what, text)
	case strings.IndexByte(text, 0) >= 0:
		return Invalid("the %s %q has a NUL character", what, text)
	}
	return nil
}

// CheckDuration refuses a negative duration.
func CheckDuration(what string, d time.Duration) error {
	if d < 0 {
		return Invalid("%s is %v; it must not be negative", what, d)
	}
	return nil
}

// CheckTime refuses a time that cannot be written as the tables and TypeScript write times.
func CheckTime(what string, t time.Time) error {
	if y := t.UTC().Year(); !t.IsZero() && (y < 1 || y > 9999) {
		return Invalid("%s is in the year %d; use 1 to 9999", what, y)
	}
	return nil
}
