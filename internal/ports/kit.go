package ports

import (
	"context"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Recording is an optional capability of a Backend that holds recorded histories and lets nothing new
// happen: the engine executes workflow functions over what is recorded, and starts no step. Package
// workflowtest replays with it.
type Recording interface {
	// Asked is told the name of every step that a run asks for, recorded or not.
	Asked(runID, step string)
	// Unrecorded is called in place of a step whose outcome is not recorded. It returns when ctx ends.
	Unrecorded(ctx context.Context, runID, step string)
}

// Awaiter is an optional capability of a Backend that waits for the end of a run by itself, for clients:
// where the runs live in virtual time, polling in real time would say nothing. Package workflowtest has one.
type Awaiter interface {
	// AwaitRun returns the run once it has ended; domain.ErrRunNotFound, and ctx's error.
	AwaitRun(ctx context.Context, runID string) (domain.Run, error)
}

// Apart is an optional capability of a Backend that keeps the starts of concurrent callers apart: each makes its
// own call and waits for nobody. Package workflowtest has it, whose callers live inside and outside of virtual
// time and so cannot wake each other.
type Apart interface{ StartsApart() }
