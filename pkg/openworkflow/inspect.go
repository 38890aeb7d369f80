package openworkflow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// DefaultTallyLimit is what TallyRuns and WorkflowStats count each number up to when nothing else is said.
const DefaultTallyLimit = 10_000

var (
	// ErrUnsupported: the client's backend lacks an optional capability (package backend: Inspector). The
	// backends of this module have it. It wraps errors.ErrUnsupported.
	ErrUnsupported = fmt.Errorf("openworkflow: the backend does not support this: %w", errors.ErrUnsupported)

	// ErrStepAttemptNotFound: there is no step attempt with this id in the client's namespace.
	ErrStepAttemptNotFound = errors.New("openworkflow: step attempt not found")
)

// inspector is the backend's capability to be looked at.
func (c *Client) inspector() (ports.Inspector, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	i, ok := c.backend.(ports.Inspector)
	if !ok {
		return nil, fmt.Errorf("%w: %T is no backend.Inspector", ErrUnsupported, c.backend)
	}
	return i, nil
}

// RunTally counts runs by status without looking at all of them, so that it is cheap on huge tables. No
// number is too high.
type RunTally struct {
	RunCounts
	// Limit is what each number was counted up to: one that is equal to it means "at least".
	Limit int64 `json:"limit"`
	// AtLeast lists the statuses whose number may be too low although it is below Limit: the backend has
	// looked at so many runs and stopped.
	AtLeast []RunStatus `json:"atLeast,omitempty"`
}

// Capped reports whether there may be more runs in that status than the number says.
func (t RunTally) Capped(s RunStatus) bool {
	return t.Of(s) >= t.Limit || slices.Contains(t.AtLeast, s)
}

// Of is the number of runs in that status; 0 for an unknown one.
func (c RunCounts) Of(s RunStatus) int64 {
	counts := domain.RunCounts(c)
	return counts.Of(domain.RunStatus(s))
}

func tallyOf(t *domain.Tally, limit int64) RunTally {
	out := RunTally{RunCounts: RunCounts(t.RunCounts), Limit: limit}
	for _, s := range t.AtLeast {
		out.AtLeast = append(out.AtLeast, RunStatus(s))
	}
	return out
}

// TallyRuns counts the runs that filter selects, per status; the filter's page and Status count for nothing.
// Each number goes up to limit; 0 is DefaultTallyLimit. It answers quickly however many runs there are, where
// CountRuns, which is exact, does not. ErrUnsupported if the backend cannot do it.
func (c *Client) TallyRuns(ctx context.Context, filter RunFilter, limit int) (RunTally, error) {
	i, err := c.inspector()
	if err != nil {
		return RunTally{}, err
	}
	if limit < 0 {
		return RunTally{}, edge.Invalid("the tally's limit is %d; it must not be negative", limit)
	}
	setDefault(&limit, DefaultTallyLimit)
	filter.Status = ""
	f, err := filter.filter()
	if err != nil {
		return RunTally{}, err
	}
	t, err := i.TallyRuns(ctx, f, int64(limit))
	if err != nil {
		return RunTally{}, err
	}
	return tallyOf(&t, int64(limit)), nil
}

// GetStepAttempt reads one step attempt, such as the one that started a child workflow (Run.ParentAttemptID).
// ErrStepAttemptNotFound if there is none with the id in the client's namespace; ErrUnsupported if the backend
// cannot do it.
func (c *Client) GetStepAttempt(ctx context.Context, id string) (*StepAttempt, error) {
	i, err := c.inspector()
	if err != nil {
		return nil, err
	}
	if id == "" || edge.CheckText("step attempt id", id, edge.MaxKey) != nil {
		return nil, fmt.Errorf("%w: %.100q is not an id", ErrStepAttemptNotFound, id)
	}
	found, err := i.GetStepAttempts(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrStepAttemptNotFound, id)
	}
	out := stepAttemptOf(&found[0])
	return &out, nil
}

// Ping checks that the database answers and has the tables that this version needs, for readiness checks. It
// is cheap. ErrUnsupported if the backend cannot do it.
func (c *Client) Ping(ctx context.Context) error {
	i, err := c.inspector()
	if err != nil {
		return err
	}
	return i.Ping(ctx)
}
