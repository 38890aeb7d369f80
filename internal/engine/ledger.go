package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// ledger is what the history says about each step of a run. It is guarded by its execution's mutex.
type ledger struct {
	steps    map[string]*record
	attempts int       // rows, which the step limit counts
	unasked  int       // steps completed in the history that this execution has not asked for
	waits    []*record // open in the history, and ended by others
	opened   bool      // an attempt may have been open in the database, and may still be
}

// record is what is known of one step.
type record struct {
	kind      domain.StepKind
	completed *domain.StepAttempt
	running   *domain.StepAttempt   // an open wait, or a send under way
	cut       []*domain.StepAttempt // functions whose workers died in the middle
	failed    *domain.StepAttempt   // the latest failure
	failures  int                   // that count against the budget
	asked     *Scope                // the branch that has asked for it
}

func newLedger(history []domain.StepAttempt) *ledger {
	l := &ledger{steps: make(map[string]*record, len(history)), attempts: len(history)}
	for i := range history {
		l.add(&history[i])
	}
	for _, r := range l.steps {
		switch {
		case r.completed != nil:
			l.unasked++
		case r.running != nil && (r.kind == domain.KindSignalWait || r.kind == domain.KindWorkflow):
			l.waits = append(l.waits, r)
		}
	}
	return l
}

func (l *ledger) add(a *domain.StepAttempt) {
	r := l.steps[a.StepName]
	if r == nil {
		r = &record{kind: a.Kind}
		l.steps[a.StepName] = r
	}
	switch a.Status {
	case domain.StepCompleted:
		r.completed, r.kind = a, a.Kind
	case domain.StepFailed:
		if a.Error == nil || a.Error.Code != domain.CodeInterrupted {
			r.failed = a
			r.failures++
		}
	case domain.StepRunning:
		l.opened = true
		if a.Kind == domain.KindFunction {
			r.cut = append(r.cut, a)
		} else {
			r.running = a
		}
	}
}

// ask returns what is known of the step that a branch asks for now. No step may be asked for twice: ok is
// false if another branch has.
func (l *ledger) ask(name string, by *Scope) (known record, ok bool) {
	r := l.steps[name]
	switch {
	case r == nil:
		r = &record{}
		l.steps[name] = r
	case r.asked != nil:
		return record{}, false
	case r.completed != nil:
		l.unasked--
	}
	r.asked = by
	return *r, true
}

// started notes a new attempt of a step that was asked for, open until it is finished.
func (l *ledger) started(a *domain.StepAttempt, open bool) {
	r := l.steps[a.StepName]
	r.kind = a.Kind
	l.attempts++
	if open {
		r.running = a
	}
}

// finished notes how an attempt ended.
func (l *ledger) finished(a *domain.StepAttempt) {
	r := l.steps[a.StepName]
	r.running, r.cut = nil, nil
	if a.Status == domain.StepCompleted {
		r.completed = a
		return
	}
	r.failed = a
	r.failures++
}

// unaskedSteps names the completed steps that were never asked for.
func (l *ledger) unaskedSteps() []string {
	var names []string
	for name, r := range l.steps {
		if r.completed != nil && r.asked == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// overlapping reports whether attempts of the history overlap in time: then branches ran side by side, and
// a branch that is not taken again says nothing about determinism.
func (l *ledger) overlapping() bool {
	var all []*domain.StepAttempt
	for _, r := range l.steps {
		for _, a := range append([]*domain.StepAttempt{r.completed, r.running, r.failed}, r.cut...) {
			if a != nil {
				all = append(all, a)
			}
		}
	}
	slices.SortFunc(all, func(a, b *domain.StepAttempt) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), a.FinishedAt.Compare(b.FinishedAt))
	})
	var end time.Time
	for i, a := range all {
		if i > 0 && a.StartedAt.Before(end) {
			return true
		}
		if a.FinishedAt.IsZero() {
			return i < len(all)-1
		}
		end = later(end, a.FinishedAt)
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
