package openworkflow

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// The defaults and bounds of StatsOptions.
const (
	DefaultStatsWindow  = 24 * time.Hour
	DefaultStatsBuckets = 24
	MaxStatsBuckets     = 200
)

// StatsOptions say what WorkflowStats looks at. The zero value is the last 24 hours, by the hour.
type StatsOptions struct {
	// Window is how far back from now to look; 0 is 24 h. It begins where a bucket does, so it may be shorter
	// by less than a bucket.
	Window time.Duration
	// Buckets is the number of parts that the window is cut into, at most 200; 0 is 24. Each is at least a
	// millisecond wide. Buckets of the same width begin at the same times however often they are looked at.
	Buckets int
	// WorkflowName selects one workflow, in all its versions; "" is all.
	WorkflowName string
}

func (o *StatsOptions) request() (ports.StatsRequest, error) {
	setDefault(&o.Window, DefaultStatsWindow)
	setDefault(&o.Buckets, DefaultStatsBuckets)
	req := ports.StatsRequest{Window: o.Window, Buckets: o.Buckets, WorkflowName: o.WorkflowName, Limit: DefaultTallyLimit}
	if o.Buckets < 0 || o.Buckets > MaxStatsBuckets {
		return req, edge.Invalid("StatsOptions.Buckets is %d; use 1 to %d, or 0 for %d", o.Buckets, MaxStatsBuckets, DefaultStatsBuckets)
	}
	if o.Window < time.Duration(o.Buckets)*time.Millisecond {
		return req, edge.Invalid("StatsOptions.Window is %v; it must be at least a millisecond for each of the %d buckets", o.Window, o.Buckets)
	}
	return req, edge.CheckText("StatsOptions.WorkflowName", o.WorkflowName, edge.MaxKey)
}

// WorkflowStats summarises the runs of one workflow and version.
type WorkflowStats struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	// Counts are the numbers of its runs of all time, each up to DefaultTallyLimit.
	Counts RunTally `json:"counts"`
	// Buckets tell what happened in the window, oldest first.
	Buckets []StatsBucket `json:"buckets"`
	// P50 and P95 are the times from creation to the end of the runs that completed in the window: half of
	// them, and 95 % of them, took no longer. 0 if none completed.
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	// OldestDue is when the run that has waited longest for a worker became due; zero if none waits. The time
	// since then is the queue's lag.
	OldestDue time.Time `json:"oldestDue,omitzero"`
	// Sampled: the window had more runs than are looked at, so the buckets and P50 and P95 are of the newest only.
	Sampled bool `json:"sampled,omitempty"`
}

// StatsBucket counts what happened in a part of the window. A run that was created before the runs that are
// looked at is not in it, though it may have ended in it.
type StatsBucket struct {
	Start     time.Time `json:"start"`
	Started   int64     `json:"started"`   // runs created
	Completed int64     `json:"completed"` // runs that completed
	Failed    int64     `json:"failed"`    // runs that failed for good
}

// WorkflowStats summarises each workflow and version that has runs in the window, or runs that have not ended:
// busiest first. ErrUnsupported if the backend cannot do it.
func (c *Client) WorkflowStats(ctx context.Context, o StatsOptions) ([]WorkflowStats, error) {
	i, err := c.inspector()
	if err != nil {
		return nil, err
	}
	req, err := o.request()
	if err != nil {
		return nil, err
	}
	res, err := i.WorkflowStats(ctx, req)
	if err != nil {
		return nil, err
	}
	out := make([]WorkflowStats, len(res.Workflows))
	for i := range res.Workflows {
		out[i] = statsOf(&res.Workflows[i], req.Limit, res.Sampled)
	}
	return out, nil
}

func statsOf(w *domain.WorkflowStats, limit int64, sampled bool) WorkflowStats {
	out := WorkflowStats{
		Name: w.Name, Version: w.Version, Counts: tallyOf(&w.Tally, limit), Buckets: make([]StatsBucket, len(w.Buckets)),
		P50: w.P50, P95: w.P95, OldestDue: w.OldestDue, Sampled: sampled,
	}
	for i, b := range w.Buckets {
		out.Buckets[i] = StatsBucket(b)
	}
	return out
}
