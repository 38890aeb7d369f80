package memstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// CreateRuns is ports.ClientBackend's. If one of the runs is refused, none is made.
func (s *Store) CreateRuns(ctx context.Context, runs []domain.NewRun) (ids []string, err error) {
	for i := range runs {
		if err := runs[i].CheckStorable(); err != nil {
			return nil, err
		}
	}
	err = s.do(ctx, func(x *tx) error {
		if err := x.checkParents(runs); err != nil {
			return err
		}
		for i := range runs {
			r, _ := x.createRun(&runs[i])
			ids = append(ids, r.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// checkParents refuses what the foreign keys of the SQL stores refuse: a new run whose parent attempt, or a
// child of whose history, does not exist; and attempts whose id is taken. They are only looked at where a
// run would be made.
func (x *tx) checkParents(runs []domain.NewRun) error {
	ids, keys, attempts := make(map[string]struct{}), make(map[workflowKey]struct{}), make(map[string]struct{})
	for i := range runs {
		n := &runs[i]
		key := workflowKey{n.WorkflowName, n.IdempotencyKey}
		_, again := ids[n.ID]
		_, keyed := keys[key]
		if again || keyed || x.sp.runs[n.ID] != nil || x.keyedRun(n) != nil {
			continue
		}
		ids[n.ID] = struct{}{}
		if n.IdempotencyKey != "" {
			keys[key] = struct{}{}
		}
		if err := x.checkHistory(n.History, attempts); err != nil {
			return err
		}
		if n.ParentNamespaceID == "" || n.ParentAttemptID == "" {
			continue
		}
		if x.data.space(n.ParentNamespaceID).attempts[n.ParentAttemptID] == nil {
			return fmt.Errorf("%w: the parent attempt does not exist", domain.ErrRejected)
		}
	}
	return nil
}

// createRun finds the run that was asked for before, or makes it.
func (x *tx) createRun(n *domain.NewRun) (r *run, created bool) {
	if r, ok := x.sp.runs[n.ID]; ok {
		return r, false
	}
	if r := x.keyedRun(n); r != nil {
		return r, false
	}
	r = &run{Run: newRow(x.sp.namespace, n, x.now), seq: x.data.nextSeq()}
	x.sp.insertRun(r)
	for i := range n.History {
		x.sp.storeAttempt(r, pastAttempt(r, &n.History[i], x.now))
	}
	x.tell(r)
	return r, true
}

func newRow(namespace string, n *domain.NewRun, now time.Time) domain.Run {
	input := clone(n.Input)
	if input == nil {
		input = json.RawMessage("null")
	}
	config := clone(n.Config)
	if config == nil {
		config = json.RawMessage("{}")
	}
	return domain.Run{
		NamespaceID:       namespace,
		ID:                n.ID,
		WorkflowName:      n.WorkflowName,
		Version:           n.Version,
		Status:            domain.RunPending,
		IdempotencyKey:    n.IdempotencyKey,
		Config:            config,
		Context:           clone(n.Context),
		Input:             input,
		ParentNamespaceID: n.ParentNamespaceID,
		ParentAttemptID:   n.ParentAttemptID,
		AvailableAt:       plain(n.AvailableAt(now)),
		DeadlineAt:        plain(n.DeadlineAt),
		CreatedAt:         now.Truncate(time.Millisecond),
		UpdatedAt:         now,
	}
}

// keyedRun is the oldest run that the idempotency key still binds to.
func (x *tx) keyedRun(n *domain.NewRun) *run {
	if n.IdempotencyKey == "" {
		return nil
	}
	since := x.now.Add(-n.Window())
	for _, r := range x.sp.keyed[workflowKey{n.WorkflowName, n.IdempotencyKey}] {
		if !r.CreatedAt.Before(since) {
			return r
		}
	}
	return nil
}

func (x *tx) checkHistory(history []domain.StepAttempt, taken map[string]struct{}) error {
	for i := range history {
		a := &history[i]
		if _, twice := taken[a.ID]; twice || x.sp.attempts[a.ID] != nil {
			return fmt.Errorf("%w: there is another attempt with the id %s", domain.ErrRejected, a.ID)
		}
		taken[a.ID] = struct{}{}
		if a.ChildRunID != "" && x.data.space(a.ChildNamespaceID).runs[a.ChildRunID] == nil {
			return fmt.Errorf("%w: the child of an attempt does not exist", domain.ErrRejected)
		}
	}
	return nil
}

// pastAttempt is an attempt of the history that a run begins with.
func pastAttempt(r *run, given *domain.StepAttempt, now time.Time) *domain.StepAttempt {
	a := cloneAttempt(given)
	a.NamespaceID, a.RunID, a.UpdatedAt = r.NamespaceID, r.ID, now
	a.CreatedAt = plain(a.CreatedAt).Truncate(time.Millisecond)
	if a.Config == nil {
		a.Config = json.RawMessage("{}")
	}
	if a.Status == domain.StepCompleted && a.Output == nil {
		a.Output = json.RawMessage("null")
	}
	return &a
}
