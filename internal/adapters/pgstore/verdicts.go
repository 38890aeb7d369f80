package pgstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// unwritten lists the attempts of transitions that wrote nothing: why, their rows must tell.
// Those that were read before their run ended are not asked about again.
func (f *flush) unwritten() (ids []string) {
	known := setOf(slices.Concat(f.started, f.done, f.closing()))
	for _, of := range [][]proposal{f.starts, f.finishes} {
		for i := range of {
			if _, ok := known[of[i].Attempt.ID]; !ok {
				ids = append(ids, of[i].Attempt.ID)
			}
		}
	}
	return ids
}

func (s *Store) attemptHeads(ctx context.Context, ids []string) (map[string]*domain.StepAttempt, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var found []dbsqlc.GetAttemptHeadsRow
	err := s.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).GetAttemptHeads, dbsqlc.GetAttemptHeadsParams{NamespaceID: s.namespace, Ids: ids}, &found)
	})
	if err != nil {
		return nil, err
	}
	return headsOf(found), nil
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

// answer fills in the verdicts: what was written is ok; what was not, package domain judges by the rows as
// they were when they were locked.
func (f *flush) answer(heads map[string]*domain.StepAttempt) error {
	if len(f.before) > 0 {
		read := heads
		heads = headsOf(f.before)
		maps.Copy(heads, read)
	}
	before := make(map[string]dbsqlc.LockRunsRow, len(f.locked))
	for _, r := range f.locked {
		before[r.ID] = r
	}
	if err := f.answerSteps(before, heads); err != nil {
		return err
	}
	f.answerChildren()
	return f.answerRuns(before)
}

// standing is what a lock found of a run; nil if there is none.
func standing(before map[string]dbsqlc.LockRunsRow, id string) *domain.Run {
	r, ok := before[id]
	if !ok {
		return nil
	}
	return &domain.Run{ID: r.ID, Status: domain.ParseRunStatus(r.Status), WorkerID: text(r.WorkerID), Attempts: int(r.Attempts)}
}

func (f *flush) answerSteps(before map[string]dbsqlc.LockRunsRow, heads map[string]*domain.StepAttempt) error {
	started, done := setOf(f.started), setOf(f.done)
	satisfied := make(map[string]bool)
	for _, round := range f.taken {
		for _, t := range round {
			satisfied[t.StepAttemptID] = true
		}
	}
	for _, of := range [][]proposal{f.starts, f.finishes} {
		for i := range of {
			p, id := &of[i], of[i].Attempt.ID
			p.verdict.Satisfied = satisfied[id]
			_, wasStarted := started[id]
			_, wasDone := done[id]
			if wasStarted || wasDone {
				continue
			}
			// Only a delivered signal keeps the timeout of an open wait from being written.
			written, err := domain.ApplyStep(standing(before, p.Lease.RunID), heads[id], p.Transition, p.Timeout, time.Time{})
			if err == nil && written != nil {
				return fmt.Errorf("%w: attempt %s", errDisagree, id)
			}
			p.verdict.Err = err
		}
	}
	return nil
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

func (f *flush) answerRuns(before map[string]dbsqlc.LockRunsRow) error {
	due := make(map[string]bool, len(f.applied))
	for _, r := range f.applied {
		due[r.ID] = r.Due
	}
	for _, parent := range f.parents {
		due[parent.ChildID] = due[parent.ChildID] || parent.Parked
	}
	for i := range f.runs {
		p := &f.runs[i]
		woke, applied := due[p.Lease.RunID]
		if applied {
			p.verdict.Woke = woke
			continue
		}
		write, err := domain.ApplyRun(standing(before, p.Lease.RunID), p.Transition, false, time.Time{})
		if write {
			return fmt.Errorf("%w: run %s", errDisagree, p.Lease.RunID)
		}
		p.verdict.Err = err
	}
	return nil
}

// waiting lists the runs that parked on a signal or child that had not come.
func (f *flush) waiting() (ids []string) {
	for _, r := range f.applied {
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
	for i := range f.runs {
		if ids[f.runs[i].Lease.RunID] {
			f.runs[i].verdict.Woke = true
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
	ended := setOf(f.ending())
	for _, r := range f.applied {
		if _, ok := ended[r.ID]; ok {
			n.finished(r.ID)
		} else if r.Due {
			n.due(r.WorkflowName)
		}
	}
	n.parents(f.parents)
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
