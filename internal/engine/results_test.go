package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// quietStore is a store that does not notify. It counts the looks and fails them on demand.
type quietStore struct {
	ports.Backend
	gets, polls atomic.Int64
	down        atomic.Pointer[error]
	gone        atomic.Bool // RunStates finds nothing
	afterGet    func(ids []string)
}

func (s *quietStore) failure() error {
	if err := s.down.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *quietStore) GetRuns(ctx context.Context, ids []string) ([]domain.Run, error) {
	s.gets.Add(1)
	if err := s.failure(); err != nil {
		return nil, err
	}
	runs, err := s.Backend.GetRuns(ctx, ids)
	if s.afterGet != nil {
		s.afterGet(ids)
	}
	return runs, err
}

func (s *quietStore) RunStates(ctx context.Context, ids []string) ([]domain.RunState, error) {
	s.polls.Add(1)
	if err := s.failure(); err != nil || s.gone.Load() {
		return nil, err
	}
	return s.Backend.RunStates(ctx, ids)
}

// newsStore is a quietStore that notifies, until its subscriptions are broken.
type newsStore struct {
	quietStore
	subscriptions atomic.Int64
	refuse        atomic.Bool
	mu            sync.Mutex
	cut           context.CancelFunc
}

func (s *newsStore) Subscribe(ctx context.Context) (<-chan ports.Event, error) {
	s.subscriptions.Add(1)
	if s.refuse.Load() {
		return nil, errors.New("no connection")
	}
	ctx, cut := context.WithCancel(ctx)
	s.mu.Lock()
	s.cut = cut
	s.mu.Unlock()
	return s.Backend.(ports.Notifier).Subscribe(ctx)
}

func (s *newsStore) breakNews() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut()
}

// awaiting is a test with virtual time, a store and the Results on it.
func awaiting(t *testing.T, fn func(t *testing.T, s *newsStore, loud, quiet *engine.Results)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		s := &newsStore{quietStore: quietStore{Backend: store}}
		loud, quiet := engine.NewResults(s), engine.NewResults(&s.quietStore)
		fn(t, s, loud, quiet)
		loud.Close()
		quiet.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

func createRuns(t *testing.T, b ports.Backend, n int) []string {
	t.Helper()
	news := make([]domain.NewRun, n)
	ids := make([]string, n)
	for i := range news {
		news[i] = domain.NewRun{ID: domain.NewID(), WorkflowName: "w"}
		ids[i] = news[i].ID
	}
	if _, err := b.CreateRuns(t.Context(), news); err != nil {
		t.Fatal(err)
	}
	return ids
}

func cancelRun(t *testing.T, b ports.Backend, id string) {
	t.Helper()
	if _, err := b.CancelRun(t.Context(), id); err != nil {
		t.Error(err)
	}
}

func mustEnd(t *testing.T, r *engine.Results, id string) {
	t.Helper()
	run, err := r.Await(t.Context(), id)
	if err != nil || run.ID != id || run.Status != domain.RunCanceled {
		t.Errorf("got %+v, %v", run, err)
	}
}

func TestResultsOfEndedAndUnknownRuns(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, loud, _ *engine.Results) {
		id := createRuns(t, s, 1)[0]
		cancelRun(t, s, id)
		mustEnd(t, loud, id)
		if _, err := loud.Await(t.Context(), "nobody"); !errors.Is(err, domain.ErrRunNotFound) {
			t.Error(err)
		}
		down := errors.New("no connection")
		s.down.Store(&down)
		if _, err := loud.Await(t.Context(), id); !errors.Is(err, down) {
			t.Error(err)
		}
		if s.polls.Load() != 0 || s.subscriptions.Load() != 0 {
			t.Error("somebody polled or subscribed for nothing")
		}
	})
}

func TestResultsByNews(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, loud, _ *engine.Results) {
		ids := createRuns(t, s, 100)
		began := time.Now()
		var all sync.WaitGroup
		for _, id := range ids {
			for range 3 {
				all.Go(func() { mustEnd(t, loud, id) })
			}
		}
		synctest.Wait()
		time.Sleep(time.Second) // off the poll's beat
		for _, id := range ids {
			cancelRun(t, s, id)
		}
		all.Wait()
		if took := time.Since(began); took != time.Second {
			t.Errorf("the news took %v", took-time.Second)
		}
		if n := s.subscriptions.Load(); n != 1 {
			t.Errorf("%d subscriptions", n)
		}
		if n := s.polls.Load(); n > 310 { // at most one per waiter that joined
			t.Errorf("%d polls", n)
		}
	})
}

// Who waits while others do looks at one run, once: news of what happens later come already.
func TestResultsLookOnceWhereNewsArrive(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, loud, _ *engine.Results) {
		ids := createRuns(t, s, 10)
		var all sync.WaitGroup
		all.Go(func() { mustEnd(t, loud, ids[0]) })
		synctest.Wait()
		for _, id := range ids[1:] {
			time.AfterFunc(10*time.Millisecond, func() { cancelRun(t, s, id) })
			gets, polls, began := s.gets.Load(), s.polls.Load(), time.Now()
			mustEnd(t, loud, id)
			if gets, polls := s.gets.Load()-gets, s.polls.Load()-polls; gets != 2 || polls != 0 {
				t.Errorf("a wait took %d reads and %d polls", gets, polls)
			}
			if took := time.Since(began); took != 10*time.Millisecond {
				t.Errorf("a wait took %v", took)
			}
		}
		cancelRun(t, s, ids[0])
		all.Wait()
	})
}

// A run may end while it is looked at.
func TestResultsOfRunsThatEndMeanwhile(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, loud, _ *engine.Results) {
		ids := createRuns(t, s, 3)
		var all sync.WaitGroup
		all.Go(func() { mustEnd(t, loud, ids[0]) }) // keeps the subscription
		synctest.Wait()
		s.afterGet = func(asked []string) {
			if asked[0] == ids[1] && s.gets.Load() == 2 {
				cancelRun(t, s.Backend, ids[1])
				synctest.Wait() // the news have come, and the run was read again
			}
		}
		began := time.Now()
		mustEnd(t, loud, ids[1])
		if took := time.Since(began); took != 0 {
			t.Errorf("the end was seen after %v", took)
		}
		mustEnd(t, loud, ids[1]) // at once
		if _, err := loud.Await(t.Context(), "nobody"); !errors.Is(err, domain.ErrRunNotFound) {
			t.Error(err)
		}
		cancelRun(t, s, ids[0])
		all.Wait()
		polls := s.polls.Load()
		time.Sleep(time.Hour)
		if s.polls.Load() != polls {
			t.Error("polls for nobody")
		}
	})
}

// When news stop to arrive, runs are looked at soon, and soon again for whoever waits anew.
func TestResultsWhenNewsStop(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, loud, _ *engine.Results) {
		ids := createRuns(t, s, 4)
		waiting := func(id string) (ended chan time.Time) {
			ended = make(chan time.Time, 1)
			go func() { mustEnd(t, loud, id); ended <- time.Now() }()
			synctest.Wait()
			return ended
		}
		seenWithin := func(most time.Duration, ended chan time.Time, cancel string) {
			t.Helper()
			began := time.Now()
			cancelRun(t, s, cancel)
			if took := (<-ended).Sub(began); took > most {
				t.Errorf("an end was seen after %v", took)
			}
		}
		first, second, kept := waiting(ids[0]), waiting(ids[1]), waiting(ids[2]) // the last keeps the goroutine
		time.Sleep(time.Second)                                                  // off the poll's beat
		s.refuse.Store(true)
		s.afterGet = func([]string) { // while the first is fetched, there are news, and their end
			s.afterGet = nil
			cancelRun(t, s.Backend, ids[3])
			s.breakNews()
			time.Sleep(time.Millisecond)
		}
		seenWithin(time.Millisecond, first, ids[0])
		synctest.Wait()
		seenWithin(100*time.Millisecond, second, ids[1])
		time.Sleep(20 * time.Second)
		late := createRuns(t, s, 1)[0] // polls are rare by now
		ended := waiting(late)
		time.Sleep(20 * time.Millisecond)
		seenWithin(100*time.Millisecond, ended, late)
		seenWithin(time.Second, kept, ids[2])
	})
}

func TestResultsByPolling(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, _, quiet *engine.Results) {
		ids := createRuns(t, s, 1000)
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() { mustEnd(t, quiet, id) })
		}
		time.Sleep(time.Minute)
		before, gets := s.polls.Load(), s.gets.Load()
		time.Sleep(time.Minute)
		if n := s.polls.Load() - before; n < 59 || n > 61 {
			t.Errorf("%d polls a minute", n)
		}
		for _, id := range ids {
			cancelRun(t, s, id)
		}
		ended := time.Now()
		all.Wait()
		if took := time.Since(ended); took > time.Second {
			t.Errorf("seen after %v", took)
		}
		if n := s.gets.Load() - gets; n != 1 {
			t.Errorf("%d reads for one look", n)
		}
		// Somebody new is served quickly again.
		late := createRuns(t, s, 1)[0]
		time.AfterFunc(100*time.Millisecond, func() { cancelRun(t, s, late) })
		began := time.Now()
		mustEnd(t, quiet, late)
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("a quick run was seen after %v", took)
		}
		if s.subscriptions.Load() != 0 {
			t.Error("subscribed")
		}
	})
}

func TestResultsWaitsEnd(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, loud, quiet *engine.Results) {
		id := createRuns(t, s, 1)[0]
		for _, r := range []*engine.Results{loud, quiet} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if _, err := r.Await(ctx, id); err != context.DeadlineExceeded { //nolint:errorlint // exactly that
				t.Error(err)
			}
			cancel()
			polls := s.polls.Load()
			time.Sleep(time.Hour)
			if s.polls.Load() != polls {
				t.Error("polls for nobody")
			}
			var all sync.WaitGroup
			all.Go(func() {
				if _, err := r.Await(t.Context(), id); !errors.Is(err, ports.ErrClosed) {
					t.Error(err)
				}
			})
			synctest.Wait()
			r.Close()
			all.Wait()
			if _, err := r.Await(t.Context(), id); !errors.Is(err, ports.ErrClosed) {
				t.Error(err)
			}
		}
	})
}

func TestResultsOutage(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, loud, quiet *engine.Results) {
		ids := createRuns(t, s, 2)
		var all sync.WaitGroup
		for _, r := range []*engine.Results{loud, quiet} {
			all.Go(func() { mustEnd(t, r, ids[0]) })
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				_, err := r.Await(ctx, ids[1])
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no connection") {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		down := errors.New("no connection")
		s.down.Store(&down)
		s.refuse.Store(true)
		s.breakNews()
		cancelRun(t, s.Backend, ids[0])
		time.Sleep(time.Minute)
		if n := s.subscriptions.Load(); n > 10 {
			t.Errorf("%d subscriptions in a minute", n)
		}
		if n := s.polls.Load(); n > 200 {
			t.Errorf("%d polls in a minute", n)
		}
		s.down.Store(nil)
		time.Sleep(2 * time.Second) // the first waits end
		synctest.Wait()
		s.down.Store(&down)
		all.Wait()
	})
}

func TestResultsSubscribesAgain(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, loud, _ *engine.Results) {
		ids := createRuns(t, s, 3)
		var all sync.WaitGroup
		all.Go(func() { mustEnd(t, loud, ids[0]) })
		all.Go(func() { mustEnd(t, loud, ids[2]) })
		synctest.Wait()
		s.refuse.Store(true)
		s.breakNews()
		cancelRun(t, s, ids[0]) // its news are lost
		time.Sleep(2 * time.Second)
		s.refuse.Store(false)
		time.Sleep(time.Minute)
		if n := s.subscriptions.Load(); n < 2 {
			t.Fatalf("%d subscriptions", n)
		}
		began := time.Now()
		all.Go(func() { mustEnd(t, loud, ids[1]) })
		synctest.Wait()
		cancelRun(t, s, ids[1])
		cancelRun(t, s, ids[2])
		all.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("the news took %v", took)
		}
	})
}

func TestResultsOfRunsThatVanishAndStoresThatClose(t *testing.T) {
	t.Parallel()
	awaiting(t, func(t *testing.T, s *newsStore, loud, quiet *engine.Results) {
		id := createRuns(t, s, 1)[0]
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := quiet.Await(t.Context(), id); !errors.Is(err, domain.ErrRunNotFound) {
				t.Error(err)
			}
		})
		synctest.Wait()
		s.gone.Store(true)
		all.Wait()
		s.gone.Store(false)
		for _, r := range []*engine.Results{loud, quiet} {
			all.Go(func() {
				if _, err := r.Await(t.Context(), id); !errors.Is(err, ports.ErrClosed) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := s.Backend.(*memstore.Store).Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
	})
}
