package storetest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// commit proposes a batch of transitions, or one that was proposed before.
func (w *world) commit() {
	var batch []domain.Transition
	if len(w.batches) > 0 && w.chance("again", 6) {
		batch = oneOf(w, "batch", w.batches...)
	} else {
		next := w.transition
		if w.chance("plain", 3) {
			next = w.plain
		}
		for range rapid.IntRange(1, 5).Draw(w.T, "transitions") {
			if t := next(); domain.CheckBatch(append(batch[:len(batch):len(batch)], t)) == nil {
				batch = append(batch, t)
			}
		}
		w.batches = append(w.batches, batch)
	}
	all(w, "Commit("+describe(batch)+")", func(s ports.Backend) []domain.Verdict {
		vs, err := s.Commit(w.ctx, batch)
		w.noError("Commit", err)
		return shared(batch, vs)
	}, same)
	for i := range batch {
		if batch[i].Kind == domain.StartChild {
			w.know(batch[i].Child.ID)
		}
		if batch[i].Kind.AboutStep() {
			w.steps = append(w.steps, batch[i])
		}
	}
}

// plain proposes what a store may commit without looking around, mostly under a lease of one worker that holds.
func (w *world) plain() domain.Transition {
	l := w.lease()
	for _, h := range w.held() {
		if h.WorkerID == workers[0] && w.chance("this lease", 2) {
			l = h
		}
	}
	if !w.chance("end", 5) || !w.endsPlainly(l) {
		t := w.finish(domain.Transition{Lease: l, Attempt: w.attempt(domain.KindFunction)})
		t.Plain, t.Progress = true, false
		return t
	}
	if w.chance("fail", 3) {
		return domain.Transition{Kind: domain.FailRun, Lease: l, Error: w.failure(), Plain: true}
	}
	return domain.Transition{Kind: domain.CompleteRun, Lease: l, Output: w.payloadOrNil("output"), Plain: true}
}

// endsPlainly reports whether the run is held by that lease, has no parent, and nothing open.
func (w *world) endsPlainly(l domain.Lease) bool {
	runs, err := w.stores[0].GetRuns(w.ctx, []string{l.RunID})
	w.noError(w.names[0], err)
	if len(runs) == 0 || !runs[0].Owned(l) || runs[0].ParentAttemptID != "" {
		return false
	}
	steps, err := w.stores[0].ListStepAttempts(w.ctx, l.RunID, ports.PageRequest{Limit: 1000})
	w.noError(w.names[0], err)
	return !slices.ContainsFunc(steps.Items, func(a domain.StepAttempt) bool { return a.Status == domain.StepRunning })
}

// shared leaves open which of two transitions woke a parent whose park and whose child's end are in one batch:
// the end, or the park that found it.
func shared(batch []domain.Transition, vs []domain.Verdict) []domain.Verdict {
	var ends, parks, woke bool
	for i := range batch {
		ends = ends || batch[i].Kind.Terminal()
		parks = parks || batch[i].Kind == domain.ParkRun
		woke = woke || vs[i].Woke
	}
	if ends && parks {
		for i := range vs {
			vs[i].Woke = woke
		}
	}
	return vs
}

func describe(batch []domain.Transition) string {
	out := ""
	for _, t := range batch {
		out += fmt.Sprintf("\n  kind %d, lease %+v, attempt %s %s %s, context %s, wake %v, timeout %v, child %+v",
			t.Kind, t.Lease, t.Attempt.ID, t.Attempt.Kind, t.Attempt.Status, t.Attempt.Context, t.WakeAt, t.Timeout, t.Child)
	}
	return out
}

func (w *world) transition() domain.Transition {
	l := w.lease()
	// Ends are rare, so that much happens to a run before its own.
	switch rapid.IntRange(0, 23).Draw(w.T, "transition") {
	case 0:
		return domain.Transition{Kind: domain.CompleteRun, Lease: l, Output: w.payloadOrNil("output")}
	case 1:
		return domain.Transition{Kind: domain.FailRun, Lease: l, Error: w.failure()}
	case 2, 3:
		return domain.Transition{Kind: domain.RetryRun, Lease: l, Error: w.failure(), WakeAt: w.wakeAt()}
	case 4:
		return domain.Transition{Kind: domain.StartStep, Lease: l, Attempt: w.attempt(domain.KindFunction)}
	case 5, 6, 7, 8:
		return w.openWait(l)
	case 9, 10, 11:
		return w.startChild(l)
	case 12, 13:
		return w.finish(domain.Transition{Lease: l, Attempt: w.attempt(domain.KindFunction)})
	case 14, 15, 16, 17, 18:
		return w.known(l)
	}
	return domain.Transition{Kind: domain.ParkRun, Lease: l, WakeAt: w.wakeAt()}
}

func (w *world) wakeAt() time.Time {
	if w.chance("now", 2) {
		return time.Time{}
	}
	return time.Now().Add(farAway)
}

func (w *world) failure() *domain.Failure {
	return &domain.Failure{Name: oneOf(w, "error name", "", "Error"), Message: oneOf(w, "message", "", "broken", "Workflow run deadline exceeded"), Code: oneOf(w, "code", "", "CODE")}
}

// attempt begins at a time of its own, so that the order of attempts is known.
func (w *world) attempt(kind domain.StepKind) domain.StepAttempt {
	id := w.id("attempt")
	return domain.StepAttempt{
		ID: id, StepName: "step-" + oneOf(w, "step", "a", "b"), Kind: kind,
		StartedAt: w.dueSince.Add(time.Duration(w.next) * time.Second),
	}
}

func waitContext(wc domain.WaitContext) json.RawMessage {
	raw, err := json.Marshal(wc)
	if err != nil {
		panic(err)
	}
	return raw
}

func (w *world) openWait(l domain.Lease) domain.Transition {
	a := w.attempt(domain.KindSignalWait)
	a.Context = waitContext(domain.WaitContext{Kind: a.Kind, Signal: oneOf(w, "signal", signals...), TimeoutAt: time.Now().Add(farAway)})
	return domain.Transition{Kind: domain.StartStep, Lease: l, Attempt: a}
}

// startChild asks for a child in one of the ways: new, with a key that may be known, for a known step, or
// after the child was made without a link.
func (w *world) startChild(l domain.Lease) domain.Transition {
	a := w.attempt(domain.KindWorkflow)
	a.Context = waitContext(domain.WaitContext{Kind: a.Kind, TimeoutAt: time.Now().Add(farAway)})
	child := w.newRun()
	child.Config, child.History = nil, nil // not of children
	child.ParentNamespaceID, child.ParentAttemptID = w.stores[0].Namespace(), a.ID
	t := domain.Transition{Kind: domain.StartChild, Lease: l, Attempt: a, Child: &child}
	switch rapid.IntRange(0, 9).Draw(w.T, "child") {
	case 0: // the row without the child: a later known() may complete it
		t.Kind, t.Child = domain.StartStep, nil
	case 1, 2:
		if known := w.ofKind(domain.KindWorkflow); len(known) > 0 {
			t.Attempt = oneOf(w, "known step", known...).Attempt
			child.ParentAttemptID = t.Attempt.ID
		}
	}
	return t
}

func (w *world) ofKind(kind domain.StepKind) (out []domain.Transition) {
	for _, t := range w.steps {
		if t.Attempt.Kind == kind {
			out = append(out, t)
		}
	}
	return out
}

// known proposes something about an attempt that was proposed before: mostly its end, under its own lease.
func (w *world) known(l domain.Lease) domain.Transition {
	if len(w.steps) == 0 {
		return w.finish(domain.Transition{Lease: l, Attempt: w.attempt(domain.KindFunction)})
	}
	t := oneOf(w, "known", w.steps...)
	if w.chance("under another lease", 5) {
		t.Lease = l
	} else {
		t = w.underLease(t)
	}
	if w.chance("as it was", 5) {
		return t
	}
	return w.finish(t)
}

// underLease is the step, or another one that somebody can end now: its run is held.
func (w *world) underLease(t domain.Transition) domain.Transition {
	var open []domain.Transition
	for _, h := range w.held() {
		for _, s := range w.steps {
			if s.Lease.RunID == h.RunID {
				s.Lease = h
				open = append(open, s)
			}
		}
	}
	if len(open) == 0 {
		return t
	}
	return oneOf(w, "open step", open...)
}

func (w *world) finish(t domain.Transition) domain.Transition {
	t.Kind, t.Child = domain.FinishStep, nil
	t.Progress, t.Plain = w.chance("progress", 2), w.chance("plain", 2)
	t.Attempt.Status, t.Attempt.Output, t.Attempt.Error = domain.StepCompleted, w.payloadOrNil("output"), nil
	t.Attempt.Final, t.Attempt.RetryAt = false, time.Time{}
	if t.Attempt.Kind == domain.KindSignalWait {
		t.Timeout = w.chance("timeout", 2)
		return t
	}
	if w.chance("failed", 3) {
		t.Attempt.Status, t.Attempt.Output, t.Attempt.Error = domain.StepFailed, nil, w.failure()
		if t.Attempt.Final = w.chance("final", 2); !t.Attempt.Final {
			t.Attempt.RetryAt = time.Now().Add(farAway)
		}
	}
	return t
}
