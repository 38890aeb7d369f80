package engine

import (
	"encoding/json"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// A wait that an earlier execution opened can get its signal, or its child can end, before the function has
// come to it again: an attempt of the workflow failed beside it, or the function does something else first.
// A park of such a run makes it due at once, so until the function has come to it the run stays owned, without
// a slot.

// keepEarly keeps what has arrived for waits that no branch has come to; with x.mu held.
func (x *execution) keepEarly(h domain.History) {
	for _, r := range x.ledger.waits {
		if r.asked != nil {
			continue
		}
		key := r.running.ID
		if data, ok := h.Signals[key]; ok {
			if x.arrived.Signals == nil {
				x.arrived.Signals = make(map[string]json.RawMessage)
			}
			x.arrived.Signals[key] = data
		}
		if child, ok := h.Children[key]; ok {
			if x.arrived.Children == nil {
				x.arrived.Children = make(map[string]domain.ChildOutcome)
			}
			x.arrived.Children[key] = child
		}
	}
}

// hasEarly reports whether something has arrived for a wait that no branch has come to; with x.mu held.
func (x *execution) hasEarly() bool {
	for _, r := range x.ledger.waits {
		if r.asked != nil {
			continue
		}
		_, signal := x.arrived.Signals[r.running.ID]
		_, child := x.arrived.Children[r.running.ID]
		if signal || child {
			return true
		}
	}
	return false
}

// expectsEarly reports whether there is a wait that no branch has come to; with x.mu held.
func (x *execution) expectsEarly() bool {
	for _, r := range x.ledger.waits {
		if r.asked == nil {
			return true
		}
	}
	return false
}
