package pgstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// LoadHistories is ports.Backend's. What arrived is read after the waits.
func (s *Store) LoadHistories(ctx context.Context, req ports.HistoryRequest) (ports.HistoryResult, error) {
	var (
		known     []dbsqlc.GetRunStatesRow
		attempts  []dbsqlc.StepAttempt
		delivered []dbsqlc.GetDeliveredSignalsRow
		children  []dbsqlc.GetOpenChildrenRow
		now       time.Time
	)
	ids := given(req.RunIDs)
	err := s.runner.run(ctx, planOnce, func(p *pipeline) {
		rows(p, (*dbsqlc.Queries).GetRunStates, dbsqlc.GetRunStatesParams{NamespaceID: s.namespace, Ids: ids}, &known)
		if req.OpenOnly {
			rows(p, (*dbsqlc.Queries).GetOpenAttempts, dbsqlc.GetOpenAttemptsParams{NamespaceID: s.namespace, RunIds: ids}, &attempts)
		} else {
			rows(p, (*dbsqlc.Queries).GetHistories, dbsqlc.GetHistoriesParams{NamespaceID: s.namespace, RunIds: ids}, &attempts)
		}
		rows(p, (*dbsqlc.Queries).GetDeliveredSignals, dbsqlc.GetDeliveredSignalsParams{NamespaceID: s.namespace, RunIds: ids}, &delivered)
		rows(p, (*dbsqlc.Queries).GetOpenChildren, dbsqlc.GetOpenChildrenParams{NamespaceID: s.namespace, RunIds: ids}, &children)
		p.now(&now)
	})
	if err != nil {
		return ports.HistoryResult{}, err
	}
	h := newHistories(ids, known)
	h.add(attempts, delivered, children)
	return ports.HistoryResult{Histories: h.list, Now: now.UTC()}, nil
}

type histories struct {
	list []domain.History
	at   map[string]int
}

// newHistories makes an empty history for each run that exists, in the order asked for.
func newHistories(ids []string, known []dbsqlc.GetRunStatesRow) *histories {
	exists := make(map[string]struct{}, len(known))
	for _, r := range known {
		exists[r.ID] = struct{}{}
	}
	h := &histories{at: make(map[string]int, len(known))}
	for _, id := range ids {
		_, ok := exists[id]
		if _, twice := h.at[id]; !ok || twice {
			continue
		}
		h.at[id] = len(h.list)
		h.list = append(h.list, domain.History{
			RunID:    id,
			Signals:  make(map[string]json.RawMessage),
			Children: make(map[string]domain.ChildOutcome),
			Missing:  make(map[string]bool),
		})
	}
	return h
}

func (h *histories) of(runID string) *domain.History {
	if i, ok := h.at[runID]; ok {
		return &h.list[i]
	}
	return &domain.History{Signals: map[string]json.RawMessage{}, Children: map[string]domain.ChildOutcome{}, Missing: map[string]bool{}}
}

func (h *histories) add(attempts []dbsqlc.StepAttempt, delivered []dbsqlc.GetDeliveredSignalsRow, children []dbsqlc.GetOpenChildrenRow) {
	for i := range attempts {
		of := h.of(attempts[i].WorkflowRunID)
		of.Attempts = append(of.Attempts, toAttempt(&attempts[i]))
	}
	for _, d := range delivered {
		h.of(d.WorkflowRunID).Signals[d.ID] = d.Data
	}
	for _, c := range children {
		status := domain.ParseRunStatus(c.Status)
		switch {
		case c.Status == "":
			h.of(c.WorkflowRunID).Missing[c.ID] = true
		case status.Terminal():
			h.of(c.WorkflowRunID).Children[c.ID] = domain.ChildOutcome{
				RunID: text(c.ChildWorkflowRunID), Status: status, Output: c.Output,
				Error: domain.ParseFailure(c.Error), FinishedAt: moment(c.FinishedAt),
			}
		}
	}
}
