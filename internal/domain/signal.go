package domain

import (
	"encoding/json"
	"time"
)

// Signal is a signal on its way.
type Signal struct {
	ID   string // made by the caller
	Name string
	Data json.RawMessage // nil is null
	// Key is the sender's idempotency key, never empty: the caller makes one up where the user gave none.
	// A second signal of the same name with the same key delivers nothing and gets the first one's answer,
	// where the first one left something behind (a delivery or a buffered signal).
	Key string
	// RunID addresses one run. It gets the signal now if it waits for it, else at its next wait for it.
	RunID string
	// Buffer keeps an unaddressed signal that no run waits for, for so long; the next wait for it gets it.
	Buffer time.Duration
}

// ChildOutcome is how the child of a workflow step ended.
type ChildOutcome struct {
	RunID      string
	Status     RunStatus
	Output     json.RawMessage
	Error      *Failure
	FinishedAt time.Time
}

// History is what a run has recorded, and what has arrived for its open waits.
type History struct {
	RunID    string
	Attempts []StepAttempt              // by created_at and id; only the running ones if so asked
	Signals  map[string]json.RawMessage // data delivered to open signal-waits, by attempt id; nil data is null
	Children map[string]ChildOutcome    // terminal children of open workflow steps, by attempt id
	Missing  map[string]bool            // open workflow steps whose linked child does not exist
}
