package domain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

func TestParseFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, raw string
		want      *domain.Failure
	}{
		{"SQL NULL", ``, nil},
		{"JSON null", `null`, nil},
		{"TypeScript's", `{"name":"TypeError","message":"m","stack":"s"}`, &domain.Failure{Name: "TypeError", Message: "m", Stack: "s"}},
		{"ours", `{"message":"m","code":"c"}`, &domain.Failure{Message: "m", Code: "c"}},
		{"more than we know", `{"message":"m","cause":{"a":1}}`, &domain.Failure{Message: "m"}},
		{"TypeScript's deadline", `{"message":"Workflow run deadline exceeded"}`, &domain.Failure{Message: "Workflow run deadline exceeded", Code: "openworkflow:deadline-exceeded"}},
		{"a coded deadline message", `{"message":"Workflow run deadline exceeded","code":"mine"}`, &domain.Failure{Message: "Workflow run deadline exceeded", Code: "mine"}},
		{"empty object", `{}`, &domain.Failure{}},
		{"a string", `"boom"`, &domain.Failure{Message: `"boom"`}},
		{"an array", `[1]`, &domain.Failure{Message: `[1]`}},
		{"a number", `5`, &domain.Failure{Message: `5`}},
		{"numbers for texts", `{"message":5}`, &domain.Failure{Message: `{"message":5}`}},
		{"broken", `{"message":`, &domain.Failure{Message: `{"message":`}},
		{"wishes are not stored", `{"message":"m","NonRetryable":true,"RetryAfter":5}`, &domain.Failure{Message: "m"}},
	} {
		got := domain.ParseFailure([]byte(c.raw))
		if (got == nil) != (c.want == nil) || (got != nil && *got != *c.want) {
			t.Errorf("%s: %s was read as %+v, want %+v", c.name, c.raw, got, c.want)
		}
	}
}

// FuzzParseFailure: whatever a row holds, it can be read, and what was read can be stored and read again.
func FuzzParseFailure(f *testing.F) {
	for _, raw := range []string{``, `null`, `{"message":"m"}`, `{"message":"\u0000"}`, `"\ud800"`, "\"\xff\"", `{`, `[]`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		first := domain.ParseFailure(raw)
		stored := first.JSON()
		if first == nil {
			if stored != nil {
				t.Fatalf("no failure is stored as %s", stored)
			}
			return
		}
		if err := domain.CheckPayload(stored, 0); err != nil {
			t.Fatalf("%q is stored as %q, which no database takes: %v", raw, stored, err)
		}
		again := domain.ParseFailure(stored)
		if again == nil || string(again.JSON()) != string(stored) {
			t.Fatalf("%s was read again as %+v", stored, again)
		}
	})
}

func TestStorable(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100_000)
	got := domain.Failure{Name: "a\x00b", Message: "bad \xff\xfe byte", Stack: long, Code: "fine"}.Storable()
	if got.Name != "a\uFFFDb" || got.Message != "bad \uFFFD byte" || got.Code != "fine" {
		t.Errorf("stored as %+v", got)
	}
	if len(got.Stack) >= len(long) || !utf8.ValidString(got.Stack) || !strings.HasSuffix(got.Stack, "(cut)") {
		t.Errorf("a long text was cut to %d bytes, valid: %v", len(got.Stack), utf8.ValidString(got.Stack))
	}
	if again := got.Storable(); again != got {
		t.Errorf("storing again changes what is stored: %d bytes became %d", len(got.Stack), len(again.Stack))
	}
}

func TestFailureJSONIsTypeScripts(t *testing.T) {
	t.Parallel()
	var none *domain.Failure
	if none.JSON() != nil {
		t.Error("no failure is stored as something")
	}
	f := domain.Failure{Name: "Error", Message: "m", Stack: "s", NonRetryable: true, RetryAfter: 5}
	if got, want := string(f.JSON()), `{"name":"Error","message":"m","stack":"s"}`; got != want {
		t.Errorf("stored as %s, want %s", got, want)
	}
	if got, want := string((&domain.Failure{}).JSON()), `{"message":""}`; got != want {
		t.Errorf("an empty failure is stored as %s, want %s", got, want)
	}
	var v map[string]any
	deadline := domain.DeadlineFailure()
	if err := json.Unmarshal(deadline.JSON(), &v); err != nil || v["message"] != "Workflow run deadline exceeded" {
		t.Errorf("the deadline's failure is stored as %s (%v)", deadline.JSON(), err)
	}
}

func TestIdentitiesSurviveStorage(t *testing.T) {
	t.Parallel()
	for _, sentinel := range []error{
		domain.ErrStepLimitExceeded, domain.ErrDeadlineExceeded, domain.ErrStepTimeout, domain.ErrRunCanceled,
		domain.ErrNondeterminism, domain.ErrDamagedHistory, domain.ErrInvalidPayload, domain.ErrPayloadTooLarge,
	} {
		f := domain.FailureOf(fmt.Errorf("in a step: %w", sentinel))
		back := domain.ParseFailure(f.JSON())
		if !f.NonRetryable || !errors.Is(domain.SentinelOf(back.Code), sentinel) {
			t.Errorf("%v came back with code %q (%v)", sentinel, back.Code, domain.SentinelOf(back.Code))
		}
	}
	if domain.CodeOf(errors.New("another")) != "" || domain.SentinelOf("another") != nil || domain.SentinelOf("") != nil {
		t.Error("an error of the user's has one of our identities")
	}
	if !errors.Is(domain.ErrStepTimeout, context.DeadlineExceeded) || !errors.Is(domain.ErrSuspended, context.Canceled) {
		t.Error("the errors of contexts are not wrapped")
	}
}
