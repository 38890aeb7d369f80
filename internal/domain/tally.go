package domain

import "slices"

// RunStatuses are all statuses, in the order in which a run goes through them.
var RunStatuses = []RunStatus{RunPending, RunRunning, RunCompleted, RunFailed, RunCanceled}

// Tally counts runs by status without looking at all of them.
type Tally struct {
	RunCounts
	// AtLeast are the statuses of which not every run was looked at: there may be more than counted.
	AtLeast []RunStatus
}

// Of is the number of runs in that status.
func (c *RunCounts) Of(status RunStatus) int64 {
	if n := c.at(status); n != nil {
		return *n
	}
	return 0
}

func (c *RunCounts) at(status RunStatus) *int64 {
	switch status {
	case RunPending:
		return &c.Pending
	case RunRunning:
		return &c.Running
	case RunCompleted:
		return &c.Completed
	case RunFailed:
		return &c.Failed
	case RunCanceled:
		return &c.Canceled
	}
	return nil
}

// Scan is what one look at a part of the runs has counted.
type Scan struct {
	RunCounts
	Statuses []RunStatus // what the part can hold; nil is every status
	Complete bool        // every run of these statuses was looked at
}

// TallyOf makes one answer of several looks at the same runs. No look counts too many, so the highest number
// is the best; it is exact where one look was complete. Numbers are cut at limit.
func TallyOf(limit int64, scans ...Scan) Tally {
	var t Tally
	for _, status := range RunStatuses {
		var best int64
		exact := false
		for i := range scans {
			if scans[i].Statuses != nil && !slices.Contains(scans[i].Statuses, status) {
				continue
			}
			best = max(best, scans[i].Of(status))
			exact = exact || scans[i].Complete
		}
		*t.at(status) = min(best, limit)
		if !exact && best < limit {
			t.AtLeast = append(t.AtLeast, status)
		}
	}
	return t
}
