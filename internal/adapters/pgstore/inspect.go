package pgstore

import (
	"context"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Ping is ports.Inspector's.
func (c *client) Ping(ctx context.Context) error {
	return c.runner.run(ctx, planOnce, (*pipeline).probe)
}

// GetStepAttempts is ports.Inspector's.
func (c *client) GetStepAttempts(ctx context.Context, ids []string) ([]domain.StepAttempt, error) {
	var found []dbsqlc.StepAttempt
	err := c.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).GetStepAttempts, dbsqlc.GetStepAttemptsParams{NamespaceID: c.namespace, Ids: given(ids)}, &found)
	})
	if err != nil {
		return nil, err
	}
	return column(found, toAttempt), nil
}

// TallyRuns is ports.Inspector's. The newest runs are looked at first; where that is not all, the live ones from
// both ends of the index of due times, and those that went wrong.
func (c *client) TallyRuns(ctx context.Context, filter ports.RunFilter, limit int64) (domain.Tally, error) {
	filter.Status, filter.Live = "", false
	q, _ := queryOf(filter)
	if q.IdempotencyKey != "" || q.WorkerID != "" {
		return c.tallyFew(ctx, &q, limit)
	}
	most := int32(min(max(2*limit, int64(c.core.scan.tally)), 1<<30))
	newest, err := c.tally(ctx, most, func(p *pipeline, out *[]dbsqlc.TallyNewestRow) { c.tallyNewest(p, &q, nil, most, out) })
	if err != nil || newest.Complete {
		return domain.TallyOf(limit, newest), err
	}
	var first []dbsqlc.TallyFirstDueRow
	var last []dbsqlc.TallyLastDueRow
	wrong, err := c.tally(ctx, most, func(p *pipeline, out *[]dbsqlc.TallyNewestRow) {
		times := q.Span(ports.PageRequest{})
		due := dbsqlc.TallyFirstDueParams{
			NamespaceID: c.namespace, CreatedAfter: times.End.CreatedAt, CreatedBefore: times.From.CreatedAt,
			WorkflowName: optional(q.WorkflowName), Version: optional(q.Version), ScanLimit: most,
		}
		rows(p, (*dbsqlc.Queries).TallyFirstDue, due, &first)
		rows(p, (*dbsqlc.Queries).TallyLastDue, dbsqlc.TallyLastDueParams(due), &last)
		c.tallyNewest(p, &q, unsuccessfulWords, most, out)
	})
	if err != nil {
		return domain.Tally{}, err
	}
	wrong.Statuses = []domain.RunStatus{domain.RunFailed, domain.RunCanceled}
	return domain.TallyOf(limit, newest, wrong,
		liveScan(most, column(first, func(r *dbsqlc.TallyFirstDueRow) dbsqlc.TallyNewestRow { return dbsqlc.TallyNewestRow(*r) })),
		liveScan(most, column(last, func(r *dbsqlc.TallyLastDueRow) dbsqlc.TallyNewestRow { return dbsqlc.TallyNewestRow(*r) }))), nil
}

func (c *client) tally(ctx context.Context, most int32, build func(*pipeline, *[]dbsqlc.TallyNewestRow)) (domain.Scan, error) {
	var found []dbsqlc.TallyNewestRow
	err := c.scan(ctx, func(p *pipeline) { build(p, &found) })
	return scanOf(most, found), err
}

func (c *client) tallyNewest(p *pipeline, q *runQuery, side []string, most int32, out *[]dbsqlc.TallyNewestRow) {
	times := q.Span(ports.PageRequest{})
	rows(p, (*dbsqlc.Queries).TallyNewest, dbsqlc.TallyNewestParams{
		NamespaceID: c.namespace, CreatedAfter: times.End.CreatedAt, CreatedBefore: times.From.CreatedAt, Statuses: side,
		WorkflowName: optional(q.WorkflowName), Version: optional(q.Version), ScanLimit: most,
	}, out)
}

// scanOf is what a look at up to so many rows has counted.
func scanOf(most int32, found []dbsqlc.TallyNewestRow) domain.Scan {
	var s domain.Scan
	var looked int64
	for _, r := range found {
		looked += r.Looked
		s.Add(r.Status, r.Runs)
	}
	s.Complete = looked < int64(most)
	return s
}

func liveScan(most int32, found []dbsqlc.TallyNewestRow) domain.Scan {
	s := scanOf(most, found)
	s.Statuses = []domain.RunStatus{domain.RunPending, domain.RunRunning}
	return s
}

// tallyFew counts the runs that an index finds.
func (c *client) tallyFew(ctx context.Context, q *runQuery, limit int64) (domain.Tally, error) {
	page, err := c.listFew(ctx, q, ports.PageRequest{Limit: int(c.core.scan.list)})
	all := domain.Scan{Complete: !page.HasNext}
	for i := range page.Items {
		all.Add(string(page.Items[i].Status), 1)
	}
	return domain.TallyOf(limit, all), err
}

// mostWorkflows bounds how many workflows and versions with live runs are asked for one by one.
const mostWorkflows = 1000

// WorkflowStats is ports.Inspector's. The window and the numbers of all time are of the newest runs; the numbers of
// live and unsuccessful ones, which may be older, are of their own indexes too.
func (c *client) WorkflowStats(ctx context.Context, req ports.StatsRequest) (ports.StatsResult, error) {
	now, err := c.databaseTime(ctx)
	if err != nil {
		return ports.StatsResult{}, err
	}
	l := statsLook{window: domain.WindowUntil(now, req.Window, req.Buckets), now: now, workflow: req.WorkflowName}
	l.stats = domain.NewStats(l.window, req.Limit)
	limits := c.core.scan
	var cells []dbsqlc.GetStatsCellsRow
	var live []dbsqlc.GetStatsOfLiveRow
	var wrong []dbsqlc.GetStatsOfUnsuccessfulRow
	var due []dbsqlc.GetLiveWorkflowsRow
	err = c.scan(ctx, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).GetStatsCells, dbsqlc.GetStatsCellsParams{
			NamespaceID: c.namespace, Starts: l.window.Starts(), WorkflowName: optional(req.WorkflowName), ScanLimit: limits.stats,
		}, &cells)
		rows(p, (*dbsqlc.Queries).GetStatsOfLive, dbsqlc.GetStatsOfLiveParams{NamespaceID: c.namespace, ScanLimit: limits.tally}, &live)
		rows(p, (*dbsqlc.Queries).GetStatsOfUnsuccessful, dbsqlc.GetStatsOfUnsuccessfulParams{
			NamespaceID: c.namespace, ScanLimit: limits.tally,
		}, &wrong)
		rows(p, (*dbsqlc.Queries).GetLiveWorkflows, dbsqlc.GetLiveWorkflowsParams{NamespaceID: c.namespace, Most: mostWorkflows}, &due)
	})
	if err != nil {
		return ports.StatsResult{}, err
	}
	sampled := l.addNewest(cells, int64(limits.stats))
	l.addSide(live, int64(limits.tally), domain.RunPending, domain.RunRunning)
	l.addSide(column(wrong, func(r *dbsqlc.GetStatsOfUnsuccessfulRow) dbsqlc.GetStatsOfLiveRow {
		return dbsqlc.GetStatsOfLiveRow(*r)
	}), int64(limits.tally), domain.RunFailed, domain.RunCanceled)
	for _, r := range due {
		if l.asked(r.WorkflowName) {
			l.stats.Live(domain.WorkflowKey{Name: r.WorkflowName, Version: r.Version}, moment(r.AvailableAt), now)
		}
	}
	return ports.StatsResult{Workflows: l.stats.Workflows(), Sampled: sampled, Now: now}, nil
}

func (c *client) databaseTime(ctx context.Context) (now time.Time, err error) {
	err = c.runner.run(ctx, planOnce, func(p *pipeline) { p.now(&now) })
	return now.UTC(), err
}

// statsLook gathers statistics from the sides that are looked at.
type statsLook struct {
	stats    *domain.Stats
	window   domain.StatsWindow
	now      time.Time
	workflow string
}

func (l *statsLook) asked(workflow string) bool { return l.workflow == "" || l.workflow == workflow }

// addNewest reports whether the window has more runs than the most that were looked at.
func (l *statsLook) addNewest(cells []dbsqlc.GetStatsCellsRow, most int64) (sampled bool) {
	var looked int64
	beyond := false
	for i := range cells {
		looked += cells[i].Runs
		beyond = beyond || cells[i].Created == 0
	}
	l.stats.Look(looked < most)
	for i := range cells {
		if r := &cells[i]; r.Asked {
			l.stats.Add(domain.StatsCell{
				WorkflowKey: domain.WorkflowKey{Name: r.WorkflowName, Version: r.Version}, Status: domain.ParseRunStatus(r.Status),
				Created: int(r.Created) - 1, Finished: int(r.Finished) - 1, Runs: r.Runs, Durations: durations(r.Took),
			})
		}
	}
	return looked >= most && !beyond
}

func durations(seconds []float64) []time.Duration {
	return column(seconds, func(s *float64) time.Duration { return max(0, time.Duration(*s*float64(time.Second))) })
}

// addSide adds the numbers of a side: what it can hold, and whether it was looked at to its end.
func (l *statsLook) addSide(found []dbsqlc.GetStatsOfLiveRow, most int64, statuses ...domain.RunStatus) {
	var looked int64
	for _, r := range found {
		looked += r.Runs
	}
	l.stats.Look(looked < most, statuses...)
	for _, r := range found {
		if status := domain.ParseRunStatus(r.Status); l.asked(r.WorkflowName) && slices.Contains(statuses, status) {
			l.stats.Count(domain.WorkflowKey{Name: r.WorkflowName, Version: r.Version}, status, r.Runs)
		}
	}
}
