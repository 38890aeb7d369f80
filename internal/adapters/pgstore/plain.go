package pgstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// commitPlain commits proposals with one statement if each of them touches no row but its own, as nearly all do where
// many runs execute: steps that finish, and runs that end. It decides nothing: whenever it did not write everything,
// or the server refused something, written is false without an error, and what is proposed is left to flush as if it
// were proposed again.
func (s *Store) commitPlain(ctx context.Context, ps []proposal) (written bool, err error) {
	worker := ps[0].Lease.WorkerID
	for i := range ps {
		if !ps[i].OneRow() || ps[i].Lease.WorkerID != worker {
			return false, nil
		}
	}
	sorted := slices.Clone(ps)
	slices.SortFunc(sorted, func(a, b proposal) int { return strings.Compare(a.Lease.RunID, b.Lease.RunID) })
	var news bulletin
	for i := range ps {
		if ps[i].Kind.Terminal() {
			news.finished(ps[i].Lease.RunID)
		}
	}
	ended := news.Finished
	var rows int64
	err = s.runAndTell(ctx, news.Event, func(p *pipeline) { // runs that did not end are told of, too: whoever hears of an end looks
		switch {
		case len(ps) == 1 && completes(&ps[0]):
			affected(p, (*dbsqlc.Queries).CompletePlainAttempt, s.plainStepParams(&ps[0]), &rows)
		case len(ps) == 1 && len(ended) == 1:
			affected(p, (*dbsqlc.Queries).EndPlainRun, s.plainEndParams(&ps[0]), &rows)
			exec(p, (*dbsqlc.Queries).DeleteBufferedSignalsOfRun, dbsqlc.DeleteBufferedSignalsOfRunParams{
				NamespaceID: s.namespace, RunID: ended[0],
			})
		default: // also a step by itself that did not simply complete
			one(p, (*dbsqlc.Queries).CommitPlain, s.plainParams(worker, sorted), &rows)
			if len(ended) > 0 {
				exec(p, (*dbsqlc.Queries).DeleteBufferedSignalsOfRuns, dbsqlc.DeleteBufferedSignalsOfRunsParams{
					NamespaceID: s.namespace, RunIds: ended,
				})
			}
		}
	})
	if poison(err) { // also of a step that was committed before
		return false, nil
	}
	if err != nil || rows < int64(len(ps)) {
		return false, err
	}
	return true, nil
}

// completes reports whether a step ends as nearly all do: with a result, and at known times.
func completes(p *proposal) bool {
	a := &p.Attempt
	return p.Kind == domain.FinishStep && a.Status == domain.StepCompleted && len(a.Output) > 0 && a.Error == nil &&
		!a.Final && a.RetryAt.IsZero() && !a.StartedAt.IsZero() && !a.FinishedAt.IsZero()
}

// plainStepParams is for a step that completes; its creation is its start, as CommitPlain's date_trunc has it.
func (c *client) plainStepParams(p *proposal) dbsqlc.CompletePlainAttemptParams {
	a := &p.Attempt
	return dbsqlc.CompletePlainAttemptParams{
		NamespaceID: c.namespace, ID: a.ID, RunID: runOf(p), WorkerID: workerOf(p), Epoch: epochOf(p), StepName: a.StepName,
		Output: string(a.Output), StartedAt: a.StartedAt, FinishedAt: a.FinishedAt, CreatedAt: a.StartedAt.Truncate(time.Millisecond),
	}
}

func (c *client) plainEndParams(p *proposal) dbsqlc.EndPlainRunParams {
	return dbsqlc.EndPlainRunParams{
		NamespaceID: c.namespace, RunID: runOf(p), WorkerID: workerOf(p), Epoch: epochOf(p),
		Status: statusAfter(p), Output: outputOf(p), Error: errorOf(p),
	}
}

func (c *client) plainParams(worker string, ps []proposal) dbsqlc.CommitPlainParams {
	return dbsqlc.CommitPlainParams{
		NamespaceID: c.namespace,
		WorkerID:    worker,
		RunIds:      column(ps, runOf),
		Epochs:      column(ps, epochOf),
		Ids:         column(ps, func(p *proposal) string { return p.Attempt.ID }),
		StepNames:   column(ps, func(p *proposal) string { return p.Attempt.StepName }),
		Statuses: column(ps, func(p *proposal) string {
			if p.Kind.Terminal() {
				return statusAfter(p)
			}
			return string(p.Attempt.Status)
		}),
		Outputs: column(ps, func(p *proposal) string {
			if p.Kind.Terminal() {
				return outputOf(p)
			}
			return string(p.Attempt.Output)
		}),
		Errors: column(ps, func(p *proposal) string {
			if p.Kind.Terminal() {
				return errorOf(p)
			}
			return failureText(p.Attempt.Error)
		}),
		Finals:      column(ps, func(p *proposal) bool { return p.Attempt.Final }),
		RetryAts:    column(ps, func(p *proposal) time.Time { return p.Attempt.RetryAt }),
		StartedAts:  column(ps, func(p *proposal) time.Time { return p.Attempt.StartedAt }),
		FinishedAts: column(ps, func(p *proposal) time.Time { return p.Attempt.FinishedAt }),
	}
}
