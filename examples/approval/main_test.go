package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/workflowtest"
)

func TestProgram(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), &out, filepath.Join(t.TempDir(), "approval.db"), 500*time.Millisecond); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for text, times := range map[string]int{
		"please decide about expense ":    3,
		"was approved by ann, in advance": 1,
		"was approved by bob":             1,
		"was rejected by nobody in time":  1,
	} {
		if n := strings.Count(out.String(), text); n != times {
			t.Errorf("it printed %q %d times, want %d:\n%s", text, n, times, out.String())
		}
	}
}

// office is the workflow in a world of its own, where three days take no time.
func office(t *testing.T) (*workflowtest.Env, *Expenses, *bytes.Buffer) {
	t.Helper()
	told := new(bytes.Buffer)
	expenses := &Expenses{Notifier: &console{out: told}, Patience: 72 * time.Hour}
	env := workflowtest.New(t, expenses.Workflows()...)
	expenses.Client = env.Client()
	return env, expenses, told
}

func start(t *testing.T, env *workflowtest.Env, id string) *openworkflow.RunHandle[Decision] {
	t.Helper()
	h, err := ApproveExpense.Run(t.Context(), env.Client(), Expense{ID: id, Amount: 100})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantDecision(t *testing.T, h *openworkflow.RunHandle[Decision], want Decision) {
	t.Helper()
	if got, err := h.Result(t.Context()); err != nil || got != want {
		t.Errorf("the decision is %+v, %v; want %+v", got, err, want)
	}
}

func TestApproved(t *testing.T) {
	t.Parallel()
	env, expenses, told := office(t)
	h := start(t, env, "42")
	env.Advance(71 * time.Hour)
	if err := expenses.Decide(t.Context(), "42", Decision{Approved: true, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	wantDecision(t, h, Decision{Approved: true, By: "ann"})
	if want := "please decide about expense 42\nexpense 42 was approved by ann\n"; told.String() != want {
		t.Errorf("people were told %q, want %q", told.String(), want)
	}
}

func TestNobodyDecides(t *testing.T) {
	t.Parallel()
	env, _, _ := office(t)
	h := start(t, env, "42")
	env.Advance(72 * time.Hour)
	wantDecision(t, h, Decision{By: "nobody in time"})
}

func TestDecidedInAdvance(t *testing.T) {
	t.Parallel()
	env, expenses, _ := office(t)
	if err := expenses.Decide(t.Context(), "42", Decision{By: "bob"}); err != nil {
		t.Fatal(err)
	}
	env.Advance(59 * time.Minute)
	wantDecision(t, start(t, env, "42"), Decision{By: "bob"})

	if err := expenses.Decide(t.Context(), "43", Decision{Approved: true, By: "bob"}); err != nil {
		t.Fatal(err)
	}
	env.Advance(61 * time.Minute) // too early: the buffer has let it go
	h := start(t, env, "43")
	env.Advance(72 * time.Hour)
	wantDecision(t, h, Decision{By: "nobody in time"})
}
