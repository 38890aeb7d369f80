package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// ended does all that ending brings: it closes the run's open attempts, drops its buffered signals and
// wakes the parent. It reports whether a parked parent became due.
func (x *work) ended(h *head) (woke bool, err error) {
	failure := domain.EndedFailure(h.Status)
	err = x.q.CloseAttempts(x.ctx, dbsqlc.CloseAttemptsParams{
		Error: failureOrNull(&failure), FinishedAt: text(x.nowText()), UpdatedAt: x.nowText(),
		NamespaceID: h.NamespaceID, WorkflowRunID: h.ID,
	})
	if err != nil {
		return false, err
	}
	if err := x.dropSignalsOf(h.NamespaceID, h.ID); err != nil {
		return false, err
	}
	x.event(h.NamespaceID).finished(h.ID)
	return x.wakeParent(h)
}

// dropSignalsOf drops the buffered signals that are addressed to runs which have ended.
func (x *work) dropSignalsOf(namespace string, runIDs ...string) error {
	return x.q.DeleteBufferedSignalsOfRuns(x.ctx, dbsqlc.DeleteBufferedSignalsOfRunsParams{
		NamespaceID: namespace, WorkflowRunIds: idList(runIDs),
	})
}

func (x *work) wakeParent(child *head) (woke bool, err error) {
	if child.ParentNamespaceID == "" || child.ParentAttemptID == "" {
		return false, nil
	}
	parentID, err := x.q.GetWaitingParent(x.ctx, dbsqlc.GetWaitingParentParams{
		NamespaceID: child.ParentNamespaceID, ID: child.ParentAttemptID,
		ChildNamespaceID: text(child.NamespaceID), ChildRunID: text(child.ID),
	})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return x.wake(child.ParentNamespaceID, parentID)
}

// wake makes the run due if it is parked; it reports whether it is. Somebody who may own it is told.
func (x *work) wake(namespace, runID string) (woke bool, err error) {
	h, err := x.head(namespace, runID)
	if err != nil || h == nil {
		return false, err
	}
	run := runOf(h)
	if !domain.ApplyWake(run, x.now) {
		x.event(namespace).touched(runID)
		return false, nil
	}
	x.event(namespace).due(run.WorkflowName)
	return true, x.saveHead(&head{Run: *run, storedError: h.storedError})
}

// endRun ends a run without its owner.
func (x *work) endRun(h *head, status domain.RunStatus, failure *domain.Failure) error {
	if h.WorkerID != "" {
		x.event(h.NamespaceID).touched(h.ID)
	}
	next := &head{Run: h.Run, storedError: h.storedError}
	domain.ApplyEnd(&next.Run, status, failure, x.now)
	if err := x.saveHead(next); err != nil {
		return err
	}
	_, err := x.ended(next)
	return err
}

// CancelRun is ports.ClientBackend's.
func (v *verbs) CancelRun(ctx context.Context, id string) (domain.Run, error) {
	return write(ctx, v, func(x *work) (domain.Run, error) {
		h, err := x.head(x.ns, id)
		switch {
		case err != nil:
			return domain.Run{}, err
		case h == nil:
			return domain.Run{}, fmt.Errorf("%w: %s", domain.ErrRunNotFound, id)
		case h.Status == domain.RunCompleted || h.Status == domain.RunFailed:
			return domain.Run{}, fmt.Errorf("%w: %s is %s", domain.ErrRunFinished, id, h.Status)
		case h.Status != domain.RunCanceled:
			if err := x.endRun(h, domain.RunCanceled, nil); err != nil {
				return domain.Run{}, err
			}
		}
		row, err := x.q.GetRun(x.ctx, dbsqlc.GetRunParams{NamespaceID: x.ns, ID: id})
		return toRun(&row), err
	})
}
