package memstore

import (
	"context"
	"encoding/json"
	"slices"
	"sort"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// LoadHistories is ports.Backend's.
func (s *Store) LoadHistories(ctx context.Context, req ports.HistoryRequest) (res ports.HistoryResult, err error) {
	err = s.do(ctx, func(x *tx) error {
		res.Now = x.now
		for _, id := range req.RunIDs {
			if r, ok := x.sp.runs[id]; ok {
				res.Histories = append(res.Histories, x.history(r, req.OpenOnly))
			}
		}
		return nil
	})
	return res, err
}

func (x *tx) history(r *run, openOnly bool) domain.History {
	h := domain.History{
		RunID:    r.ID,
		Signals:  make(map[string]json.RawMessage),
		Children: make(map[string]domain.ChildOutcome),
		Missing:  make(map[string]bool),
	}
	for _, a := range r.ordered() {
		if a.open() || !openOnly {
			h.Attempts = append(h.Attempts, cloneAttempt(&a.StepAttempt))
		}
		if a.open() {
			x.arrived(&h, a)
		}
	}
	return h
}

// arrived notes what an open wait has got.
func (x *tx) arrived(h *domain.History, a *attempt) {
	if a.delivered {
		h.Signals[a.ID] = clone(a.signal)
	}
	if a.Kind != domain.KindWorkflow || a.ChildRunID == "" {
		return
	}
	child := x.childOf(a)
	switch {
	case child == nil:
		h.Missing[a.ID] = true
	case child.Status.Terminal():
		h.Children[a.ID] = domain.ChildOutcome{
			RunID: child.ID, Status: child.Status, Output: clone(child.Output),
			Error: cloneFailure(child.Error), FinishedAt: child.FinishedAt,
		}
	}
}

// GetRuns is ports.ClientBackend's.
func (s *Store) GetRuns(ctx context.Context, ids []string) (out []domain.Run, err error) {
	err = s.each(ctx, ids, func(r *run) { out = append(out, cloneRun(&r.Run)) })
	return out, err
}

// RunStates is ports.ClientBackend's.
func (s *Store) RunStates(ctx context.Context, ids []string) (out []domain.RunState, err error) {
	err = s.each(ctx, ids, func(r *run) {
		out = append(out, domain.RunState{ID: r.ID, Status: r.Status, Epoch: r.Attempts, WorkerID: r.WorkerID})
	})
	return out, err
}

// each calls fn with every known run of these ids, once.
func (s *Store) each(ctx context.Context, ids []string, fn func(*run)) error {
	return s.do(ctx, func(x *tx) error {
		seen := make(map[string]struct{}, len(ids))
		for _, id := range ids {
			r, ok := x.sp.runs[id]
			if _, twice := seen[id]; ok && !twice {
				seen[id] = struct{}{}
				fn(r)
			}
		}
		return nil
	})
}

// CountRuns is ports.ClientBackend's.
func (s *Store) CountRuns(ctx context.Context) (out domain.RunCounts, err error) {
	err = s.do(ctx, func(x *tx) error {
		for _, r := range x.sp.list {
			out.Add(string(r.Status), 1)
		}
		return nil
	})
	return out, err
}

// ListRuns is ports.ClientBackend's.
func (s *Store) ListRuns(ctx context.Context, f ports.RunFilter, p ports.PageRequest) (out ports.Page[domain.Run], err error) {
	err = s.do(ctx, func(x *tx) error {
		rows := x.sp.ordered()
		seek := func(c *domain.Cursor) (int, int) {
			return around(len(rows), func(i int) int { return compareKeys(rows[i].CreatedAt, rows[i].ID, c.CreatedAt, c.ID) })
		}
		out = f.Shown(page(rows, p, true, seek, func(r *run) bool { return f.Selects(&r.Run, x.now) }, func(r *run) domain.Run { return cloneRun(&r.Run) }))
		return nil
	})
	return out, err
}

// ListStepAttempts is ports.ClientBackend's.
func (s *Store) ListStepAttempts(ctx context.Context, runID string, p ports.PageRequest) (out ports.Page[domain.StepAttempt], err error) {
	err = s.do(ctx, func(x *tx) error {
		var rows []*attempt
		if r, ok := x.sp.runs[runID]; ok {
			rows = r.ordered()
		}
		seek := func(c *domain.Cursor) (int, int) {
			return around(len(rows), func(i int) int { return compareKeys(rows[i].CreatedAt, rows[i].ID, c.CreatedAt, c.ID) })
		}
		out = page(rows, p, false, seek, func(*attempt) bool { return true }, func(a *attempt) domain.StepAttempt { return cloneAttempt(&a.StepAttempt) })
		return nil
	})
	return out, err
}

// around gives the end of the rows below a cursor and the start of those above it, of rows in ascending order.
func around(n int, compare func(i int) int) (below, above int) {
	below = sort.Search(n, func(i int) bool { return compare(i) >= 0 })
	above = sort.Search(n, func(i int) bool { return compare(i) > 0 })
	return below, above
}

// page cuts a page out of rows in ascending order, for a list that is read upwards or (descending)
// downwards. One row more than the limit is looked at, to know whether there is more; TypeScript's rules:
// a page before a cursor has a next one, a page after a cursor has a previous one.
func page[R, T any](rows []R, p ports.PageRequest, descending bool, seek func(*domain.Cursor) (below, above int), keep func(R) bool, out func(R) T) ports.Page[T] {
	cursor, back := p.After, false
	if p.Before != nil {
		cursor, back = p.Before, true
	}
	lo, hi := 0, len(rows)
	downwards := descending != back
	if cursor != nil {
		below, above := seek(cursor)
		if downwards {
			hi = below
		} else {
			lo = above
		}
	}
	var items []T
	more := false
	for k := range hi - lo {
		row := rows[lo+k:][0]
		if downwards {
			row = rows[hi-1-k]
		}
		if !keep(row) {
			continue
		}
		if len(items) == p.Limit {
			more = true
			break
		}
		items = append(items, out(row))
	}
	if back {
		slices.Reverse(items)
		return ports.Page[T]{Items: items, HasNext: true, HasPrev: more}
	}
	return ports.Page[T]{Items: items, HasNext: more, HasPrev: p.After != nil}
}
