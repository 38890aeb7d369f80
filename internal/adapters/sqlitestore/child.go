package sqlitestore

import (
	"database/sql"
	"errors"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// linkChild makes sure that the workflow step has its one child. A step that was linked, or that ended,
// before stays as it is; the link itself is a write, so it needs the lease.
func (b *batch) linkChild(run *domain.Run, a *domain.StepAttempt, t *domain.Transition) (woke bool, err error) {
	if a == nil || a.ChildRunID != "" || a.Status != domain.StepRunning {
		return false, nil
	}
	if run == nil || !run.Owned(t.Lease) {
		return false, domain.ErrLeaseLost
	}
	child, due, err := b.childFor(a, t.Child)
	if err != nil {
		return false, err
	}
	a.ChildNamespaceID, a.ChildRunID = b.ns, child
	err = b.q.LinkChild(b.ctx, dbsqlc.LinkChildParams{
		ChildWorkflowRunNamespaceID: text(b.ns),
		ChildWorkflowRunID:          text(child),
		UpdatedAt:                   b.nowText(),
		NamespaceID:                 b.ns,
		ID:                          a.ID,
	})
	return due, err
}

// childFor is the run whose parent is the attempt already, or the one that its key finds, or a new one; due is whether
// it is new and may start now.
func (b *batch) childFor(a *domain.StepAttempt, n *domain.NewRun) (child string, due bool, err error) {
	row, err := b.q.GetRunByParent(b.ctx, dbsqlc.GetRunByParentParams{
		ParentNamespaceID: text(b.ns), ParentAttemptID: text(a.ID), NamespaceID: b.ns,
	})
	if !errors.Is(err, sql.ErrNoRows) {
		return row.ID, false, err
	}
	withParent := *n
	withParent.ParentNamespaceID, withParent.ParentAttemptID = b.ns, a.ID
	return b.createRun(&withParent)
}
