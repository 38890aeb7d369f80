package sqlitestore

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// SQLite would take any bytes as text. What could not be read back, or not by the other stores, is refused here.

func rejected(what, why string) error {
	return fmt.Errorf("%w: the %s %s", domain.ErrRejected, what, why)
}

func checkText(what, s string) error {
	switch {
	case !utf8.ValidString(s):
		return rejected(what, "is not valid UTF-8")
	case strings.IndexByte(s, 0) >= 0:
		return rejected(what, "contains NUL")
	}
	return nil
}

// checkJSON accepts nil, which is NULL.
func checkJSON(what string, raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	if err := domain.CheckPayload(raw, 0); err != nil {
		return fmt.Errorf("%w: the %s: %w", domain.ErrRejected, what, err)
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

func checkNewRun(n *domain.NewRun) error {
	return first(
		checkText("run id", n.ID),
		checkText("workflow name", n.WorkflowName),
		checkText("version", n.Version),
		checkText("idempotency key", n.IdempotencyKey),
		checkText("parent namespace", n.ParentNamespaceID),
		checkText("parent attempt id", n.ParentAttemptID),
		checkJSON("context", n.Context),
		checkJSON("input", n.Input),
	)
}

func checkSignal(s *domain.Signal) error {
	return first(
		checkText("signal id", s.ID),
		checkText("signal name", s.Name),
		checkText("idempotency key", s.Key),
		checkText("run id", s.RunID),
		checkJSON("signal data", s.Data),
	)
}

func checkTransition(t *domain.Transition) error {
	if !t.Kind.AboutStep() {
		return checkJSON("output", t.Output)
	}
	a := &t.Attempt
	err := first(
		checkText("attempt id", a.ID),
		checkText("step name", a.StepName),
		checkJSON("step config", a.Config),
		checkJSON("step context", a.Context),
		checkJSON("step output", a.Output),
	)
	if err != nil || t.Kind != domain.StartChild {
		return err
	}
	if t.Child == nil {
		return rejected("step", "names no child")
	}
	return checkNewRun(t.Child)
}
