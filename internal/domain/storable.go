package domain

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What one database refuses (Postgres: NUL in text, lone surrogates in jsonb) is refused by every store, so
// that all agree on what can be kept.

// CheckStorable refuses a run that no store keeps, with an error that wraps ErrRejected.
func (n *NewRun) CheckStorable() error {
	return first(
		storableText("run id", n.ID),
		storableText("workflow name", n.WorkflowName),
		storableText("version", n.Version),
		storableText("idempotency key", n.IdempotencyKey),
		storableText("parent namespace", n.ParentNamespaceID),
		storableText("parent attempt id", n.ParentAttemptID),
		storableJSON("config", n.Config),
		storableJSON("context", n.Context),
		storableJSON("input", n.Input),
		n.CheckHistory(),
	)
}

// CheckHistory refuses a history that no store keeps, with an error that wraps ErrRejected.
func (n *NewRun) CheckHistory() error {
	if len(n.History) == 0 {
		return nil
	}
	if _, from := RerunOrigin(n.Config); from == "" {
		return fmt.Errorf("%w: the run begins with a history, and its config does not say so", ErrRejected)
	}
	ids := make(map[string]struct{}, len(n.History))
	for i := range n.History {
		a := &n.History[i]
		if err := checkPast(a); err != nil {
			return err
		}
		if _, twice := ids[a.ID]; twice {
			return fmt.Errorf("%w: two attempts of the history have the id %q", ErrRejected, a.ID)
		}
		ids[a.ID] = struct{}{}
	}
	return nil
}

func checkPast(a *StepAttempt) error {
	switch {
	case a.ID == "" || a.StepName == "" || a.Kind == "":
		return fmt.Errorf("%w: an attempt of the history lacks its id, step name or kind", ErrRejected)
	case a.Status != StepCompleted && a.Status != StepFailed:
		return fmt.Errorf("%w: an attempt of the history has not ended", ErrRejected)
	case a.CreatedAt.IsZero():
		return fmt.Errorf("%w: an attempt of the history lacks the time of its creation", ErrRejected)
	case (a.ChildNamespaceID == "") != (a.ChildRunID == ""):
		return fmt.Errorf("%w: an attempt of the history has half a link to a child", ErrRejected)
	}
	return first(
		storableText("attempt id", a.ID),
		storableText("step name", a.StepName),
		storableText("step kind", string(a.Kind)),
		storableText("child namespace", a.ChildNamespaceID),
		storableText("child run id", a.ChildRunID),
		storableJSON("step config", a.Config),
		storableJSON("step context", a.Context),
		storableJSON("step output", a.Output),
	)
}

// CheckStorable refuses a signal that no store keeps, with an error that wraps ErrRejected.
func (s *Signal) CheckStorable() error {
	return first(
		storableText("signal id", s.ID),
		storableText("signal name", s.Name),
		storableText("idempotency key", s.Key),
		storableText("run id", s.RunID),
		storableJSON("signal data", s.Data),
	)
}

// CheckStorable refuses a transition that no store keeps, with an error that wraps ErrRejected.
func (t *Transition) CheckStorable() error {
	if !t.Kind.AboutStep() {
		return storableJSON("output", t.Output)
	}
	a := &t.Attempt
	err := first(
		storableText("attempt id", a.ID),
		storableText("step name", a.StepName),
		storableJSON("step config", a.Config),
		storableJSON("step context", a.Context),
	)
	switch {
	case err != nil:
		return err
	case t.Kind == FinishStep: // a start stores no output
		return storableJSON("step output", a.Output)
	case t.Kind == StartChild && t.Child == nil:
		return fmt.Errorf("%w: the step names no child", ErrRejected)
	case t.Kind == StartChild:
		return t.Child.CheckStorable()
	}
	return nil
}

func storableText(what, s string) error {
	switch {
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: the %s is not valid UTF-8", ErrRejected, what)
	case strings.IndexByte(s, 0) >= 0:
		return fmt.Errorf("%w: the %s contains NUL", ErrRejected, what)
	}
	return nil
}

// storableJSON accepts nil, which is NULL.
func storableJSON(what string, raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	if err := CheckPayload(raw, 0); err != nil {
		return fmt.Errorf("%w: the %s: %w", ErrRejected, what, err)
	}
	return nil
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
