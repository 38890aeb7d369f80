package pgstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// doubts is what the rows must tell of a flush that did not write everything: how its attempts and runs
// stand now. What was written is as it was proposed; what was not, package domain judges by its rows.
type doubts struct {
	steps, runs []proposal
	heads       map[string]*domain.StepAttempt
	standing    map[string]*domain.Run
}

func (f *flush) doubts() *doubts {
	d := &doubts{}
	if f.started < int64(len(f.starts)) {
		d.steps = append(d.steps, f.starts...)
	}
	if f.finished < int64(len(f.finishes)) {
		d.steps = append(d.steps, f.finishes...)
	}
	if len(f.released) < len(f.releases) {
		d.runs = append(d.runs, f.releases...)
	}
	if f.endings() < int64(len(f.ends)) {
		d.runs = append(d.runs, f.ends...)
	}
	return d
}

// endings is how many runs ended.
func (f *flush) endings() int64 {
	if len(f.ended) == 0 {
		return 0
	}
	return f.ended[0].Ended
}

// resolve reads the rows.
func (d *doubts) resolve(ctx context.Context, s *Store) error {
	if len(d.steps)+len(d.runs) == 0 {
		return nil
	}
	var heads []dbsqlc.GetAttemptHeadsRow
	var states []dbsqlc.GetRunStatesRow
	runs := column(slices.Concat(d.steps, d.runs), runOf)
	err := s.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).GetAttemptHeads, dbsqlc.GetAttemptHeadsParams{
			NamespaceID: s.namespace, Ids: column(d.steps, func(p *proposal) string { return p.Attempt.ID }),
		}, &heads)
		rows(p, (*dbsqlc.Queries).GetRunStates, dbsqlc.GetRunStatesParams{NamespaceID: s.namespace, Ids: runs}, &states)
	})
	if err != nil {
		return err
	}
	d.heads = headsOf(heads)
	d.standing = make(map[string]*domain.Run, len(states))
	for _, r := range states {
		d.standing[r.ID] = &domain.Run{
			ID: r.ID, Status: domain.ParseRunStatus(r.Status), WorkerID: text(r.WorkerID), Attempts: int(r.Attempts),
		}
	}
	return nil
}

func headsOf(found []dbsqlc.GetAttemptHeadsRow) map[string]*domain.StepAttempt {
	out := make(map[string]*domain.StepAttempt, len(found))
	for _, a := range found {
		out[a.ID] = &domain.StepAttempt{
			ID: a.ID, RunID: a.WorkflowRunID, Status: domain.ParseStepStatus(a.Status),
			Output: a.Output, Error: domain.ParseFailure(a.Error), ChildRunID: text(a.ChildWorkflowRunID),
		}
	}
	return out
}

// answer fills in the verdicts; one that nothing is said of is ok.
func (f *flush) answer(d *doubts) error {
	if err := f.answerSteps(d); err != nil {
		return err
	}
	for _, round := range f.taken {
		f.answerWaits(round)
	}
	f.answerChildren()
	return f.answerRuns(d)
}

// answerSteps judges by the runs as they stood before, and an attempt that the end of its run has closed
// likewise, unless it had been written by then.
func (f *flush) answerSteps(d *doubts) error {
	before := headsOf(f.before)
	for i := range d.steps {
		p := &d.steps[i]
		run := f.stood(d.standing[p.Lease.RunID])
		verdict, err := judge(p, run, d.heads[p.Attempt.ID])
		if stood, closed := before[p.Attempt.ID]; verdict != nil && closed {
			verdict, err = judge(p, run, stood)
		}
		if err != nil {
			return err
		}
		p.verdict.Err = verdict
	}
	return nil
}

// stood is how a run stood before a flush that may have ended or released it; neither changes the epoch.
func (f *flush) stood(run *domain.Run) *domain.Run {
	if run == nil || f.onlyFinishes() {
		return run
	}
	for _, r := range f.foreign {
		if r.ID == run.ID {
			return &domain.Run{ID: r.ID, Status: domain.ParseRunStatus(r.Status), WorkerID: text(r.WorkerID), Attempts: int(r.Attempts)}
		}
	}
	return &domain.Run{ID: run.ID, Status: domain.RunRunning, WorkerID: f.worker, Attempts: run.Attempts}
}

// judge asks package domain. Only a delivered signal keeps the timeout of an open wait from being written.
func judge(p *proposal, run *domain.Run, head *domain.StepAttempt) (verdict, err error) {
	written, verdict := domain.ApplyStep(run, head, p.Transition, p.Timeout, time.Time{})
	if verdict == nil && written != nil {
		return nil, fmt.Errorf("%w: attempt %s", errDisagree, p.Attempt.ID)
	}
	return verdict, nil
}

func (f *flush) answerWaits(taken []dbsqlc.TakeBufferedSignalsRow) {
	if len(taken) == 0 {
		return
	}
	satisfied := make(map[string]struct{}, len(taken))
	for _, t := range taken {
		satisfied[t.StepAttemptID] = struct{}{}
	}
	for i := range f.starts {
		if _, ok := satisfied[f.starts[i].Attempt.ID]; ok {
			f.starts[i].verdict.Satisfied = true
		}
	}
}

func (f *flush) answerChildren() {
	due := make(map[string]bool, len(f.children))
	for _, c := range slices.Concat(f.made...) {
		due[c.ID] = c.Due
	}
	for i := range f.children {
		f.children[i].verdict.Woke = due[f.children[i].Child.ID]
	}
}

func (f *flush) answerRuns(d *doubts) error {
	due := make(map[string]bool, len(f.released))
	for _, r := range f.released {
		due[r.ID] = r.Due
	}
	for _, parent := range f.ended {
		due[parent.ChildID] = due[parent.ChildID] || parent.Parked
	}
	for i := range d.runs {
		p := &d.runs[i]
		if _, applied := due[p.Lease.RunID]; applied {
			continue
		}
		write, err := domain.ApplyRun(d.standing[p.Lease.RunID], p.Transition, false, time.Time{})
		if write {
			return fmt.Errorf("%w: run %s", errDisagree, p.Lease.RunID)
		}
		p.verdict.Err = err
	}
	for _, of := range [][]proposal{f.releases, f.ends} {
		for i := range of {
			of[i].verdict.Woke = due[of[i].Lease.RunID]
		}
	}
	return nil
}

// waiting lists the runs that parked on a signal or child that had not come.
func (f *flush) waiting() (ids []string) {
	for _, r := range f.released {
		if r.Waiting {
			ids = append(ids, r.ID)
		}
	}
	return sortedUnique(ids)
}

func (f *flush) wokenAfterwards(woken []dbsqlc.WakeSatisfiedRunsRow) {
	f.again = woken
	ids := make(map[string]bool, len(woken))
	for _, r := range woken {
		ids[r.ID] = true
	}
	for i := range f.releases {
		if ids[f.releases[i].Lease.RunID] {
			f.releases[i].verdict.Woke = true
		}
	}
}

func (f *flush) news() ports.Event {
	var n bulletin
	for _, c := range slices.Concat(f.made...) {
		if c.Due {
			n.due(c.WorkflowName)
		}
	}
	for _, r := range f.released {
		if r.Due {
			n.due(r.WorkflowName)
		}
	}
	for i := range f.ends {
		if f.ends[i].verdict.Err == nil {
			n.finished(f.ends[i].Lease.RunID)
		}
	}
	for _, r := range f.ended {
		if r.ChildID != "" {
			n.parent(r.ID, r.WorkflowName, r.Parked)
		}
	}
	for _, r := range f.again {
		n.due(r.WorkflowName)
	}
	return n.Event
}

func (s *Store) wakeSatisfied(ctx context.Context, ids []string) (woken []dbsqlc.WakeSatisfiedRunsRow, err error) {
	err = s.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).WakeSatisfiedRuns, dbsqlc.WakeSatisfiedRunsParams{NamespaceID: s.namespace, Ids: ids}, &woken)
	})
	return woken, err
}
