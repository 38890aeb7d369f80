package pgstore

import (
	"slices"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// bulletin collects the news of a transaction.
type bulletin struct{ ports.Event }

func (n *bulletin) due(workflow string) {
	if !slices.Contains(n.Due, workflow) {
		n.Due = append(n.Due, workflow)
	}
}

func (n *bulletin) finished(runID string) { n.Finished = append(n.Finished, runID) }

func (n *bulletin) touched(runID string) { n.Touched = append(n.Touched, runID) }

// parent tells of a run whose child ended.
func (n *bulletin) parent(id, workflow string, parked bool) {
	if parked {
		n.due(workflow)
	} else {
		n.touched(id)
	}
}

// delivered tells of the runs that got a signal; woken is the workflow of one that became due.
func (n *bulletin) delivered(runID, woken string) {
	if woken != "" {
		n.due(woken)
	} else {
		n.touched(runID)
	}
}

func empty(e *ports.Event) bool {
	return len(e.Due) == 0 && len(e.Finished) == 0 && len(e.Touched) == 0 && !e.Missed
}

// piecesOf counts what an event tells: a run that ended and woke its parent is one.
func piecesOf(e *ports.Event) int { return max(len(e.Due), len(e.Finished), len(e.Touched)) }
