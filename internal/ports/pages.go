package ports

import (
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Selects reports whether the filter selects the run.
func (f *RunFilter) Selects(r *domain.Run, now time.Time) bool {
	return (f.Status == "" || r.Status == f.Status) &&
		(f.WorkflowName == "" || r.WorkflowName == f.WorkflowName) &&
		(f.Version == "" || r.Version == f.Version) &&
		(f.IdempotencyKey == "" || r.IdempotencyKey == f.IdempotencyKey) &&
		(f.WorkerID == "" || (r.Status == domain.RunRunning && r.WorkerID == f.WorkerID && r.AvailableAt.After(now))) &&
		(!f.Live || !r.Status.Terminal()) &&
		(f.CreatedAfter.IsZero() || !r.CreatedAt.Before(f.CreatedAfter)) &&
		(f.CreatedBefore.IsZero() || r.CreatedAt.Before(f.CreatedBefore))
}

// Shown leaves out of a page what the filter does not want to see of its runs.
func (f *RunFilter) Shown(p Page[domain.Run]) Page[domain.Run] {
	if f.WithoutPayloads {
		for i := range p.Items {
			p.Items[i].Input, p.Items[i].Output = nil, nil
		}
	}
	return p
}

// endOfTime is later than any row; the databases have no use for it.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Span is a part of the list of runs, in the direction of a page: from a place, which is not in it, to an end, which
// is. No run has the id "".
type Span struct{ From, End domain.Cursor }

// Span is the part of the list that the filter's times and the page's cursor leave.
func (f *RunFilter) Span(page PageRequest) Span {
	oldest, newest := domain.Cursor{CreatedAt: f.CreatedAfter}, domain.Cursor{CreatedAt: f.CreatedBefore}
	if newest.CreatedAt.IsZero() {
		newest.CreatedAt = endOfTime
	}
	switch {
	case page.Before != nil && page.Before.Compare(oldest) > 0:
		return Span{*page.Before, newest}
	case page.Before != nil:
		return Span{oldest, newest}
	case page.After != nil && page.After.Compare(newest) < 0:
		return Span{*page.After, oldest}
	}
	return Span{newest, oldest}
}

// Cut makes the page of all runs that a filter selects; it sorts them.
func (p PageRequest) Cut(all []domain.Run) Page[domain.Run] {
	slices.SortFunc(all, func(a, b domain.Run) int { return b.Place().Compare(a.Place()) })
	limit := max(1, p.Limit)
	if p.Before != nil {
		newer := slices.DeleteFunc(all, func(r domain.Run) bool { return r.Place().Compare(*p.Before) <= 0 })
		from := max(0, len(newer)-limit)
		return Page[domain.Run]{Items: newer[from:], HasNext: true, HasPrev: from > 0}
	}
	if p.After != nil {
		all = slices.DeleteFunc(all, func(r domain.Run) bool { return r.Place().Compare(*p.After) >= 0 })
	}
	to := min(len(all), limit)
	return Page[domain.Run]{Items: all[:to], HasNext: to < len(all), HasPrev: p.After != nil}
}

// Stop marks a page that is not full although a store has looked at so many rows, the last of them at that place.
func (p PageRequest) Stop(page Page[domain.Run], at domain.Cursor) Page[domain.Run] {
	page.Stopped = &at
	if p.Before != nil {
		page.HasPrev = true
	} else {
		page.HasNext = true
	}
	return page
}

// More reports whether there is more in the direction of the page.
func (p PageRequest) More(page *Page[domain.Run]) bool {
	if p.Before != nil {
		return page.HasPrev
	}
	return page.HasNext
}
