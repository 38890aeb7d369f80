package domain_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123_456_789, time.FixedZone("east", 2*3600))

// The texts are what JSON.stringify makes of TypeScript's contexts.
func TestWaitContextIsTypeScripts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wait domain.WaitContext
		want string
	}{
		{domain.WaitContext{Kind: domain.KindSleep, ResumeAt: noon}, `{"kind":"sleep","resumeAt":"2026-03-04T10:00:00.123Z"}`},
		{domain.WaitContext{Kind: domain.KindWorkflow, TimeoutAt: noon}, `{"kind":"workflow","timeoutAt":"2026-03-04T10:00:00.123Z"}`},
		{domain.WaitContext{Kind: domain.KindSignalWait, Signal: "go", TimeoutAt: noon}, `{"kind":"signal-wait","signal":"go","timeoutAt":"2026-03-04T10:00:00.123Z"}`},
		{domain.WaitContext{Kind: domain.KindSleep, ResumeAt: time.Unix(0, 0)}, `{"kind":"sleep","resumeAt":"1970-01-01T00:00:00.000Z"}`},
	} {
		got, err := json.Marshal(c.wait)
		if err != nil || string(got) != c.want {
			t.Errorf("got %s (%v), want %s", got, err, c.want)
		}
	}
	if _, err := json.Marshal(domain.WaitContext{Kind: domain.KindFunction}); err == nil {
		t.Error("a function step has a wait context")
	}
}

func TestWaitReadsWhatItWrote(t *testing.T) {
	t.Parallel()
	at := noon.Truncate(time.Millisecond)
	for _, w := range []domain.WaitContext{
		{Kind: domain.KindSleep, ResumeAt: at},
		{Kind: domain.KindWorkflow, TimeoutAt: at},
		{Kind: domain.KindSignalWait, Signal: "<\u2028>", TimeoutAt: at},
	} {
		raw, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		a := domain.StepAttempt{Kind: w.Kind, Context: raw}
		got, err := a.Wait()
		if err != nil || got.Signal != w.Signal || !got.WakeAt().Equal(at) {
			t.Errorf("wrote %s, read %+v (%v)", raw, got, err)
		}
	}
}

func TestWaitOfRowsFromElsewhere(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	year := created.AddDate(1, 0, 0)
	for _, c := range []struct {
		name    string
		kind    domain.StepKind
		context string
		want    time.Time
		damaged bool
	}{
		{"sleep without a context is over", domain.KindSleep, ``, created, false},
		{"sleep without a time is over", domain.KindSleep, `{"kind":"sleep"}`, created, false},
		{"sleep with a broken time is over", domain.KindSleep, `{"resumeAt":"soon"}`, created, false},
		{"workflow with null", domain.KindWorkflow, `{"kind":"workflow","timeoutAt":null}`, year, false},
		{"workflow without a context", domain.KindWorkflow, `null`, year, false},
		{"signal without a time", domain.KindSignalWait, `{"kind":"signal-wait","signal":"s"}`, year, false},
		{"signal with microseconds", domain.KindSignalWait, `{"signal":"s","timeoutAt":"2026-01-03T00:00:00.000001Z"}`, created.AddDate(0, 0, 1).Add(time.Microsecond), false},
		{"signal without a name", domain.KindSignalWait, `{"kind":"signal-wait"}`, time.Time{}, true},
		{"not JSON", domain.KindSleep, `{`, time.Time{}, true},
		{"not an object", domain.KindSleep, `[1]`, time.Time{}, true},
		{"a number for a time", domain.KindSleep, `{"resumeAt":5}`, time.Time{}, true},
	} {
		a := domain.StepAttempt{Kind: c.kind, Context: json.RawMessage(c.context), CreatedAt: created}
		got, err := a.Wait()
		if c.damaged {
			if !errors.Is(err, domain.ErrDamagedHistory) {
				t.Errorf("%s: got %v, want ErrDamagedHistory", c.name, err)
			}
			continue
		}
		if err != nil || !got.WakeAt().Equal(c.want) {
			t.Errorf("%s: wakes at %v (%v), want %v", c.name, got.WakeAt(), err, c.want)
		}
	}
}

func FuzzWait(f *testing.F) {
	f.Add("sleep", `{"resumeAt":"2026-01-03T00:00:00.000Z"}`)
	f.Add("signal-wait", `{"signal":5}`)
	f.Add("workflow", `{"timeoutAt":{}}`)
	f.Fuzz(func(t *testing.T, kind, context string) {
		a := domain.StepAttempt{Kind: domain.StepKind(kind), Context: json.RawMessage(context)}
		if _, err := a.Wait(); err != nil && !errors.Is(err, domain.ErrDamagedHistory) {
			t.Errorf("an error of another kind: %v", err)
		}
	})
}

func TestKeysAreTypeScripts(t *testing.T) {
	t.Parallel()
	if got, want := domain.ChildKey("default", "id"), "__workflow:default:id"; got != want {
		t.Errorf("child key %q, want %q", got, want)
	}
	if got, want := domain.SignalStepKey("run", "step:1"), "__signal:run:step:1"; got != want {
		t.Errorf("signal key %q, want %q", got, want)
	}
}

func TestCeilMillis(t *testing.T) {
	t.Parallel()
	whole := time.Date(2026, 1, 1, 0, 0, 0, 5_000_000, time.UTC)
	for in, want := range map[time.Time]time.Time{
		whole: whole, whole.Add(1): whole.Add(time.Millisecond), whole.Add(-1): whole, whole.Add(999_999): whole.Add(time.Millisecond),
	} {
		if got := domain.CeilMillis(in); !got.Equal(want) {
			t.Errorf("%v is rounded to %v, want %v", in, got, want)
		}
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]domain.RunStatus{
		"sleeping": domain.RunRunning, "succeeded": domain.RunCompleted, "pending": domain.RunPending, "canceled": domain.RunCanceled,
	} {
		if got := domain.ParseRunStatus(stored); got != want || !got.Valid() {
			t.Errorf("%q is read as %q, want %q", stored, got, want)
		}
	}
	if domain.ParseRunStatus("paused").Valid() || domain.RunStatus("").Valid() {
		t.Error("an unknown status is valid")
	}
	if domain.ParseStepStatus("succeeded") != domain.StepCompleted || domain.ParseStepStatus("failed") != domain.StepFailed {
		t.Error("step statuses are read wrongly")
	}
	for s, want := range map[domain.RunStatus]bool{
		domain.RunPending: false, domain.RunRunning: false, domain.RunCompleted: true, domain.RunFailed: true, domain.RunCanceled: true, "paused": false,
	} {
		if s.Terminal() != want {
			t.Errorf("%q: terminal is %v", s, !want)
		}
	}
	var c domain.RunCounts
	for i, s := range []string{"pending", "running", "sleeping", "completed", "succeeded", "failed", "canceled", "paused"} {
		c.Add(s, int64(1)<<i)
	}
	if want := (domain.RunCounts{Pending: 1, Running: 6, Completed: 24, Failed: 32, Canceled: 64}); c != want {
		t.Errorf("counts %+v, want %+v", c, want)
	}
}
