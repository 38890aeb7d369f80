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

// marks are the step functions under way that are not marked yet, in the order in which they began. They share a timer, which
// goes off when the first of them is due, and so hardly ever where steps are short: one for each would wake a thread for each.
type marks struct {
	mu    sync.Mutex
	root  unmarked // of a ring
	timer *time.Timer
	armed bool
	over  bool
}

// unmarked is a step that is to be marked if it is still under way then.
type unmarked struct {
	x          *execution
	finish     *domain.Transition
	at         time.Time
	prev, next *unmarked
}

// set plans the mark of a step, known by its finish; drop takes it back.
func (m *marks) set(s *unmarked, x *execution, finish *domain.Transition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.root.next == nil {
		m.root.prev, m.root.next = &m.root, &m.root
	}
	s.x, s.finish, s.at = x, finish, time.Now().Add(markAfter)
	s.prev, s.next = m.root.prev, &m.root
	s.prev.next, s.next.prev = s, s
	m.arm()
}

// drop says that the step has returned.
func (m *marks) drop(s *unmarked) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(s)
}

func (m *marks) remove(s *unmarked) {
	if s.next != nil {
		s.prev.next, s.next.prev = s.next, s.prev
		s.prev, s.next = nil, nil
	}
}

// due marks the steps whose time has come.
func (m *marks) due() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for s := m.root.next; s != &m.root && !s.at.After(now); s = m.root.next {
		m.remove(s)
		go s.x.mark(s.finish)
	}
	m.armed = false
	m.arm()
}

// arm sets the timer for the first step, unless it is set; with the mutex held.
func (m *marks) arm() {
	if m.armed || m.over || m.root.next == &m.root {
		return
	}
	m.armed = true
	left := time.Until(m.root.next.at)
	if m.timer == nil {
		m.timer = time.AfterFunc(left, m.due)
	} else {
		m.timer.Reset(left)
	}
}

// stop ends the timer: no step is marked any more.
func (m *marks) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	if m.timer != nil {
		m.timer.Stop()
	}
}

// mark writes the running row of a step that takes long. Whether it arrives is not important, but once it may have,
// the step's finish is not plain any more.
func (x *execution) mark(finish *domain.Transition) {
	x.mu.Lock()
	// Not when the workflow function has returned, as a plain end may be on its way; nor when the step's own is.
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
