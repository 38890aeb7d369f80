package sqlitestore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// ListWorkers is ports.Inspector's.
func (v *verbs) ListWorkers(ctx context.Context, seenWithin time.Duration) ([]domain.WorkerRecord, error) {
	most := v.on.limits().leases
	return read(ctx, v, func(x *work) (out []domain.WorkerRecord, err error) {
		registered, err1 := x.q.GetWorkers(x.ctx, x.ns)
		leases, err2 := x.leases(most)
		holding := make(map[string]int64)
		for _, l := range leases {
			holding[l.WorkerID.String]++
		}
		for i := range registered {
			w := toWorker(&registered[i])
			w.Holding = holding[w.ID]
			delete(holding, w.ID)
			if w.Holding > 0 || !w.SeenAt.Before(x.now.Add(-seenWithin)) {
				out = append(out, w)
			}
		}
		for id, n := range holding {
			out = append(out, domain.WorkerRecord{ID: id, Holding: n})
		}
		slices.SortFunc(out, func(a, b domain.WorkerRecord) int { return strings.Compare(a.ID, b.ID) })
		return out, errors.Join(err1, err2)
	})
}

// RegisterWorker is ports.Registry's.
func (s *Store) RegisterWorker(ctx context.Context, w domain.WorkerRecord) error {
	workflows, err := json.Marshal(columns(w.Workflows, func(k domain.WorkflowKey) storedKey { return storedKey(k) }))
	if err != nil {
		return err
	}
	_, err = write(ctx, &s.verbs, func(x *work) (struct{}, error) {
		return struct{}{}, first(
			x.q.ForgetWorkers(x.ctx, dbsqlc.ForgetWorkersParams{NamespaceID: x.ns, Since: fact(x.now.Add(-domain.RegistrationKept))}),
			x.q.RegisterWorker(x.ctx, dbsqlc.RegisterWorkerParams{
				NamespaceID: x.ns, ID: w.ID, Host: w.Host, Pid: int64(w.PID), Language: w.Language,
				Workflows: string(workflows), Concurrency: int64(w.Concurrency), Now: x.nowText(),
			}))
	})
	return err
}

// UnregisterWorker is ports.Registry's.
func (s *Store) UnregisterWorker(ctx context.Context, id string) error {
	_, err := write(ctx, &s.verbs, func(x *work) (struct{}, error) {
		return struct{}{}, x.q.UnregisterWorker(x.ctx, dbsqlc.UnregisterWorkerParams{NamespaceID: x.ns, ID: id})
	})
	return err
}

// storedKey is a workflow in a worker's row.
type storedKey struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

func toWorker(r *dbsqlc.WorkflowWorker) domain.WorkerRecord {
	var keys []storedKey
	_ = json.Unmarshal([]byte(r.Workflows), &keys) // what somebody else wrote into it is left out
	return domain.WorkerRecord{
		ID: r.ID, Host: r.Host, PID: int(r.Pid), Language: r.Language, Concurrency: int(r.Concurrency),
		Workflows: columns(keys, func(k storedKey) domain.WorkflowKey { return domain.WorkflowKey(k) }),
		StartedAt: readTime(r.StartedAt), SeenAt: readTime(r.SeenAt),
	}
}
