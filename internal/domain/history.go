package domain

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrStepNotFound: the run has no step of that name.
var ErrStepNotFound = errors.New("openworkflow: the run has no such step")

// The keys of a run's config that say where it comes from. TypeScript keeps what it finds there.
const (
	configRerunOf  = "rerunOf"
	configFromStep = "fromStep"
)

// RerunConfig is the config of a run that repeats another one, whose config is given, from that step on ("":
// from the beginning). What else the config has is kept.
func RerunConfig(config json.RawMessage, runID, fromStep string) json.RawMessage {
	fields := make(map[string]json.RawMessage)
	if json.Unmarshal(config, &fields) != nil || fields == nil {
		fields = make(map[string]json.RawMessage)
	}
	delete(fields, configFromStep)
	fields[configRerunOf], _ = json.Marshal(runID) // strings always marshal
	if fromStep != "" {
		fields[configFromStep], _ = json.Marshal(fromStep)
	}
	raw, err := json.Marshal(fields)
	if err != nil { // it was read as JSON just now
		return nil
	}
	return raw
}

// RerunOrigin reads what RerunConfig wrote; both are "" where nothing is.
func RerunOrigin(config json.RawMessage) (runID, fromStep string) {
	if len(config) <= len("{}") {
		return "", ""
	}
	var origin struct {
		RerunOf  string `json:"rerunOf"`
		FromStep string `json:"fromStep"`
	}
	if json.Unmarshal(config, &origin) != nil {
		return "", ""
	}
	return origin.RerunOf, origin.FromStep
}

// BeganWithHistory reports whether the run may have had attempts before it was first claimed: its config says so
// (NewRun.History).
func (r *Run) BeganWithHistory() bool {
	_, from := RerunOrigin(r.Config)
	return from != ""
}

// HistoryBefore is the part of a run's history that a new run can begin with in order to go on at the named
// step. attempts are all of the run's, by (created_at, id); step is a resolved name.
//
// Of the steps whose first attempt is before the named step's first one it has what replay returns without
// doing anything: the attempt that completed; or, where none did and the step had failed for good before the
// named step began (the workflow function knew, and went on), all its failures. What was open, or was being
// retried, begins afresh. The attempts are returned with new ids and without a run.
func HistoryBefore(attempts []StepAttempt, step string) ([]StepAttempt, error) {
	steps := make(map[string]*stepPast)
	var order []string
	for i := range attempts {
		a := &attempts[i]
		if steps[a.StepName] == nil {
			steps[a.StepName] = new(stepPast)
			order = append(order, a.StepName)
		}
		steps[a.StepName].add(a)
	}
	named := steps[step]
	if named == nil {
		return nil, unknownStep(step, order)
	}
	from := named.first.CreatedAt
	kept := make(map[string]bool) // by attempt
	for _, name := range order {
		if name == step {
			break
		}
		for _, a := range steps[name].memoized(from) {
			kept[a.ID] = true
		}
	}
	var out []StepAttempt
	for i := range attempts {
		if !kept[attempts[i].ID] {
			continue
		}
		a := attempts[i]
		a.ID, a.NamespaceID, a.RunID = NewID(), "", ""
		out = append(out, a)
	}
	return out, nil
}

// stepPast is what a run's history has about one step.
type stepPast struct {
	first     *StepAttempt
	completed *StepAttempt
	failures  []*StepAttempt // that count
}

func (p *stepPast) add(a *StepAttempt) {
	if p.first == nil {
		p.first = a
	}
	switch {
	case a.Status == StepCompleted:
		p.completed = a
	case a.Status == StepFailed && (a.Error == nil || a.Error.Code != CodeInterrupted):
		p.failures = append(p.failures, a)
	}
}

// memoized are the attempts that make the step's outcome, as it stood at that time.
func (p *stepPast) memoized(at time.Time) []*StepAttempt {
	if p.completed != nil {
		return []*StepAttempt{p.completed}
	}
	if len(p.failures) == 0 {
		return nil
	}
	last := p.failures[len(p.failures)-1]
	if (last.Final || last.RetryAt.IsZero()) && !last.FinishedAt.Truncate(time.Millisecond).After(at) {
		return p.failures
	}
	return nil
}

// maxListed bounds how many names an error lists.
const maxListed = 30

func unknownStep(step string, there []string) error {
	if len(there) == 0 {
		return fmt.Errorf("%w: %q; it has no steps yet", ErrStepNotFound, step)
	}
	more := ""
	if len(there) > maxListed {
		there, more = there[:maxListed], fmt.Sprintf(" and %d more", len(there)-maxListed)
	}
	return fmt.Errorf("%w: %q; there are: %s%s", ErrStepNotFound, step, strings.Join(there, ", "), more)
}
