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

// marks are the step functions under way that are not marked yet. They share a timer, which goes off a few times a second: one
// for each step would wake a thread for each.
type marks struct {
	mu    sync.Mutex
	steps map[*domain.Transition]unmarked // by their finish
	armed bool
}

// unmarked is a step that is to be marked if it is still under way then.
type unmarked struct {
	x  *execution
	at time.Time
}

// set has the step marked whose finish this is, unless it returns before.
func (m *marks) set(x *execution, finish *domain.Transition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps[finish] = unmarked{x, time.Now().Add(markAfter)}
	if !m.armed {
		m.armed = true
		time.AfterFunc(markAfter, m.due)
	}
}

// drop says that the step has returned.
func (m *marks) drop(finish *domain.Transition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.steps, finish)
}

// due marks the steps whose time has come.
func (m *marks) due() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, next := time.Now(), time.Time{}
	for finish, s := range m.steps {
		if s.at.After(now) {
			next = sooner(next, s.at)
			continue
		}
		delete(m.steps, finish)
		go s.x.mark(finish)
	}
	if m.armed = !next.IsZero(); m.armed {
		time.AfterFunc(next.Sub(now), m.due)
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
