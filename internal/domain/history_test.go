package domain_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// at is a moment of a run, in milliseconds.
func at(ms int) time.Time { return time.UnixMilli(int64(1_800_000_000_000 + ms)).UTC() }

// did is an attempt that took from one moment to another.
func did(id, step string, from, to int, change ...func(*domain.StepAttempt)) domain.StepAttempt {
	a := domain.StepAttempt{
		NamespaceID: "ns", RunID: "run", ID: id, StepName: step, Kind: domain.KindFunction, Status: domain.StepCompleted,
		Output: json.RawMessage(`"` + id + `"`), StartedAt: at(from), CreatedAt: at(from), FinishedAt: at(to), UpdatedAt: at(to),
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func failing(final bool, retryAt time.Time) func(*domain.StepAttempt) {
	return func(a *domain.StepAttempt) {
		a.Status, a.Output, a.Error, a.Final, a.RetryAt = domain.StepFailed, nil, &domain.Failure{Message: "no"}, final, retryAt
	}
}

func open(a *domain.StepAttempt) {
	a.Status, a.Output, a.FinishedAt = domain.StepRunning, nil, time.Time{}
}

func ofKind(k domain.StepKind) func(*domain.StepAttempt) {
	return func(a *domain.StepAttempt) { a.Kind = k }
}

func TestHistoryBefore(t *testing.T) {
	t.Parallel()
	interrupted := func(a *domain.StepAttempt) {
		f := domain.InterruptedFailure()
		a.Status, a.Output, a.Error = domain.StepFailed, nil, &f
	}
	for name, c := range map[string]struct {
		attempts []domain.StepAttempt
		from     string
		want     []string
	}{
		"the first step": {[]domain.StepAttempt{did("1", "a", 0, 1), did("2", "b", 2, 3)}, "a", nil},
		"what completed, of every kind": {[]domain.StepAttempt{
			did("1", "a", 0, 1), did("2", "nap", 2, 3, ofKind(domain.KindSleep)), did("3", "wait", 4, 5, ofKind(domain.KindSignalWait)),
			did("4", "send", 6, 7, ofKind(domain.KindSignalSend)), did("5", "child", 8, 9, ofKind(domain.KindWorkflow)), did("6", "b", 10, 11),
		}, "b", []string{"1", "2", "3", "4", "5"}},
		"not what came after it": {[]domain.StepAttempt{did("1", "a", 0, 1), did("2", "b", 2, 3), did("3", "c", 4, 5)}, "b", []string{"1"}},
		"a repeated step by its resolved name": {[]domain.StepAttempt{
			did("1", "charge", 0, 1), did("2", "charge:1", 2, 3), did("3", "charge:2", 4, 5),
		}, "charge:1", []string{"1"}},
		"of a retried step what completed": {[]domain.StepAttempt{
			did("1", "a", 0, 1, failing(false, at(2))), did("2", "a", 2, 3), did("3", "b", 4, 5),
		}, "b", []string{"2"}},
		"before its first attempt, not its last": {[]domain.StepAttempt{
			did("1", "a", 0, 1, failing(false, at(2))), did("2", "b", 1, 2), did("3", "a", 3, 4),
		}, "b", []string{"3"}},
		"all failures of a step that failed for good, and was caught": {[]domain.StepAttempt{
			did("1", "a", 0, 1, failing(false, at(2))), did("2", "a", 2, 3, interrupted), did("3", "a", 4, 5, failing(true, time.Time{})), did("4", "b", 5, 6),
		}, "b", []string{"1", "3"}},
		"and of one that TypeScript exhausted": {[]domain.StepAttempt{
			did("1", "a", 0, 1, failing(false, time.Time{})), did("2", "b", 2, 3),
		}, "b", []string{"1"}},
		"not of one that failed after the step began": {[]domain.StepAttempt{
			did("1", "a", 0, 9, failing(true, time.Time{})), did("2", "b", 1, 2),
		}, "b", nil},
		"not of one that is being retried": {[]domain.StepAttempt{
			did("1", "a", 0, 1, failing(false, at(99))), did("2", "b", 2, 3),
		}, "b", nil},
		"not what is open":                               {[]domain.StepAttempt{did("1", "wait", 0, 0, open), did("2", "b", 1, 2)}, "b", nil},
		"not what was only interrupted":                  {[]domain.StepAttempt{did("1", "a", 0, 1, interrupted), did("2", "b", 2, 3)}, "b", nil},
		"what began before, if it completed later":       {[]domain.StepAttempt{did("1", "a", 0, 9), did("2", "b", 1, 2)}, "b", []string{"1"}},
		"in the order of the list where times are equal": {[]domain.StepAttempt{did("1", "a", 0, 0), did("2", "b", 0, 0), did("3", "c", 0, 0)}, "b", []string{"1"}},
	} {
		got, err := domain.HistoryBefore(c.attempts, c.from)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var kept []string
		for i, g := range got {
			k := slices.IndexFunc(c.attempts, func(a domain.StepAttempt) bool { return a.CreatedAt.Equal(g.CreatedAt) && a.StepName == g.StepName })
			kept = append(kept, c.attempts[k].ID)
			if g.ID == c.attempts[k].ID || g.RunID != "" || g.NamespaceID != "" || string(g.Output) != string(c.attempts[k].Output) {
				t.Errorf("%s: attempt %d is %+v", name, i, g)
			}
			if i > 0 && got[i-1].ID >= g.ID {
				t.Errorf("%s: the new ids %s and %s are not in order", name, got[i-1].ID, g.ID)
			}
		}
		if !slices.Equal(kept, c.want) {
			t.Errorf("%s: kept %v, want %v", name, kept, c.want)
		}
	}
}

func TestHistoryBeforeAnUnknownStep(t *testing.T) {
	t.Parallel()
	_, err := domain.HistoryBefore([]domain.StepAttempt{did("1", "a", 0, 1), did("2", "b", 2, 3), did("3", "b", 4, 5)}, "c")
	if !errors.Is(err, domain.ErrStepNotFound) || !strings.HasSuffix(err.Error(), `"c"; there are: a, b`) {
		t.Error(err)
	}
	if _, err = domain.HistoryBefore(nil, "c"); !errors.Is(err, domain.ErrStepNotFound) || !strings.Contains(err.Error(), "no steps yet") {
		t.Error(err)
	}
	var many []domain.StepAttempt
	for i := range 100 {
		many = append(many, did("", fmt.Sprint("step-", i), i, i))
	}
	if _, err = domain.HistoryBefore(many, "c"); !strings.Contains(err.Error(), "step-29 and 70 more") {
		t.Error(err)
	}
}

func TestRerunConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, from, want string }{
		{``, "", `{"rerunOf":"r"}`},
		{`{}`, "s", `{"fromStep":"s","rerunOf":"r"}`},
		{`{"kept":{"a":[1.0]},"rerunOf":"older","fromStep":"older"}`, "", `{"kept":{"a":[1.0]},"rerunOf":"r"}`},
		{`null`, `a "quote"`, `{"fromStep":"a \"quote\"","rerunOf":"r"}`},
		{`[1]`, "", `{"rerunOf":"r"}`},
	} {
		got := domain.RerunConfig(json.RawMessage(c.config), "r", c.from)
		if string(got) != c.want {
			t.Errorf("%s from %q: %s, want %s", c.config, c.from, got, c.want)
		}
		if of, from := domain.RerunOrigin(got); of != "r" || from != c.from {
			t.Errorf("%s is read as %q, %q", got, of, from)
		}
		if r := (&domain.Run{Config: got}); r.BeganWithHistory() != (c.from != "") {
			t.Errorf("%s: began with a history: %v", got, r.BeganWithHistory())
		}
	}
	for _, config := range []string{``, `{}`, `null`, `[]`, `{"rerunOf":1}`, `{"fromStep":""}`, `{`} {
		if of, from := domain.RerunOrigin(json.RawMessage(config)); of != "" || from != "" {
			t.Errorf("%s is read as %q, %q", config, of, from)
		}
	}
}
