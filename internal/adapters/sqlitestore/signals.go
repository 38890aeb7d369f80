package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// SendSignals is ports.ClientBackend's.
func (v *verbs) SendSignals(ctx context.Context, signals []domain.Signal) ([]ports.SignalResult, error) {
	return write(ctx, v, func(x *work) ([]ports.SignalResult, error) {
		out := make([]ports.SignalResult, len(signals))
		for i := range signals {
			if out[i].Err = signals[i].CheckStorable(); out[i].Err != nil {
				continue
			}
			refused, failed := x.item(func() (err error) {
				out[i].RunIDs, err = x.send(&signals[i])
				return err
			})
			if failed != nil {
				return nil, failed
			}
			if refused != nil {
				out[i] = ports.SignalResult{Err: interpretError("", refused)}
			}
		}
		return out, nil
	})
}

// send delivers one signal and returns the runs that got it.
func (x *work) send(sig *domain.Signal) ([]string, error) {
	before, known, err := x.sentBefore(sig)
	if err != nil || known {
		return before, err
	}
	if sig.RunID != "" {
		return x.sendTo(sig)
	}
	waits, err := x.q.GetOpenWaits(x.ctx, dbsqlc.GetOpenWaitsParams{NamespaceID: x.ns, Signal: text(sig.Name)})
	if err != nil {
		return nil, err
	}
	if len(waits) == 0 {
		if sig.Buffer <= 0 {
			return nil, nil
		}
		return nil, x.keep(sig)
	}
	runIDs := make([]string, 0, len(waits))
	for _, w := range waits {
		if err := x.deliver(sig.Name, sig.Key, jsonOrNull(sig.Data), w.WorkflowRunID, w.ID); err != nil {
			return nil, err
		}
		runIDs = append(runIDs, w.WorkflowRunID)
	}
	slices.Sort(runIDs)
	runIDs = slices.Compact(runIDs)
	return runIDs, x.wakeAll(runIDs)
}

// sentBefore is the answer that a signal of the same name and key got, if one left something behind.
func (x *work) sentBefore(sig *domain.Signal) (runIDs []string, known bool, err error) {
	runIDs, err = x.q.GetSignalRuns(x.ctx, dbsqlc.GetSignalRunsParams{
		NamespaceID: x.ns, Signal: sig.Name, SenderIdempotencyKey: text(sig.Key),
	})
	if err != nil || len(runIDs) > 0 {
		return runIDs, true, err
	}
	known, err = x.q.IsSignalBuffered(x.ctx, dbsqlc.IsSignalBufferedParams{
		NamespaceID: x.ns, Signal: sig.Name, SenderIdempotencyKey: sig.Key,
	})
	return nil, known, err
}

// sendTo gives the signal to one run: to its oldest open wait for it, or to the next one.
func (x *work) sendTo(sig *domain.Signal) ([]string, error) {
	h, err := x.head(x.ns, sig.RunID)
	switch {
	case err != nil:
		return nil, err
	case h == nil:
		return nil, fmt.Errorf("%w: %s", domain.ErrRunNotFound, sig.RunID)
	case h.Status.Terminal():
		return nil, fmt.Errorf("%w: %s is %s", domain.ErrRunFinished, sig.RunID, h.Status)
	}
	waitID, err := x.q.GetOpenWaitOfRun(x.ctx, dbsqlc.GetOpenWaitOfRunParams{
		NamespaceID: x.ns, WorkflowRunID: sig.RunID, Signal: text(sig.Name),
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, x.keep(sig)
	}
	if err != nil {
		return nil, err
	}
	if err := x.deliver(sig.Name, sig.Key, jsonOrNull(sig.Data), sig.RunID, waitID); err != nil {
		return nil, err
	}
	return []string{sig.RunID}, x.wakeAll([]string{sig.RunID})
}

func (x *work) wakeAll(runIDs []string) error {
	if err := x.loadHeads(x.ns, runIDs); err != nil {
		return err
	}
	for _, id := range runIDs {
		if _, err := x.wake(x.ns, id); err != nil {
			return err
		}
	}
	return nil
}

// keep buffers the signal: for its run until that ends, else for the time it asks for.
func (x *work) keep(sig *domain.Signal) error {
	row := dbsqlc.BufferSignalParams{
		NamespaceID: x.ns, ID: sig.ID, Signal: sig.Name, Data: jsonOrNull(sig.Data),
		SenderIdempotencyKey: sig.Key, WorkflowRunID: textOrNull(sig.RunID), CreatedAt: x.nowText(),
	}
	if sig.RunID == "" {
		row.ExpiresAt = wakeOrNull(x.clock.Add(sig.Buffer))
	}
	return x.q.BufferSignal(x.ctx, row)
}

// deliver gives the signal to the wait; waking its run is the caller's.
func (x *work) deliver(signal, senderKey string, data sql.NullString, runID, attemptID string) error {
	return x.q.DeliverSignal(x.ctx, dbsqlc.DeliverSignalParams{
		NamespaceID: x.ns, ID: domain.NewID(), Signal: signal, Data: data, SenderIdempotencyKey: textOrNull(senderKey),
		WorkflowRunID: runID, StepAttemptID: attemptID, CreatedAt: x.nowText(),
	})
}

func (x *work) isDelivered(attemptID string) (bool, error) {
	return x.q.IsSignalDelivered(x.ctx, dbsqlc.IsSignalDeliveredParams{NamespaceID: x.ns, StepAttemptID: attemptID})
}

// takeBuffered gives a wait that has just opened the oldest signal that was kept for it.
func (x *work) takeBuffered(a *domain.StepAttempt) (bool, error) {
	if a.Kind != domain.KindSignalWait || a.Status != domain.StepRunning {
		return false, nil
	}
	w, err := a.Wait()
	if err != nil {
		return false, nil //nolint:nilerr // an unreadable wait waits for nothing that can be sent
	}
	kept, err := x.oldestKept(w.Signal, a.RunID)
	if err != nil || kept == nil {
		return false, err
	}
	if err := x.q.DeleteBufferedSignal(x.ctx, kept.Seq); err != nil {
		return false, err
	}
	return true, x.deliver(w.Signal, kept.SenderIdempotencyKey, kept.Data, a.RunID, a.ID)
}

func (x *work) oldestKept(signal, runID string) (*dbsqlc.GetBufferedSignalRow, error) {
	common, err := x.q.GetBufferedSignal(x.ctx, dbsqlc.GetBufferedSignalParams{
		NamespaceID: x.ns, Signal: signal, Now: text(x.nowText()),
	})
	hasCommon := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	own, err := x.q.GetBufferedSignalOfRun(x.ctx, dbsqlc.GetBufferedSignalOfRunParams{
		NamespaceID: x.ns, WorkflowRunID: text(runID), Signal: signal,
	})
	switch {
	case err == nil && (!hasCommon || own.Seq < common.Seq):
		common = dbsqlc.GetBufferedSignalRow(own)
		return &common, nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return nil, err
	case hasCommon:
		return &common, nil
	}
	return nil, nil
}
