package pgstore

import (
	"context"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// scanLimits bound how many rows a look at the runs costs, whatever it looks for.
type scanLimits struct {
	list   int32 // rows that a filtered page is looked for among
	live   int32 // runs that have not ended that are worth sorting
	leases int32 // runs that become due next, of which those with a lease come first
	tally  int32 // rows of each side that counts are made of; twice the caller's limit if that is more
	stats  int32 // of the newest runs, for statistics
}

var defaultScan = scanLimits{list: 25_000, live: 20_000, leases: 20_000, tally: 20_000, stats: 30_000}

var (
	liveWords         = []string{"pending", "running", "sleeping"}
	unsuccessfulWords = []string{"failed", "canceled"}
)

// runQuery is a question for runs as the queries take it.
type runQuery struct {
	ports.RunFilter
	statuses []string // nil is all
}

// queryOf translates a filter; ok is false if it selects nothing.
func queryOf(f ports.RunFilter) (q runQuery, ok bool) {
	q = runQuery{RunFilter: f, statuses: storedAs(f.Status)}
	if f.Live && f.Status == "" {
		q.statuses = liveWords
	}
	return q, !f.Live || !f.Status.Terminal()
}

// ListRuns is ports.ClientBackend's. Where a filter's matches are not found by an index, a page is looked for
// among so many rows.
func (c *client) ListRuns(ctx context.Context, filter ports.RunFilter, page ports.PageRequest) (ports.Page[domain.Run], error) {
	q, ok := queryOf(filter)
	switch {
	case !ok:
		return page.Cut(nil), nil
	case q.IdempotencyKey != "" || q.WorkerID != "":
		return c.listFew(ctx, &q, page)
	case q.within(liveWords):
		var live []int64
		err := c.scan(ctx, func(p *pipeline) {
			rows(p, (*dbsqlc.Queries).CountLiveRuns, dbsqlc.CountLiveRunsParams{NamespaceID: c.namespace, ScanLimit: c.core.scan.live}, &live)
		})
		if err != nil {
			return ports.Page[domain.Run]{}, err
		}
		if len(live) == 1 && live[0] < int64(c.core.scan.live) {
			return c.listLive(ctx, &q, page)
		}
	}
	return c.listAmong(ctx, &q, page)
}

// within reports whether all that the query selects has one of these statuses.
func (q *runQuery) within(words []string) bool {
	if q.statuses == nil {
		return false
	}
	for _, s := range q.statuses {
		if !slices.Contains(words, s) {
			return false
		}
	}
	return true
}

// scan runs queries that walk an index up to a limit.
func (c *client) scan(ctx context.Context, build func(*pipeline)) error {
	return c.runner.run(ctx, planEach, func(p *pipeline) {
		if _, inside := c.runner.(txRunner); !inside { // the caller's transaction keeps its settings
			exec(p, func(q *dbsqlc.Queries, ctx context.Context, _ struct{}) error { return q.SetScanning(ctx) }, struct{}{})
		}
		build(p)
	})
}

// listFew sorts the runs that an index finds: those with a key, or those that a worker holds.
func (c *client) listFew(ctx context.Context, q *runQuery, page ports.PageRequest) (ports.Page[domain.Run], error) {
	var found []domain.Run
	var now time.Time
	err := c.scan(ctx, func(p *pipeline) {
		p.now(&now)
		if q.IdempotencyKey != "" {
			rowsAs(p, (*dbsqlc.Queries).GetRunsByKey, dbsqlc.GetRunsByKeyParams{
				NamespaceID: c.namespace, IdempotencyKey: q.IdempotencyKey, WithoutPayloads: q.WithoutPayloads,
			}, func(r *dbsqlc.GetRunsByKeyRow) domain.Run { return toRun((*dbsqlc.Run)(r)) }, &found)
		} else {
			rowsAs(p, (*dbsqlc.Queries).GetHeldRuns, dbsqlc.GetHeldRunsParams{
				NamespaceID: c.namespace, WorkerID: q.WorkerID, ScanLimit: c.core.scan.leases, WithoutPayloads: q.WithoutPayloads,
			}, func(r *dbsqlc.GetHeldRunsRow) domain.Run { return toRun((*dbsqlc.Run)(r)) }, &found)
		}
	})
	if err != nil {
		return ports.Page[domain.Run]{}, err
	}
	selected := slices.DeleteFunc(found, func(r domain.Run) bool { return !q.Selects(&r, now.UTC()) })
	return page.Cut(selected), nil
}

// listLive sorts the runs that have not ended.
func (c *client) listLive(ctx context.Context, q *runQuery, page ports.PageRequest) (ports.Page[domain.Run], error) {
	s := q.Span(page)
	return list(ctx, c, page, func(p *pipeline, limit int32, out *[]domain.Run) {
		rowsAs(p, (*dbsqlc.Queries).ListLiveRuns, dbsqlc.ListLiveRunsParams{
			NamespaceID: c.namespace, BeforeCreatedAt: s.From.CreatedAt, BeforeID: s.From.ID, EndCreatedAt: s.End.CreatedAt, EndID: s.End.ID,
			Statuses: q.statuses, WorkflowName: optional(q.WorkflowName), Version: optional(q.Version), WithoutPayloads: q.WithoutPayloads, RowLimit: limit,
		}, func(r *dbsqlc.ListLiveRunsRow) domain.Run { return toRun((*dbsqlc.Run)(r)) }, out)
	}, func(p *pipeline, limit int32, out *[]domain.Run) {
		rowsAs(p, (*dbsqlc.Queries).ListLiveRunsBackwards, dbsqlc.ListLiveRunsBackwardsParams{
			NamespaceID: c.namespace, AfterCreatedAt: s.From.CreatedAt, AfterID: s.From.ID, EndCreatedAt: s.End.CreatedAt, EndID: s.End.ID,
			Statuses: q.statuses, WorkflowName: optional(q.WorkflowName), Version: optional(q.Version), WithoutPayloads: q.WithoutPayloads, RowLimit: limit,
		}, func(r *dbsqlc.ListLiveRunsBackwardsRow) domain.Run { return toRun((*dbsqlc.Run)(r)) }, out)
	})
}

// listAmong looks for a page among the next rows of the list: a few, and where these do not fill it so many that
// it still answers in time. Where they end is asked first: rows that come or go meanwhile then move no match out
// of the walk.
func (c *client) listAmong(ctx context.Context, q *runQuery, page ports.PageRequest) (ports.Page[domain.Run], error) {
	all := q.Span(page)
	if q.statuses == nil && q.WorkflowName == "" && q.Version == "" {
		return c.listSpan(ctx, q, page, all)
	}
	for _, most := range []int32{max(1, c.core.scan.list/10), c.core.scan.list} {
		stop, err := c.listEnd(ctx, q, page, all, most)
		if err != nil {
			return ports.Page[domain.Run]{}, err
		}
		if stop == nil {
			break
		}
		out, err := c.listSpan(ctx, q, page, ports.Span{From: all.From, End: *stop})
		if err != nil || page.More(&out) {
			return out, err
		}
		if most == c.core.scan.list {
			return page.Stop(out, *stop), nil
		}
	}
	return c.listSpan(ctx, q, page, all)
}

// listSpan reads a page from a part of the list.
func (c *client) listSpan(ctx context.Context, q *runQuery, page ports.PageRequest, s ports.Span) (ports.Page[domain.Run], error) {
	return list(ctx, c, page, func(p *pipeline, limit int32, out *[]domain.Run) {
		rowsAs(p, (*dbsqlc.Queries).ListRuns, dbsqlc.ListRunsParams{
			NamespaceID: c.namespace, BeforeCreatedAt: s.From.CreatedAt, BeforeID: s.From.ID, EndCreatedAt: s.End.CreatedAt, EndID: s.End.ID,
			Statuses: q.statuses, WorkflowName: optional(q.WorkflowName), Version: optional(q.Version), WithoutPayloads: q.WithoutPayloads, RowLimit: limit,
		}, func(r *dbsqlc.ListRunsRow) domain.Run { return toRun((*dbsqlc.Run)(r)) }, out)
	}, func(p *pipeline, limit int32, out *[]domain.Run) {
		rowsAs(p, (*dbsqlc.Queries).ListRunsBackwards, dbsqlc.ListRunsBackwardsParams{
			NamespaceID: c.namespace, AfterCreatedAt: s.From.CreatedAt, AfterID: s.From.ID, EndCreatedAt: s.End.CreatedAt, EndID: s.End.ID,
			Statuses: q.statuses, WorkflowName: optional(q.WorkflowName), Version: optional(q.Version), WithoutPayloads: q.WithoutPayloads, RowLimit: limit,
		}, func(r *dbsqlc.ListRunsBackwardsRow) domain.Run { return toRun((*dbsqlc.Run)(r)) }, out)
	})
}

// listEnd is the place of the last of so many rows of a span; nil if it has fewer.
func (c *client) listEnd(ctx context.Context, q *runQuery, page ports.PageRequest, s ports.Span, most int32) (*domain.Cursor, error) {
	var side []string // the rows to walk: of the index of what went wrong, or of all
	if q.within(unsuccessfulWords) {
		side = unsuccessfulWords
	}
	var ends []dbsqlc.GetListEndRow
	var backwards []dbsqlc.GetListEndBackwardsRow
	err := c.scan(ctx, func(p *pipeline) {
		if page.Before != nil {
			rows(p, (*dbsqlc.Queries).GetListEndBackwards, dbsqlc.GetListEndBackwardsParams{
				NamespaceID: c.namespace, AfterCreatedAt: s.From.CreatedAt, AfterID: s.From.ID,
				EndCreatedAt: s.End.CreatedAt, EndID: s.End.ID, Statuses: side, Skipped: most - 1,
			}, &backwards)
			return
		}
		rows(p, (*dbsqlc.Queries).GetListEnd, dbsqlc.GetListEndParams{
			NamespaceID: c.namespace, BeforeCreatedAt: s.From.CreatedAt, BeforeID: s.From.ID,
			EndCreatedAt: s.End.CreatedAt, EndID: s.End.ID, Statuses: side, Skipped: most - 1,
		}, &ends)
	})
	for _, row := range backwards {
		ends = append(ends, dbsqlc.GetListEndRow(row))
	}
	if err != nil || len(ends) == 0 {
		return nil, err
	}
	return &domain.Cursor{CreatedAt: ends[0].CreatedAt.UTC(), ID: ends[0].ID}, nil
}
