package sqlitestore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// Ping is ports.Inspector's.
func (v *verbs) Ping(ctx context.Context) error {
	_, err := read(ctx, v, func(x *work) (struct{}, error) {
		_, err := x.q.GetWorkers(x.ctx, x.ns) // of the last migration; Open has seen the others
		return struct{}{}, err
	})
	return err
}

// GetStepAttempts is ports.Inspector's.
func (v *verbs) GetStepAttempts(ctx context.Context, ids []string) ([]domain.StepAttempt, error) {
	return read(ctx, v, func(x *work) ([]domain.StepAttempt, error) {
		rows, err := x.q.GetStepAttempts(x.ctx, dbsqlc.GetStepAttemptsParams{NamespaceID: x.ns, Ids: idList(ids)})
		return toAttempts(rows), err
	})
}

// mostWorkflows bounds how many workflows and versions are asked for one by one.
const mostWorkflows = 1000

// fewRuns are the runs that an index finds: those with a key, or those that a worker holds.
func (x *work) fewRuns(f *ports.RunFilter, limits scanLimits) ([]domain.Run, error) {
	var rows []dbsqlc.WorkflowRun
	var err error
	if f.IdempotencyKey != "" {
		rows, err = x.keyedRuns(f)
	} else {
		rows, err = x.heldRuns(f.WorkerID, limits.leases)
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(toRuns(rows), func(r domain.Run) bool { return !f.Selects(&r, x.clock) }), nil
}

// keyedRuns goes from one workflow to the next, since the index of keys begins with it.
func (x *work) keyedRuns(f *ports.RunFilter) (out []dbsqlc.WorkflowRun, err error) {
	names := []string{f.WorkflowName}
	if f.WorkflowName == "" {
		if names, err = x.keyedWorkflows(); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		rows, err := x.q.GetRunsByKey(x.ctx, dbsqlc.GetRunsByKeyParams{NamespaceID: x.ns, WorkflowName: name, IdempotencyKey: text(f.IdempotencyKey)})
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// keyedWorkflows are the workflows that have runs with keys.
func (x *work) keyedWorkflows() (names []string, err error) {
	for last := ""; len(names) < mostWorkflows; last = names[len(names)-1] {
		next, err := x.q.GetNextKeyedWorkflow(x.ctx, dbsqlc.GetNextKeyedWorkflowParams{NamespaceID: x.ns, WorkflowName: last})
		if err != nil || len(next) == 0 {
			return names, err
		}
		names = append(names, next[0])
	}
	return names, nil
}

func (x *work) heldRuns(workerID string, most int64) ([]dbsqlc.WorkflowRun, error) {
	leases, err := x.leases(most)
	var ids []string
	for _, l := range leases {
		if l.WorkerID.String == workerID {
			ids = append(ids, l.ID)
		}
	}
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return x.q.GetRuns(x.ctx, dbsqlc.GetRunsParams{NamespaceID: x.ns, Ids: idList(ids)})
}

// leases are those that have not run out, among so many times that runs become due at next.
func (x *work) leases(most int64) ([]dbsqlc.GetLeasesRow, error) {
	return x.q.GetLeases(x.ctx, dbsqlc.GetLeasesParams{NamespaceID: x.ns, Now: text(fact(x.clock)), ScanLimit: most})
}

// TallyRuns is ports.Inspector's. The newest runs are looked at first; where that is not all, the live ones from
// both ends of the index of due times, and those that went wrong.
func (v *verbs) TallyRuns(ctx context.Context, f ports.RunFilter, limit int64) (domain.Tally, error) {
	f.Status, f.Live = "", false
	limits := v.on.limits()
	scans, err := read(ctx, v, func(x *work) ([]domain.Scan, error) {
		if f.IdempotencyKey != "" || f.WorkerID != "" {
			all := domain.Scan{Complete: true}
			few, err := x.fewRuns(&f, limits)
			for i := range few {
				all.Add(string(few[i].Status), 1)
			}
			return []domain.Scan{all}, err
		}
		return x.tally(stored(&f), min(max(2*limit, limits.tally), 1<<30))
	})
	return domain.TallyOf(limit, scans...), err
}

func (x *work) tally(f *ports.RunFilter, most int64) ([]domain.Scan, error) {
	times := f.Span(ports.PageRequest{})
	arg := dbsqlc.TallyNewestParams{
		NamespaceID: x.ns, WorkflowName: f.WorkflowName, Version: f.Version, ScanLimit: most,
		CreatedFrom: fact(times.End.CreatedAt), CreatedBefore: fact(times.From.CreatedAt),
	}
	all, err := x.q.TallyNewest(x.ctx, arg)
	newest := scanOf(most, all)
	if err != nil || newest.Complete {
		return []domain.Scan{newest}, err
	}
	wrong, err1 := x.q.TallyUnsuccessful(x.ctx, dbsqlc.TallyUnsuccessfulParams(arg))
	due := dbsqlc.TallyFirstDueParams{
		NamespaceID: arg.NamespaceID, WorkflowName: arg.WorkflowName, Version: arg.Version, ScanLimit: arg.ScanLimit,
		CreatedFrom: arg.CreatedFrom, CreatedBefore: arg.CreatedBefore,
	}
	first, err2 := x.q.TallyFirstDue(x.ctx, due)
	last, err3 := x.q.TallyLastDue(x.ctx, dbsqlc.TallyLastDueParams(due))
	return []domain.Scan{
		newest,
		scanOf(most, dbsqlc.TallyNewestRow(wrong), domain.RunFailed, domain.RunCanceled),
		scanOf(most, dbsqlc.TallyNewestRow(first), domain.RunPending, domain.RunRunning),
		scanOf(most, dbsqlc.TallyNewestRow(last), domain.RunPending, domain.RunRunning),
	}, errors.Join(err1, err2, err3)
}

// scanOf is what a look at up to so many rows has counted.
func scanOf(most int64, r dbsqlc.TallyNewestRow, statuses ...domain.RunStatus) domain.Scan {
	return domain.Scan{Statuses: statuses, Complete: r.Looked < most, RunCounts: domain.RunCounts{
		Pending: r.Pending, Running: r.Running, Completed: r.Completed, Failed: r.Failed, Canceled: r.Canceled,
	}}
}

// WorkflowStats is ports.Inspector's. The window and the numbers of all time are of the newest runs; the numbers of
// live and unsuccessful ones, which may be older, are of their own indexes too.
func (v *verbs) WorkflowStats(ctx context.Context, req ports.StatsRequest) (ports.StatsResult, error) {
	return read(ctx, v, func(x *work) (ports.StatsResult, error) {
		l := statsLook{work: x, limits: v.on.limits(), window: domain.WindowUntil(x.clock, req.Window, req.Buckets), workflow: req.WorkflowName}
		l.stats = domain.NewStats(l.window, req.Limit)
		sampled, err := l.addNewest()
		if err := errors.Join(err, l.addLive(), l.addUnsuccessful(), l.addDue()); err != nil {
			return ports.StatsResult{}, err
		}
		return ports.StatsResult{Workflows: l.stats.Workflows(), Sampled: sampled, Now: x.clock}, nil
	})
}

// statsLook gathers statistics from the sides that are looked at.
type statsLook struct {
	*work
	limits   scanLimits
	stats    *domain.Stats
	window   domain.StatsWindow
	workflow string
}

func (l *statsLook) asked(workflow string) bool { return l.workflow == "" || l.workflow == workflow }

// addNewest reports whether the window has more runs than were looked at.
func (l *statsLook) addNewest() (sampled bool, err error) {
	rows, err := l.q.GetNewestRuns(l.ctx, dbsqlc.GetNewestRunsParams{NamespaceID: l.ns, ScanLimit: l.limits.stats})
	if err != nil {
		return false, err
	}
	all := int64(len(rows)) < l.limits.stats
	l.stats.Look(all)
	for i := range rows {
		if l.asked(rows[i].WorkflowName) {
			l.stats.Add(l.cellOf(&rows[i]))
		}
	}
	return !all && l.window.Bucket(readTime(rows[len(rows)-1].CreatedAt)) >= 0, nil
}

func (l *statsLook) cellOf(r *dbsqlc.GetNewestRunsRow) domain.StatsCell {
	created, finished := readTime(r.CreatedAt), readNullTime(r.FinishedAt)
	cell := domain.StatsCell{
		WorkflowKey: domain.WorkflowKey{Name: r.WorkflowName, Version: r.Version.String}, Status: domain.ParseRunStatus(r.Status),
		Created: l.window.Bucket(created), Finished: l.window.Bucket(finished), Runs: 1,
	}
	if cell.Status == domain.RunCompleted && cell.Finished >= 0 {
		cell.Durations = []time.Duration{max(0, finished.Sub(created))}
	}
	return cell
}

func (l *statsLook) addLive() error {
	rows, err := l.q.GetStatsOfLive(l.ctx, dbsqlc.GetStatsOfLiveParams{NamespaceID: l.ns, ScanLimit: l.limits.tally})
	l.addSide(rows, domain.RunPending, domain.RunRunning)
	return err
}

func (l *statsLook) addUnsuccessful() error {
	rows, err := l.q.GetStatsOfUnsuccessful(l.ctx, dbsqlc.GetStatsOfUnsuccessfulParams{NamespaceID: l.ns, ScanLimit: l.limits.tally})
	l.addSide(columns(rows, func(r dbsqlc.GetStatsOfUnsuccessfulRow) dbsqlc.GetStatsOfLiveRow { return dbsqlc.GetStatsOfLiveRow(r) }),
		domain.RunFailed, domain.RunCanceled)
	return err
}

// addSide adds the numbers of a side: what it can hold, and whether it was looked at to its end.
func (l *statsLook) addSide(rows []dbsqlc.GetStatsOfLiveRow, statuses ...domain.RunStatus) {
	var looked int64
	for i := range rows {
		looked += rows[i].Runs
	}
	l.stats.Look(looked < l.limits.tally, statuses...)
	for i := range rows {
		if l.asked(rows[i].WorkflowName) {
			l.stats.Count(domain.WorkflowKey{Name: rows[i].WorkflowName, Version: rows[i].Version}, domain.ParseRunStatus(rows[i].Status), rows[i].Runs)
		}
	}
}

// addDue goes through the workflows and versions with live runs, one look into the claim's index for each.
func (l *statsLook) addDue() error {
	var at dbsqlc.GetNextLiveWorkflowRow
	for range mostWorkflows {
		found, err := l.nextLive(&at)
		if err != nil || len(found) == 0 {
			return err
		}
		if at = found[0]; l.asked(at.WorkflowName) {
			l.stats.Live(domain.WorkflowKey{Name: at.WorkflowName, Version: at.Version}, readNullTime(at.AvailableAt), l.clock)
		}
	}
	return nil
}

// nextLive finds the version after this one, or else the workflow after it.
func (l *statsLook) nextLive(at *dbsqlc.GetNextLiveWorkflowRow) ([]dbsqlc.GetNextLiveWorkflowRow, error) {
	if at.WorkflowName != "" {
		versions, err := l.q.GetNextLiveVersion(l.ctx, dbsqlc.GetNextLiveVersionParams{
			NamespaceID: l.ns, WorkflowName: at.WorkflowName, Version: text(at.Version),
		})
		if err != nil || len(versions) > 0 {
			return columns(versions, func(r dbsqlc.GetNextLiveVersionRow) dbsqlc.GetNextLiveWorkflowRow {
				return dbsqlc.GetNextLiveWorkflowRow(r)
			}), err
		}
	}
	return l.q.GetNextLiveWorkflow(l.ctx, dbsqlc.GetNextLiveWorkflowParams{NamespaceID: l.ns, WorkflowName: at.WorkflowName})
}
