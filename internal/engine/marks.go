package engine

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// markAfter is how long a step function runs before its running row is written. Shorter ones cost one
// write, when they finish.
const markAfter = 250 * time.Millisecond

// marks are the timers that mark the steps that take long. Those that were stopped in time, as nearly all are, are used again.
type marks struct{ unused sync.Pool }

// timedMark is a timer and the step that it marks.
type timedMark struct {
	timer  *time.Timer
	x      *execution
	finish *domain.Transition
}

// set has the step marked whose finish this is, unless it is stopped before.
func (m *marks) set(x *execution, finish *domain.Transition) *timedMark {
	t, used := m.unused.Get().(*timedMark)
	if used {
		t.x, t.finish = x, finish
		t.timer.Reset(markAfter)
		return t
	}
	t = &timedMark{x: x, finish: finish}
	t.timer = time.AfterFunc(markAfter, func() { t.x.mark(t.finish) })
	return t
}

// stop says that the step has returned.
func (m *marks) stop(t *timedMark) {
	if t.timer.Stop() { // otherwise it may still be at work
		t.x, t.finish = nil, nil
		m.unused.Put(t)
	}
}

// mark writes the running row of a step that takes long. Whether it arrives is not important, but once it may have,
// the step's finish is not plain any more.
func (x *execution) mark(finish *domain.Transition) {
	x.mu.Lock()
	// Not when the workflow function has returned, as a plain end may be on its way; nor when the step's own is, or is void.
	if x.phase != owned || x.returned || x.functions == 0 || finish.Lease.RunID != "" {
		x.mu.Unlock()
		return
	}
	finish.Plain, x.ledger.opened = false, true
	a := &finish.Attempt
	t := domain.Transition{Kind: domain.StartStep, Lease: x.lease(), Attempt: domain.StepAttempt{
		ID: a.ID, StepName: a.StepName, Kind: a.Kind, StartedAt: a.StartedAt,
	}}
	x.pins++
	x.mu.Unlock()
	defer x.unpin()
	if verdicts, err := x.w.journal.commit(x, t); err == nil && verdicts[0].Err != nil {
		x.log().Debug("running row not written", zap.Error(verdicts[0].Err))
	}
}
