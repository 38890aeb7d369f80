package sqlitestore

import (
	"context"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// scanLimits bound how many rows a look at the runs costs, whatever it looks for.
type scanLimits struct {
	list   int64 // rows that a filtered page is looked for among
	live   int64 // runs that have not ended that are worth sorting
	leases int64 // runs that become due next, of which those with a lease come first
	tally  int64 // rows of each side that counts are made of; twice the caller's limit if that is more
	stats  int64 // of the newest runs, for statistics
}

var defaultScan = scanLimits{list: 10_000, live: 10_000, leases: 10_000, tally: 20_000, stats: 20_000}

// side is an index that lists of runs walk.
type side struct {
	list, listBackwards func(*dbsqlc.Queries, context.Context, dbsqlc.ListRunsParams) ([]dbsqlc.WorkflowRun, error)
	end, endBackwards   func(*dbsqlc.Queries, context.Context, dbsqlc.GetListEndParams) ([]dbsqlc.GetListEndRow, error)
}

var everything = side{
	list: (*dbsqlc.Queries).ListRuns,
	listBackwards: func(q *dbsqlc.Queries, ctx context.Context, p dbsqlc.ListRunsParams) ([]dbsqlc.WorkflowRun, error) {
		return q.ListRunsBackwards(ctx, dbsqlc.ListRunsBackwardsParams(p))
	},
	end: (*dbsqlc.Queries).GetListEnd,
	endBackwards: func(q *dbsqlc.Queries, ctx context.Context, p dbsqlc.GetListEndParams) ([]dbsqlc.GetListEndRow, error) {
		rows, err := q.GetListEndBackwards(ctx, dbsqlc.GetListEndBackwardsParams(p))
		return columns(rows, func(r dbsqlc.GetListEndBackwardsRow) dbsqlc.GetListEndRow { return dbsqlc.GetListEndRow(r) }), err
	},
}

var unsuccessful = side{
	list: func(q *dbsqlc.Queries, ctx context.Context, p dbsqlc.ListRunsParams) ([]dbsqlc.WorkflowRun, error) {
		return q.ListUnsuccessfulRuns(ctx, dbsqlc.ListUnsuccessfulRunsParams(p))
	},
	listBackwards: func(q *dbsqlc.Queries, ctx context.Context, p dbsqlc.ListRunsParams) ([]dbsqlc.WorkflowRun, error) {
		return q.ListUnsuccessfulRunsBackwards(ctx, dbsqlc.ListUnsuccessfulRunsBackwardsParams(p))
	},
	end: func(q *dbsqlc.Queries, ctx context.Context, p dbsqlc.GetListEndParams) ([]dbsqlc.GetListEndRow, error) {
		rows, err := q.GetUnsuccessfulEnd(ctx, dbsqlc.GetUnsuccessfulEndParams(p))
		return columns(rows, func(r dbsqlc.GetUnsuccessfulEndRow) dbsqlc.GetListEndRow { return dbsqlc.GetListEndRow(r) }), err
	},
	endBackwards: func(q *dbsqlc.Queries, ctx context.Context, p dbsqlc.GetListEndParams) ([]dbsqlc.GetListEndRow, error) {
		rows, err := q.GetUnsuccessfulEndBackwards(ctx, dbsqlc.GetUnsuccessfulEndBackwardsParams(p))
		return columns(rows, func(r dbsqlc.GetUnsuccessfulEndBackwardsRow) dbsqlc.GetListEndRow { return dbsqlc.GetListEndRow(r) }), err
	},
}

// liveOnly is walked as a whole and sorted, so it has no ends.
var liveOnly = side{
	list: func(q *dbsqlc.Queries, ctx context.Context, p dbsqlc.ListRunsParams) ([]dbsqlc.WorkflowRun, error) {
		return q.ListLiveRuns(ctx, dbsqlc.ListLiveRunsParams(p))
	},
	listBackwards: func(q *dbsqlc.Queries, ctx context.Context, p dbsqlc.ListRunsParams) ([]dbsqlc.WorkflowRun, error) {
		return q.ListLiveRunsBackwards(ctx, dbsqlc.ListLiveRunsBackwardsParams(p))
	},
}

func columns[A, B any](in []A, of func(A) B) []B {
	out := make([]B, len(in))
	for i := range in {
		out[i] = of(in[i])
	}
	return out
}

var (
	liveWords         = []string{"pending", "running", "sleeping"}
	unsuccessfulWords = []string{"failed", "canceled"}
)

// wordsOf are the words under which what a filter selects is stored; nil is all.
func wordsOf(f *ports.RunFilter) []string {
	if f.Live && f.Status == "" {
		return liveWords
	}
	return storedAs(f.Status)
}

// within reports whether the words are all among the others; nil is everything.
func within(words, others []string) bool {
	return words != nil && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(others, w) })
}

// ListRuns is ports.ClientBackend's. Where a filter's matches are not found by an index, a page is looked for
// among so many rows.
func (v *verbs) ListRuns(ctx context.Context, f ports.RunFilter, p ports.PageRequest) (ports.Page[domain.Run], error) {
	if f.Live && f.Status.Terminal() {
		return p.Cut(nil), nil
	}
	limits := v.on.limits()
	return read(ctx, v, func(x *work) (ports.Page[domain.Run], error) {
		if f.IdempotencyKey != "" || f.WorkerID != "" {
			all, err := x.fewRuns(&f, limits)
			return f.Shown(p.Cut(all)), err
		}
		page, err := x.listRuns(limits, &f, p)
		return f.Shown(page), err
	})
}

func (x *work) listRuns(limits scanLimits, f *ports.RunFilter, p ports.PageRequest) (ports.Page[domain.Run], error) {
	l := lister{work: x, filter: f, page: p, words: wordsOf(f), walk: &everything}
	all := stored(f).Span(p)
	switch {
	case l.words == nil && f.WorkflowName == "" && f.Version == "":
		return l.among(all)
	case within(l.words, liveWords):
		live, err := x.q.CountLiveRuns(x.ctx, dbsqlc.CountLiveRunsParams{NamespaceID: x.ns, ScanLimit: limits.live})
		if err != nil {
			return ports.Page[domain.Run]{}, err
		}
		if live < limits.live {
			l.walk = &liveOnly
			return l.among(all)
		}
	case within(l.words, unsuccessfulWords):
		l.walk = &unsuccessful
	}
	stop, err := l.stop(all, limits.list)
	if err != nil {
		return ports.Page[domain.Run]{}, err
	}
	if stop == nil {
		return l.among(all)
	}
	out, err := l.among(ports.Span{From: all.From, End: *stop})
	if err == nil && !p.More(&out) {
		out = p.Stop(out, *stop)
	}
	return out, err
}

// stored is the filter with its times as rows have them, to the millisecond.
func stored(f *ports.RunFilter) *ports.RunFilter {
	out := *f
	out.CreatedAfter, out.CreatedBefore = domain.CeilMillis(f.CreatedAfter), domain.CeilMillis(f.CreatedBefore)
	return &out
}

// lister reads a page of runs.
type lister struct {
	*work
	filter *ports.RunFilter
	page   ports.PageRequest
	words  []string
	walk   *side
}

// among reads the page from a part of the list.
func (l *lister) among(s ports.Span) (ports.Page[domain.Run], error) {
	query, arg := l.walk.list, dbsqlc.ListRunsParams{
		NamespaceID: l.ns, FromCreatedAt: fact(s.From.CreatedAt), FromID: s.From.ID, EndCreatedAt: fact(s.End.CreatedAt), EndID: s.End.ID,
		WorkflowName: l.filter.WorkflowName, Version: l.filter.Version, MaxRows: int64(l.page.Limit) + 1,
	}
	if l.words != nil {
		arg.Statuses = idList(l.words)
	}
	if l.page.Before != nil {
		query = l.walk.listBackwards
	}
	rows, err := query(l.q, l.ctx, arg)
	return pageOf(toRuns(rows), l.page), err
}

// stop is the place of the last of so many rows of a part of the list; nil if it has fewer.
func (l *lister) stop(s ports.Span, most int64) (*domain.Cursor, error) {
	query := l.walk.end
	if l.page.Before != nil {
		query = l.walk.endBackwards
	}
	rows, err := query(l.q, l.ctx, dbsqlc.GetListEndParams{
		NamespaceID: l.ns, FromCreatedAt: fact(s.From.CreatedAt), FromID: s.From.ID, EndCreatedAt: fact(s.End.CreatedAt), EndID: s.End.ID,
		Skipped: most - 1,
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &domain.Cursor{CreatedAt: readTime(rows[0].CreatedAt), ID: rows[0].ID}, nil
}
