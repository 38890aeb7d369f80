package openworkflow

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// WorkerInfo is what is known of a worker.
type WorkerInfo struct {
	ID   string `json:"id"`
	Host string `json:"host,omitempty"`
	PID  int    `json:"pid,omitempty"`
	// Language is "go" for workers of this package, which register when they start and every minute; "" is not
	// known: those of TypeScript do not register, and are known by the runs that they hold.
	Language    string        `json:"language,omitempty"`
	Workflows   []WorkflowKey `json:"workflows,omitempty"`
	Concurrency int           `json:"concurrency,omitempty"`
	StartedAt   time.Time     `json:"startedAt,omitzero"`
	SeenAt      time.Time     `json:"seenAt,omitzero"` // the latest registration
	// Holding is the number of runs whose lease it holds: it executes them, or its lease has not yet run out.
	Holding int64 `json:"holding"`
}

// WorkflowKey names a workflow that a worker executes.
type WorkflowKey struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// ListWorkers lists the workers of the client's namespace, by id, which for those of this package is the order
// in which they were made: those that registered within the last three minutes and have not stopped, and those
// that hold a live lease. ErrUnsupported if the backend cannot do it.
func (c *Client) ListWorkers(ctx context.Context) ([]WorkerInfo, error) {
	i, err := c.inspector()
	if err != nil {
		return nil, err
	}
	found, err := i.ListWorkers(ctx, domain.RegistrationTTL)
	if err != nil {
		return nil, err
	}
	out := make([]WorkerInfo, len(found))
	for i := range found {
		out[i] = workerInfoOf(&found[i])
	}
	return out, nil
}

func workerInfoOf(w *domain.WorkerRecord) WorkerInfo {
	out := WorkerInfo{
		ID: w.ID, Host: w.Host, PID: w.PID, Language: w.Language, Concurrency: w.Concurrency,
		StartedAt: w.StartedAt, SeenAt: w.SeenAt, Holding: w.Holding,
	}
	for _, key := range w.Workflows {
		out.Workflows = append(out.Workflows, WorkflowKey(key))
	}
	return out
}
