package pgstore

import (
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// flush is one transaction of Commit: the proposals by what is to be done, and the server's answers.
type flush struct {
	*client
	worker                                     string // of the first proposal: hardly ever is there another
	starts, children, finishes, releases, ends []proposal
	waits                                      []opening // the signal-waits among starts

	foreign  []dbsqlc.LockRunsRow // the runs that the worker did not own
	started  int64
	taken    [][]dbsqlc.TakeBufferedSignalsRow
	made     [][]dbsqlc.InsertChildrenRow
	finished int64
	released []dbsqlc.ReleaseRunsRow
	ended    []dbsqlc.EndOwnedRunsRow
	before   []dbsqlc.GetAttemptHeadsRow // of the steps in closing
	again    []dbsqlc.WakeSatisfiedRunsRow
}

// opening is a signal-wait that opens.
type opening struct{ attemptID, signal string }

func newFlush(c *client, ps []proposal) *flush {
	f := &flush{client: c, worker: ps[0].Lease.WorkerID}
	for _, p := range ps {
		switch p.Kind {
		case domain.StartStep:
			f.starts = append(f.starts, p)
			if w, err := p.Attempt.Wait(); err == nil && w.Kind == domain.KindSignalWait {
				f.waits = append(f.waits, opening{p.Attempt.ID, w.Signal})
			}
		case domain.StartChild:
			f.starts, f.children = append(f.starts, p), append(f.children, p)
		case domain.FinishStep:
			f.finishes = append(f.finishes, p)
		case domain.ParkRun, domain.RetryRun:
			f.releases = append(f.releases, p)
		case domain.CompleteRun, domain.FailRun:
			f.ends = append(f.ends, p)
		}
	}
	slices.SortFunc(f.finishes, func(a, b proposal) int { return strings.Compare(a.Lease.RunID, b.Lease.RunID) })
	return f
}

// build queues the statements. Locks come first and in this order: idempotency keys, signal names, runs,
// waits. Each later statement sees what was committed until all of them were held. Where steps end and
// nothing else happens, which is most of the time, the statement that writes them locks their runs itself.
func (f *flush) build(p *pipeline) {
	if !f.onlyFinishes() {
		f.lock(p)
	}
	if closing := f.closing(); len(closing) > 0 {
		rows(p, (*dbsqlc.Queries).GetAttemptHeads, dbsqlc.GetAttemptHeadsParams{NamespaceID: f.namespace, Ids: closing}, &f.before)
	}
	if len(f.starts) > 0 {
		affected(p, (*dbsqlc.Queries).InsertAttempts, f.startParams(), &f.started)
	}
	f.takeBuffered(p)
	f.makeChildren(p)
	if len(f.finishes) > 0 {
		affected(p, (*dbsqlc.Queries).FinishAttempts, f.finishParams(), &f.finished)
	}
	f.clearRecoveries(p)
	if len(f.releases) > 0 {
		rows(p, (*dbsqlc.Queries).ReleaseRuns, f.releaseParams(), &f.released)
	}
	if len(f.ends) > 0 {
		rows(p, (*dbsqlc.Queries).EndOwnedRuns, f.endParams(), &f.ended)
	}
	f.close(p, domain.CompleteRun, domain.RunCompleted)
	f.close(p, domain.FailRun, domain.RunFailed)
}

func (f *flush) onlyFinishes() bool {
	return len(f.starts)+len(f.releases)+len(f.ends)+len(f.timeouts()) == 0
}

func (f *flush) lock(p *pipeline) {
	if keys := f.creationKeys(column(f.children, func(p *proposal) domain.NewRun { return *p.Child })); len(keys) > 0 {
		exec(p, (*dbsqlc.Queries).LockKeys, keys)
	}
	if len(f.waits) > 0 {
		keys := column(f.waits, func(w *opening) string { return f.key("signal", w.signal) })
		exec(p, (*dbsqlc.Queries).LockKeysShared, sortedUnique(keys))
	}
	var ids []string
	for _, of := range [][]proposal{f.starts, f.finishes, f.releases, f.ends} {
		ids = append(ids, column(of, runOf)...)
	}
	rows(p, (*dbsqlc.Queries).LockRuns, dbsqlc.LockRunsParams{
		NamespaceID: f.namespace, Ids: sortedUnique(ids), Ending: column(f.ends, runOf), ButOf: &f.worker,
	}, &f.foreign)
	timeouts, parks := f.timeouts(), runsOf(f.releases, domain.ParkRun)
	if len(timeouts)+len(parks) > 0 {
		var waits []dbsqlc.LockWaitsRow
		rows(p, (*dbsqlc.Queries).LockWaits, dbsqlc.LockWaitsParams{
			NamespaceID: f.namespace, Ids: timeouts, RunIds: parks,
		}, &waits)
	}
}

func runOf(p *proposal) string { return p.Lease.RunID }

// runsOf lists the runs that transitions of a kind are about.
func runsOf(ps []proposal, kind domain.TransitionKind) []string {
	ids := []string{}
	for i := range ps {
		if ps[i].Kind == kind {
			ids = append(ids, ps[i].Lease.RunID)
		}
	}
	return ids
}

// closing lists the steps whose run may end in this transaction. Ending closes what is open, so how they
// stood must be read before.
func (f *flush) closing() (ids []string) {
	if len(f.ends) == 0 {
		return nil
	}
	ending := setOf(column(f.ends, runOf))
	for _, of := range [][]proposal{f.starts, f.finishes} {
		for i := range of {
			if _, ok := ending[of[i].Lease.RunID]; ok {
				ids = append(ids, of[i].Attempt.ID)
			}
		}
	}
	return ids
}

func (f *flush) timeouts() []string {
	ids := []string{}
	for i := range f.finishes {
		if f.finishes[i].Timeout {
			ids = append(ids, f.finishes[i].Attempt.ID)
		}
	}
	return ids
}

// takeBuffered gives the waits that opened what was kept for them. No statement has one name twice, so
// that two waits cannot be given one signal.
func (f *flush) takeBuffered(p *pipeline) {
	rounds := spread(f.waits, signalOf)
	f.taken = make([][]dbsqlc.TakeBufferedSignalsRow, len(rounds))
	for i, round := range rounds {
		rows(p, (*dbsqlc.Queries).TakeBufferedSignals, f.takeParams(round), &f.taken[i])
	}
}

func (c *client) takeParams(round []opening) dbsqlc.TakeBufferedSignalsParams {
	return dbsqlc.TakeBufferedSignalsParams{
		NamespaceID: c.namespace,
		AttemptIds:  column(round, func(w *opening) string { return w.attemptID }),
		Signals:     column(round, func(w *opening) string { return w.signal }),
	}
}

func signalOf(w *opening) string { return w.signal }

// close queues what ending brings besides the parent's wake.
func (f *flush) close(p *pipeline, kind domain.TransitionKind, status domain.RunStatus) {
	if ended := runsOf(f.ends, kind); len(ended) > 0 {
		f.closeAttempts(p, ended, status)
	}
}

func (c *client) closeAttempts(p *pipeline, ended []string, status domain.RunStatus) {
	failure := domain.EndedFailure(status)
	exec(p, (*dbsqlc.Queries).CloseAttempts, dbsqlc.CloseAttemptsParams{
		NamespaceID: c.namespace, RunIds: ended, RunStatus: string(status), Error: failureText(&failure),
	})
	exec(p, (*dbsqlc.Queries).DeleteBufferedSignalsOfRuns, dbsqlc.DeleteBufferedSignalsOfRunsParams{
		NamespaceID: c.namespace, RunIds: ended,
	})
}

func workerOf(p *proposal) string { return p.Lease.WorkerID }
func epochOf(p *proposal) int32   { return int32(p.Lease.Epoch) }

func configOf(p *proposal) string {
	if p.Attempt.Config == nil {
		return "{}"
	}
	return string(p.Attempt.Config)
}

func (f *flush) startParams() dbsqlc.InsertAttemptsParams {
	return dbsqlc.InsertAttemptsParams{
		NamespaceID: f.namespace,
		Ids:         column(f.starts, func(p *proposal) string { return p.Attempt.ID }),
		RunIds:      column(f.starts, runOf),
		WorkerIds:   column(f.starts, workerOf),
		Epochs:      column(f.starts, epochOf),
		StepNames:   column(f.starts, func(p *proposal) string { return p.Attempt.StepName }),
		Kinds:       column(f.starts, func(p *proposal) string { return string(p.Attempt.Kind) }),
		Configs:     column(f.starts, configOf),
		Contexts:    column(f.starts, func(p *proposal) string { return string(p.Attempt.Context) }),
		StartedAts:  column(f.starts, func(p *proposal) time.Time { return p.Attempt.StartedAt }),
	}
}

func (f *flush) finishParams() dbsqlc.FinishAttemptsParams {
	return dbsqlc.FinishAttemptsParams{
		NamespaceID: f.namespace,
		Ids:         column(f.finishes, func(p *proposal) string { return p.Attempt.ID }),
		RunIds:      column(f.finishes, runOf),
		WorkerIds:   column(f.finishes, workerOf),
		Epochs:      column(f.finishes, epochOf),
		StepNames:   column(f.finishes, func(p *proposal) string { return p.Attempt.StepName }),
		Kinds:       column(f.finishes, func(p *proposal) string { return string(p.Attempt.Kind) }),
		Statuses:    column(f.finishes, func(p *proposal) string { return string(p.Attempt.Status) }),
		Configs:     column(f.finishes, configOf),
		Contexts:    column(f.finishes, func(p *proposal) string { return string(p.Attempt.Context) }),
		Outputs:     column(f.finishes, func(p *proposal) string { return string(p.Attempt.Output) }),
		Errors:      column(f.finishes, func(p *proposal) string { return failureText(p.Attempt.Error) }),
		Finals:      column(f.finishes, func(p *proposal) bool { return p.Attempt.Final }),
		RetryAts:    column(f.finishes, func(p *proposal) time.Time { return p.Attempt.RetryAt }),
		StartedAts:  column(f.finishes, func(p *proposal) time.Time { return p.Attempt.StartedAt }),
		FinishedAts: column(f.finishes, func(p *proposal) time.Time { return p.Attempt.FinishedAt }),
		Timeouts:    column(f.finishes, func(p *proposal) bool { return p.Timeout }),
	}
}

// makeChildren makes and links children. No statement has one idempotency key twice: the child that the
// first one makes, the next one finds.
func (f *flush) makeChildren(p *pipeline) {
	rounds := spread(f.children, func(p *proposal) string { return f.creationKeyOf(p.Child) })
	f.made = make([][]dbsqlc.InsertChildrenRow, len(rounds))
	for i, round := range rounds {
		var linked []string
		rows(p, (*dbsqlc.Queries).InsertChildren, f.childParams(round), &f.made[i])
		rows(p, (*dbsqlc.Queries).LinkChildren, f.linkParams(round), &linked)
	}
}

func (f *flush) childParams(round []proposal) dbsqlc.InsertChildrenParams {
	return dbsqlc.InsertChildrenParams{
		NamespaceID:     f.namespace,
		AttemptIds:      column(round, func(p *proposal) string { return p.Attempt.ID }),
		RunIds:          column(round, runOf),
		WorkerIds:       column(round, workerOf),
		Epochs:          column(round, epochOf),
		Ids:             column(round, func(p *proposal) string { return p.Child.ID }),
		WorkflowNames:   column(round, func(p *proposal) string { return p.Child.WorkflowName }),
		Versions:        column(round, func(p *proposal) string { return p.Child.Version }),
		IdempotencyKeys: column(round, func(p *proposal) string { return p.Child.IdempotencyKey }),
		Windows:         column(round, func(p *proposal) int64 { return micros(p.Child.Window()) }),
		Contexts:        column(round, func(p *proposal) string { return string(p.Child.Context) }),
		Inputs:          column(round, func(p *proposal) string { return orNull(p.Child.Input) }),
		StartAts:        column(round, func(p *proposal) time.Time { return p.Child.StartAt }),
		StartAfters:     column(round, func(p *proposal) int64 { return micros(p.Child.StartAfter) }),
		DeadlineAts:     column(round, func(p *proposal) time.Time { return p.Child.DeadlineAt }),
	}
}

func (f *flush) linkParams(round []proposal) dbsqlc.LinkChildrenParams {
	return dbsqlc.LinkChildrenParams{
		NamespaceID:     f.namespace,
		AttemptIds:      column(round, func(p *proposal) string { return p.Attempt.ID }),
		RunIds:          column(round, runOf),
		WorkerIds:       column(round, workerOf),
		Epochs:          column(round, epochOf),
		ChildIds:        column(round, func(p *proposal) string { return p.Child.ID }),
		WorkflowNames:   column(round, func(p *proposal) string { return p.Child.WorkflowName }),
		IdempotencyKeys: column(round, func(p *proposal) string { return p.Child.IdempotencyKey }),
		Windows:         column(round, func(p *proposal) int64 { return micros(p.Child.Window()) }),
	}
}

func (f *flush) clearRecoveries(p *pipeline) {
	var ids []string
	for i := range f.finishes {
		if f.finishes[i].Progress {
			ids = append(ids, f.finishes[i].Attempt.ID)
		}
	}
	if len(ids) > 0 {
		exec(p, (*dbsqlc.Queries).ClearRecoveries, dbsqlc.ClearRecoveriesParams{NamespaceID: f.namespace, AttemptIds: ids})
	}
}

func (f *flush) releaseParams() dbsqlc.ReleaseRunsParams {
	return dbsqlc.ReleaseRunsParams{
		NamespaceID: f.namespace,
		Ids:         column(f.releases, runOf),
		WorkerIds:   column(f.releases, workerOf),
		Epochs:      column(f.releases, epochOf),
		Statuses:    column(f.releases, statusAfter),
		WakeAts:     column(f.releases, func(p *proposal) time.Time { return p.WakeAt }),
		Errors:      column(f.releases, errorOf),
	}
}

func (f *flush) endParams() dbsqlc.EndOwnedRunsParams {
	return dbsqlc.EndOwnedRunsParams{
		NamespaceID: f.namespace,
		Ids:         column(f.ends, runOf),
		WorkerIds:   column(f.ends, workerOf),
		Epochs:      column(f.ends, epochOf),
		Statuses:    column(f.ends, statusAfter),
		Outputs:     column(f.ends, outputOf),
		Errors:      column(f.ends, errorOf),
	}
}

func statusAfter(p *proposal) string {
	switch p.Kind {
	case domain.CompleteRun:
		return string(domain.RunCompleted)
	case domain.FailRun:
		return string(domain.RunFailed)
	case domain.RetryRun:
		return string(domain.RunPending)
	}
	return string(domain.RunRunning)
}

func outputOf(p *proposal) string {
	if p.Kind == domain.CompleteRun {
		return orNull(p.Output)
	}
	return ""
}

func errorOf(p *proposal) string {
	if p.Kind == domain.FailRun || p.Kind == domain.RetryRun {
		return failureText(p.Error)
	}
	return ""
}
