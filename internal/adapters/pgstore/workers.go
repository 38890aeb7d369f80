package pgstore

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// ListWorkers is ports.Inspector's.
func (c *client) ListWorkers(ctx context.Context, seenWithin time.Duration) ([]domain.WorkerRecord, error) {
	var now time.Time
	var registered []dbsqlc.Worker
	var leases []dbsqlc.CountLeasesRow
	err := c.scan(ctx, func(p *pipeline) {
		p.now(&now)
		rows(p, (*dbsqlc.Queries).GetWorkers, c.namespace, &registered)
		rows(p, (*dbsqlc.Queries).CountLeases, dbsqlc.CountLeasesParams{NamespaceID: c.namespace, ScanLimit: c.core.scan.leases}, &leases)
	})
	if err != nil {
		return nil, err
	}
	holding := make(map[string]int64, len(leases))
	for _, l := range leases {
		holding[l.WorkerID] = l.Runs
	}
	var out []domain.WorkerRecord
	for i := range registered {
		w := toWorker(&registered[i])
		w.Holding = holding[w.ID]
		delete(holding, w.ID)
		if w.Holding > 0 || !w.SeenAt.Before(now.Add(-seenWithin)) {
			out = append(out, w)
		}
	}
	for id, n := range holding {
		out = append(out, domain.WorkerRecord{ID: id, Holding: n})
	}
	slices.SortFunc(out, func(a, b domain.WorkerRecord) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// RegisterWorker is ports.Registry's.
func (s *Store) RegisterWorker(ctx context.Context, w domain.WorkerRecord) error {
	workflows, err := json.Marshal(storedKeys(w.Workflows))
	if err != nil {
		return err
	}
	return s.runner.run(repeated(ctx), planOnce, func(p *pipeline) {
		exec(p, (*dbsqlc.Queries).ForgetWorkers, dbsqlc.ForgetWorkersParams{NamespaceID: s.namespace, Kept: micros(domain.RegistrationKept)})
		exec(p, (*dbsqlc.Queries).RegisterWorker, dbsqlc.RegisterWorkerParams{
			NamespaceID: s.namespace, ID: w.ID, Host: w.Host, Pid: int32(w.PID), Language: w.Language,
			Workflows: string(workflows), Concurrency: int32(w.Concurrency),
		})
	})
}

// UnregisterWorker is ports.Registry's.
func (s *Store) UnregisterWorker(ctx context.Context, id string) error {
	return s.runner.run(ctx, planOnce, func(p *pipeline) {
		exec(p, (*dbsqlc.Queries).UnregisterWorker, dbsqlc.UnregisterWorkerParams{NamespaceID: s.namespace, ID: id})
	})
}

// storedKey is a workflow in a worker's row.
type storedKey struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

func storedKeys(keys []domain.WorkflowKey) []storedKey {
	return column(keys, func(k *domain.WorkflowKey) storedKey { return storedKey(*k) })
}

func toWorker(r *dbsqlc.Worker) domain.WorkerRecord {
	var keys []storedKey
	_ = json.Unmarshal(r.Workflows, &keys) // what somebody else wrote into it is left out
	return domain.WorkerRecord{
		ID: r.ID, Host: r.Host, PID: int(r.Pid), Language: r.Language, Concurrency: int(r.Concurrency),
		Workflows: column(keys, func(k *storedKey) domain.WorkflowKey { return domain.WorkflowKey(*k) }),
		StartedAt: r.StartedAt.UTC(), SeenAt: r.SeenAt.UTC(),
	}
}
