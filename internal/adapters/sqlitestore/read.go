package sqlitestore

import (
	"context"
	"encoding/json"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// LoadHistories is ports.Backend's.
func (s *Store) LoadHistories(ctx context.Context, req ports.HistoryRequest) (ports.HistoryResult, error) {
	return read(ctx, &s.verbs, func(x *work) (ports.HistoryResult, error) {
		res := ports.HistoryResult{Now: x.clock}
		known, err := x.q.GetRunStates(x.ctx, dbsqlc.GetRunStatesParams{NamespaceID: x.ns, Ids: idList(req.RunIDs)})
		if err != nil {
			return res, err
		}
		for _, r := range known {
			h, err := x.history(r.ID, req.OpenOnly)
			if err != nil {
				return res, err
			}
			res.Histories = append(res.Histories, h)
		}
		return res, nil
	})
}

func (x *work) history(runID string, openOnly bool) (domain.History, error) {
	h := domain.History{
		RunID:    runID,
		Signals:  make(map[string]json.RawMessage),
		Children: make(map[string]domain.ChildOutcome),
		Missing:  make(map[string]bool),
	}
	var rows []dbsqlc.StepAttempt
	var err error
	if openOnly {
		rows, err = x.q.GetOpenAttempts(x.ctx, dbsqlc.GetOpenAttemptsParams{NamespaceID: x.ns, WorkflowRunID: runID})
	} else {
		rows, err = x.q.GetHistory(x.ctx, dbsqlc.GetHistoryParams{NamespaceID: x.ns, WorkflowRunID: runID})
	}
	if err != nil {
		return h, err
	}
	h.Attempts = toAttempts(rows)
	var waits, children bool
	for i := range h.Attempts {
		open := h.Attempts[i].Status == domain.StepRunning
		waits = waits || open && h.Attempts[i].Kind == domain.KindSignalWait
		children = children || open && h.Attempts[i].Kind == domain.KindWorkflow
	}
	if waits {
		err = x.addSignals(&h)
	}
	if err == nil && children {
		err = x.addChildren(&h)
	}
	return h, err
}

func (x *work) addSignals(h *domain.History) error {
	rows, err := x.q.GetDeliveredSignals(x.ctx, dbsqlc.GetDeliveredSignalsParams{NamespaceID: x.ns, WorkflowRunID: h.RunID})
	for _, r := range rows {
		h.Signals[r.StepAttemptID] = readValue(r.Data)
	}
	return err
}

func (x *work) addChildren(h *domain.History) error {
	rows, err := x.q.GetOpenChildren(x.ctx, dbsqlc.GetOpenChildrenParams{NamespaceID: x.ns, WorkflowRunID: h.RunID})
	for _, r := range rows {
		status := domain.ParseRunStatus(r.Status.String)
		switch {
		case !r.Status.Valid:
			h.Missing[r.StepAttemptID] = true
		case status.Terminal():
			c := domain.ChildOutcome{
				RunID: r.ChildWorkflowRunID.String, Status: status, Output: readJSON(r.Output),
				Error: readFailure(r.Error), FinishedAt: readNullTime(r.FinishedAt),
			}
			if status == domain.RunCompleted {
				c.Output = readValue(r.Output)
			}
			h.Children[r.StepAttemptID] = c
		}
	}
	return err
}

// GetRuns is ports.ClientBackend's.
func (v *verbs) GetRuns(ctx context.Context, ids []string) ([]domain.Run, error) {
	return read(ctx, v, func(x *work) ([]domain.Run, error) {
		rows, err := x.q.GetRuns(x.ctx, dbsqlc.GetRunsParams{NamespaceID: x.ns, Ids: idList(ids)})
		return toRuns(rows), err
	})
}

// RunStates is ports.ClientBackend's.
func (v *verbs) RunStates(ctx context.Context, ids []string) ([]domain.RunState, error) {
	return read(ctx, v, func(x *work) ([]domain.RunState, error) {
		rows, err := x.q.GetRunStates(x.ctx, dbsqlc.GetRunStatesParams{NamespaceID: x.ns, Ids: idList(ids)})
		states := make([]domain.RunState, len(rows))
		for i, r := range rows {
			states[i] = domain.RunState{
				ID: r.ID, Status: domain.ParseRunStatus(r.Status), Epoch: int(r.Attempts), WorkerID: r.WorkerID.String,
			}
		}
		return states, err
	})
}

// CountRuns is ports.ClientBackend's.
func (v *verbs) CountRuns(ctx context.Context) (domain.RunCounts, error) {
	return read(ctx, v, func(x *work) (domain.RunCounts, error) {
		var counts domain.RunCounts
		rows, err := x.q.CountRuns(x.ctx, x.ns)
		for _, r := range rows {
			counts.Add(r.Status, r.Total)
		}
		return counts, err
	})
}
