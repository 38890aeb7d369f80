package domain

import (
	"encoding/json"
	"fmt"
	"time"
)

// StepStatus is where a step attempt stands.
type StepStatus string

// The step attempt statuses.
const (
	StepRunning   StepStatus = "running"
	StepCompleted StepStatus = "completed"
	StepFailed    StepStatus = "failed"
)

// ParseStepStatus maps a stored status, the legacy word included, to today's.
func ParseStepStatus(s string) StepStatus {
	if s == "succeeded" {
		return StepCompleted
	}
	return StepStatus(s)
}

// StepKind is what a step does.
type StepKind string

// The step kinds.
const (
	KindFunction   StepKind = "function"
	KindSleep      StepKind = "sleep"
	KindWorkflow   StepKind = "workflow"
	KindSignalSend StepKind = "signal-send"
	KindSignalWait StepKind = "signal-wait"
)

// StepAttempt is a row of step_attempts. Empty strings, nil payloads and zero times stand for NULL.
type StepAttempt struct {
	NamespaceID      string
	ID               string
	RunID            string
	StepName         string
	Kind             StepKind
	Status           StepStatus
	Config           json.RawMessage
	Context          json.RawMessage
	Output           json.RawMessage
	Error            *Failure
	Final            bool      // a failure that is never retried, whatever the policy says later
	RetryAt          time.Time // when the retry after this failure is due
	ChildNamespaceID string
	ChildRunID       string
	StartedAt        time.Time
	FinishedAt       time.Time
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// WaitContext is the context column of the attempts that wait: what they wait for and until when. Its
// JSON is TypeScript's.
type WaitContext struct {
	Kind      StepKind
	Signal    string    // of a signal-wait
	ResumeAt  time.Time // of a sleep
	TimeoutAt time.Time // of a signal-wait or workflow; zero is none recorded
}

// WakeAt is when the wait ends if nothing else ends it.
func (w WaitContext) WakeAt() time.Time {
	if w.Kind == KindSleep {
		return w.ResumeAt
	}
	return w.TimeoutAt
}

const isoMillis = "2006-01-02T15:04:05.000Z"

// FormatTime writes t as JavaScript's toISOString does.
func FormatTime(t time.Time) string { return t.UTC().Format(isoMillis) }

// MarshalJSON writes the wait as TypeScript does.
func (w WaitContext) MarshalJSON() ([]byte, error) {
	at := FormatTime(w.WakeAt())
	switch w.Kind {
	case KindSleep:
		return json.Marshal(struct {
			Kind     StepKind `json:"kind"`
			ResumeAt string   `json:"resumeAt"`
		}{w.Kind, at})
	case KindWorkflow:
		return json.Marshal(struct {
			Kind      StepKind `json:"kind"`
			TimeoutAt string   `json:"timeoutAt"`
		}{w.Kind, at})
	case KindSignalWait:
		return json.Marshal(struct {
			Kind      StepKind `json:"kind"`
			Signal    string   `json:"signal"`
			TimeoutAt string   `json:"timeoutAt"`
		}{w.Kind, w.Signal, at})
	}
	return nil, fmt.Errorf("openworkflow: a %q step does not wait", w.Kind)
}

// DefaultWait is how long a signal-wait or a child workflow is waited for when nothing is said: a year, as TypeScript.
func DefaultWait(from time.Time) time.Time { return from.AddDate(1, 0, 0) }

// Wait reads what the attempt waits for. Rows that TypeScript wrote are understood as TypeScript reads
// them: a sleep without a readable time is over, another wait without one ends a year after it began.
func (a *StepAttempt) Wait() (WaitContext, error) {
	var raw struct {
		Kind      StepKind `json:"kind"`
		Signal    string   `json:"signal"`
		ResumeAt  *string  `json:"resumeAt"`
		TimeoutAt *string  `json:"timeoutAt"`
	}
	if len(a.Context) > 0 {
		if err := json.Unmarshal(a.Context, &raw); err != nil {
			return WaitContext{}, fmt.Errorf("%w: the context of step %q (attempt %s) cannot be read: %w", ErrDamagedHistory, a.StepName, a.ID, err)
		}
	}
	w := WaitContext{Kind: a.Kind, Signal: raw.Signal}
	switch a.Kind {
	case KindSleep:
		w.ResumeAt = parseTime(raw.ResumeAt, a.CreatedAt)
	case KindWorkflow, KindSignalWait:
		w.TimeoutAt = parseTime(raw.TimeoutAt, DefaultWait(a.CreatedAt))
		if a.Kind == KindSignalWait && w.Signal == "" {
			return w, fmt.Errorf("%w: step %q (attempt %s) waits for a signal that its row does not name", ErrDamagedHistory, a.StepName, a.ID)
		}
	}
	return w, nil
}

func parseTime(s *string, otherwise time.Time) time.Time {
	if s == nil {
		return otherwise
	}
	t, err := time.Parse(time.RFC3339Nano, *s)
	if err != nil {
		return otherwise
	}
	return t.UTC()
}

// ChildKey is the idempotency key of the child run that a workflow step starts, in both languages.
func ChildKey(namespace, attemptID string) string { return "__workflow:" + namespace + ":" + attemptID }

// SignalStepKey is the sender key of a signal that a step sends, in both languages.
func SignalStepKey(runID, stepName string) string { return "__signal:" + runID + ":" + stepName }
