package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// unreliable is a worker's way to the store: calls fail before or after they took effect, are slow, or hang
// until their context ends.
type unreliable struct {
	*memstore.Store
	t      *testing.T
	ends   *sync.Mutex // of the store: held where runs end
	cut    atomic.Bool // nothing gets through any more
	calm   *atomic.Bool
	rand   func(n int) int
	worker atomic.Value // the id of the worker that claims this way
}

func attempt[T any](ctx context.Context, u *unreliable, call func() (T, error)) (T, error) {
	var none T
	fate := 0
	if !u.calm.Load() {
		fate = u.rand(50)
	}
	if u.cut.Load() || fate == 1 {
		return none, errDown
	}
	if fate == 4 {
		<-ctx.Done()
		return none, ctx.Err()
	}
	out, err := call()
	switch fate {
	case 2:
		return none, errDown
	case 3:
		time.Sleep(time.Duration(u.rand(3000)) * time.Millisecond)
	case 5:
		<-ctx.Done()
		return none, ctx.Err()
	}
	return out, err
}

func (u *unreliable) Subscribe(ctx context.Context) (<-chan ports.Event, error) {
	if u.cut.Load() || (!u.calm.Load() && u.rand(4) == 0) {
		return nil, errDown
	}
	ctx, cancel := context.WithCancel(ctx)
	if !u.calm.Load() && u.rand(2) == 0 { // it breaks
		timer := time.AfterFunc(time.Duration(u.rand(30))*time.Second, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	}
	context.AfterFunc(ctx, cancel)
	return u.Store.Subscribe(ctx)
}

func (u *unreliable) Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	return attempt(ctx, u, func() ([]domain.Verdict, error) {
		u.ends.Lock()
		defer u.ends.Unlock()
		before := u.standing(ts)
		vs, err := u.Store.Commit(ctx, ts)
		u.lookAtPlainEnds(before, ts, vs, err)
		return vs, err
	})
}

// standing are the runs of a batch that have not ended.
func (u *unreliable) standing(ts []domain.Transition) map[string]bool {
	ids := make([]string, len(ts))
	for i := range ts {
		ids[i] = ts[i].Lease.RunID
	}
	runs, err := u.Store.GetRuns(context.Background(), ids)
	if err != nil {
		u.t.Error(err)
	}
	out := make(map[string]bool, len(runs))
	for _, r := range runs {
		out[r.ID] = !r.Status.Terminal()
	}
	return out
}

// lookAtPlainEnds checks the ends that were marked as plain and took effect, and the mark on all others.
func (u *unreliable) lookAtPlainEnds(standing map[string]bool, ts []domain.Transition, vs []domain.Verdict, err error) {
	if err != nil {
		return
	}
	for i, t := range ts {
		switch {
		case !t.Plain:
		case t.Kind.Terminal() && vs[i].Err == nil && standing[t.Lease.RunID]:
			u.plainly(t.Lease.RunID)
		case !t.Kind.Terminal() && t.Kind != domain.FinishStep:
			u.t.Errorf("a transition of kind %d is marked as plain", t.Kind)
		}
	}
}

// plainly checks that the end of a run, marked as plain, had nothing to see to but the run.
func (u *unreliable) plainly(id string) {
	ctx := context.Background()
	runs, err := u.Store.GetRuns(ctx, []string{id})
	if err != nil || len(runs) != 1 || runs[0].ParentAttemptID != "" {
		u.t.Errorf("run %s was marked as ending plainly: %+v, %v", id, runs, err)
	}
	closed := domain.EndedFailure(runs[0].Status)
	steps, err := u.Store.ListStepAttempts(ctx, id, ports.PageRequest{Limit: 1000})
	if err != nil {
		u.t.Error(err)
	}
	for _, a := range steps.Items {
		if a.Status == domain.StepRunning || (a.Error != nil && a.Error.Message == closed.Message) {
			u.t.Errorf("run %s was marked as ending plainly, and step %s was open", id, a.StepName)
		}
	}
}

func (u *unreliable) ClaimRuns(ctx context.Context, r ports.ClaimRequest) (ports.ClaimResult, error) {
	u.worker.Store(r.WorkerID)
	return attempt(ctx, u, func() (ports.ClaimResult, error) { return u.Store.ClaimRuns(ctx, r) })
}

func (u *unreliable) ReclaimRun(ctx context.Context, r ports.ReclaimRequest) (ports.ReclaimResult, error) {
	return attempt(ctx, u, func() (ports.ReclaimResult, error) { return u.Store.ReclaimRun(ctx, r) })
}

func (u *unreliable) ReclaimRuns(ctx context.Context, rs []ports.ReclaimRequest) (ports.ClaimResult, error) {
	return attempt(ctx, u, func() (ports.ClaimResult, error) { return u.Store.ReclaimRuns(ctx, rs) })
}

func (u *unreliable) LoadHistories(ctx context.Context, r ports.HistoryRequest) (ports.HistoryResult, error) {
	return attempt(ctx, u, func() (ports.HistoryResult, error) { return u.Store.LoadHistories(ctx, r) })
}

func (u *unreliable) ExtendLeases(ctx context.Context, r ports.LeaseRequest) (ports.LeaseResult, error) {
	return attempt(ctx, u, func() (ports.LeaseResult, error) { return u.Store.ExtendLeases(ctx, r) })
}

func (u *unreliable) SendSignals(ctx context.Context, s []domain.Signal) ([]ports.SignalResult, error) {
	return attempt(ctx, u, func() ([]ports.SignalResult, error) { return u.Store.SendSignals(ctx, s) })
}

func (u *unreliable) Sweep(ctx context.Context, r ports.SweepRequest) (ports.SweepResult, error) {
	return attempt(ctx, u, func() (ports.SweepResult, error) {
		u.ends.Lock()
		defer u.ends.Unlock()
		return u.Store.Sweep(ctx, r)
	})
}

func (u *unreliable) RunStates(ctx context.Context, ids []string) ([]domain.RunState, error) {
	return attempt(ctx, u, func() ([]domain.RunState, error) { return u.Store.RunStates(ctx, ids) })
}
