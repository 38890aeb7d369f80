package domain_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// The expectations are what resolveStepName of npm's openworkflow 0.10 answers to the same calls.
func TestNamesResolveAsTypeScript(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		calls []string
		want  []string
	}{
		{"distinct", []string{"a", "b", "c"}, []string{"a", "b", "c"}},
		{"repeats", []string{"a", "a", "a"}, []string{"a", "a:1", "a:2"}},
		{"interleaved", []string{"a", "b", "a", "b", "a"}, []string{"a", "b", "a:1", "b:1", "a:2"}},
		{"a suffix that the user took", []string{"a", "a:1", "a"}, []string{"a", "a:1", "a:2"}},
		{"taken further on", []string{"a", "a:2", "a", "a"}, []string{"a", "a:2", "a:1", "a:3"}},
		{"taken by a repeat", []string{"a", "a", "a:1"}, []string{"a", "a:1", "a:1:1"}},
		{"suffix of a suffix", []string{"a:1", "a", "a", "a:1"}, []string{"a:1", "a", "a:2", "a:1:1"}},
		{"empty", []string{"", "", ""}, []string{"", ":1", ":2"}},
		{"names of JavaScript's", []string{"__proto__", "__proto__", "constructor", "constructor"}, []string{"__proto__", "__proto__:1", "constructor", "constructor:1"}},
	} {
		var n domain.Names
		got := make([]string, len(c.calls))
		for i, base := range c.calls {
			got[i] = n.Resolve(base)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q became %q, want %q", c.name, c.calls, got, c.want)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	var n domain.Names
	seen := make(map[string]bool)
	for i := range 5000 {
		name := n.Resolve([]string{"a", "a:1", "a:1:1", fmt.Sprint("a:", i%7)}[i%4])
		if seen[name] {
			t.Fatalf("call %d got %q, which is taken", i, name)
		}
		seen[name] = true
	}
}
