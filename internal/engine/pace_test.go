package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// slowPaced is a store that is asked as often as it says, counts that, and tells the next deadline. It sends no news
// unless loud.
type slowPaced struct {
	*memstore.Store
	interval        atomic.Int64
	deadline        atomic.Pointer[time.Time]
	claims, sweeps  atomic.Int64
	leases          atomic.Int64
	announced, loud atomic.Bool
}

func newSlowPaced(h *house, interval time.Duration) *slowPaced {
	s := &slowPaced{Store: h.store}
	s.interval.Store(int64(interval))
	return s
}

func (s *slowPaced) IdleInterval(lease time.Duration) time.Duration {
	s.leases.Store(int64(lease))
	return time.Duration(s.interval.Load())
}

func (s *slowPaced) Subscribe(ctx context.Context) (<-chan ports.Event, error) {
	if s.loud.Load() {
		return s.Store.Subscribe(ctx)
	}
	events := make(chan ports.Event)
	context.AfterFunc(ctx, func() { close(events) })
	return events, nil
}

func (s *slowPaced) ClaimRuns(ctx context.Context, req ports.ClaimRequest) (ports.ClaimResult, error) {
	s.claims.Add(1)
	res, err := s.Store.ClaimRuns(ctx, req)
	if at := s.deadline.Load(); at != nil {
		res.NextDeadline = *at
	}
	return res, err
}

func (s *slowPaced) Sweep(ctx context.Context, req ports.SweepRequest) (ports.SweepResult, error) {
	s.sweeps.Add(1)
	return s.Store.Sweep(ctx, req)
}

func (s *slowPaced) Announce(context.Context, []string) { s.announced.Store(true) }

func (s *slowPaced) asked(span time.Duration) (claims, sweeps int64) {
	claims, sweeps = s.claims.Load(), s.sweeps.Load()
	time.Sleep(span)
	return s.claims.Load() - claims, s.sweeps.Load() - sweeps
}

func nothingToDo(*engine.Scope) (string, error) { return "", nil }

// An idle worker asks as seldom as the backend says, and sweeps less often still; when the backend finds out
// that somebody writes who tells nobody, it does both every few seconds again.
func TestIdleWorkerKeepsTheBackendsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", nothingToDo))
		s := newSlowPaced(h, 40*time.Second)
		w := h.startOn(s)
		defer h.stop(w)
		time.Sleep(10 * time.Minute)
		if claims, sweeps := s.asked(time.Hour); claims < 60*60/40 || claims > 60*60/20 || sweeps < 60*60/80 || sweeps > 60*60/40 {
			t.Errorf("in an idle hour it claimed %d times and swept %d times", claims, sweeps)
		}
		if lease := time.Duration(s.leases.Load()); lease != 30*time.Second {
			t.Errorf("the backend was told of leases of %v", lease)
		}
		s.interval.Store(int64(5 * time.Second))
		time.Sleep(5 * time.Minute)
		if claims, sweeps := s.asked(time.Hour); claims < 60*60/5 || claims > 60*60*2/5 || sweeps < 60*60/10 || sweeps > 60*60/5 {
			t.Errorf("in an hour beside silent writers it claimed %d times and swept %d times", claims, sweeps)
		}
	})
}

// Without any news a run waits for no longer than the interval.
func TestIdleWorkerFindsWhatNobodyTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", nothingToDo))
		w := h.startOn(newSlowPaced(h, 40*time.Second))
		defer h.stop(w)
		for range 20 {
			time.Sleep(3 * time.Minute)
			now := time.Now()
			h.completed(h.create(domain.NewRun{WorkflowName: "w"}), "")
			if late := time.Since(now); late > 41*time.Second {
				t.Fatalf("a run that nobody told of waited for %v", late)
			}
		}
	})
}

// A deadline that the claim has told of is kept, however seldom the worker sweeps.
func TestIdleWorkerKeepsDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", nothingToDo))
		s := newSlowPaced(h, 40*time.Second)
		w := h.startOn(s)
		defer h.stop(w)
		for range 20 {
			time.Sleep(10 * time.Minute)
			at := time.Now().Add(90 * time.Second)
			id := h.create(domain.NewRun{WorkflowName: "elsewhere", DeadlineAt: at})
			s.deadline.Store(&at)
			h.failed(id, domain.ErrDeadlineExceeded)
			s.deadline.Store(nil)
			if late := h.run(id).FinishedAt.Sub(at); late > 2*time.Second {
				t.Fatalf("failed %v after its deadline", late)
			}
		}
	})
}

// A worker without a free slot is told of no deadlines, so it sweeps for them, however seldom it did before.
func TestBusyWorkerKeepsDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			return step(s, "long", func(context.Context) (string, error) {
				time.Sleep(10 * time.Minute)
				return "", nil
			})
		}))
		h.conf = func(c *engine.WorkerConfig) { c.Concurrency = 1 }
		s := newSlowPaced(h, 40*time.Second)
		s.loud.Store(true)
		w := h.startOn(s)
		defer h.stop(w)
		for _, after := range []time.Duration{10 * time.Second, 5 * time.Minute} {
			for range 10 {
				time.Sleep(10 * time.Minute) // idle
				busy := h.create(domain.NewRun{WorkflowName: "w"})
				synctest.Wait()
				at := time.Now().Add(after)
				id := h.create(domain.NewRun{WorkflowName: "w", DeadlineAt: at})
				h.failed(id, domain.ErrDeadlineExceeded)
				if late := h.run(id).FinishedAt.Sub(at); late > 11*time.Second {
					t.Errorf("failed %v after its deadline, %v after its start", late, after)
				}
				h.completed(busy, "")
			}
		}
	})
}

// A deadline that stays where it is does not make the worker sweep in a loop.
func TestPassedDeadlineIsNoHotLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", nothingToDo))
		s := newSlowPaced(h, 40*time.Second)
		w := h.startOn(s)
		defer h.stop(w)
		passed := time.Now().Add(-time.Hour)
		s.deadline.Store(&passed)
		time.Sleep(10 * time.Minute)
		if claims, sweeps := s.asked(time.Hour); claims > 60*60/20 || sweeps > claims+60*60/40 {
			t.Errorf("in an hour it claimed %d times and swept %d times", claims, sweeps)
		}
	})
}

// A worker that stops tells the others of the runs that it had parked, and only then.
func TestStoppingWorkerAnnouncesItsParkedRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, workflow("w", func(s *engine.Scope) (string, error) {
			return "", s.Sleep(s.Context(), "nap", time.Hour)
		}))
		s := newSlowPaced(h, 40*time.Second)
		s.loud.Store(true)
		h.stop(h.startOn(s))
		if s.announced.Load() {
			t.Error("a worker that had nothing to do announced something")
		}
		w := h.startOn(s)
		id := h.create(domain.NewRun{WorkflowName: "w"})
		synctest.Wait()
		time.Sleep(time.Second)
		if run := h.run(id); !run.Parked() {
			t.Fatalf("not parked: %+v", run)
		}
		h.stop(w)
		if !s.announced.Load() {
			t.Error("nobody was told of the parked run")
		}
	})
}
