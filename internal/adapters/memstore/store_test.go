package memstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// The contract itself is tested by package backendtest; here is what is memory's own.

var keys = []domain.WorkflowKey{{Name: "w"}}

func create(t testing.TB, s *memstore.Store, change ...func(*domain.NewRun)) domain.Run {
	t.Helper()
	n := domain.NewRun{ID: domain.NewID(), WorkflowName: "w"}
	for _, c := range change {
		c(&n)
	}
	if _, err := s.CreateRuns(t.Context(), []domain.NewRun{n}); err != nil {
		t.Fatal(err)
	}
	runs, err := s.GetRuns(t.Context(), []string{n.ID})
	if err != nil {
		t.Fatal(err)
	}
	return runs[0]
}

func claim(t testing.TB, s *memstore.Store, lease time.Duration) ports.ClaimResult {
	t.Helper()
	res, err := s.ClaimRuns(t.Context(), ports.ClaimRequest{WorkerID: "me", Workflows: keys, Limit: 1, LeaseDuration: lease})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestVirtualTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		r := create(t, s, func(n *domain.NewRun) { n.StartAfter = 30 * 24 * time.Hour })
		if res := claim(t, s, time.Minute); len(res.Runs) > 0 || !res.NextDue.Equal(r.AvailableAt) {
			t.Fatalf("claimed %v; next due %v, want %v", res.Runs, res.NextDue, r.AvailableAt)
		}
		time.Sleep(time.Until(r.AvailableAt) - time.Nanosecond)
		if res := claim(t, s, time.Minute); len(res.Runs) > 0 {
			t.Fatal("claimed a nanosecond before its time")
		}
		time.Sleep(time.Nanosecond)
		if res := claim(t, s, time.Minute); len(res.Runs) != 1 || !res.Now.Equal(r.AvailableAt) {
			t.Fatalf("claimed %v at %v, want one at %v", res.Runs, res.Now, r.AvailableAt)
		}
		time.Sleep(time.Minute)
		if res := claim(t, s, time.Minute); len(res.Runs) != 1 || res.Runs[0].Recoveries != 1 {
			t.Fatalf("a lease that has just ended was not taken over: %+v", res)
		}
	})
}

func TestTimesHaveNoMonotonicReading(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	r := create(t, s, func(n *domain.NewRun) { n.StartAt, n.DeadlineAt = time.Now(), time.Now().Add(time.Hour) })
	for _, at := range []time.Time{r.CreatedAt, r.UpdatedAt, r.AvailableAt, r.DeadlineAt} {
		if at != at.Round(0) || at.Location() != time.UTC {
			t.Errorf("%v is not as a database gives times back", at)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	r := create(t, s)
	events, err := s.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view := s.WithNamespace("other")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, open := <-events; open {
		t.Error("the subscription outlived the store")
	}
	ctx := t.Context()
	calls := map[string]func(*memstore.Store) error{
		"CreateRuns":    func(s *memstore.Store) error { _, err := s.CreateRuns(ctx, nil); return err },
		"ClaimRuns":     func(s *memstore.Store) error { _, err := s.ClaimRuns(ctx, ports.ClaimRequest{}); return err },
		"ReclaimRun":    func(s *memstore.Store) error { _, err := s.ReclaimRun(ctx, ports.ReclaimRequest{}); return err },
		"LoadHistories": func(s *memstore.Store) error { _, err := s.LoadHistories(ctx, ports.HistoryRequest{}); return err },
		"Commit":        func(s *memstore.Store) error { _, err := s.Commit(ctx, nil); return err },
		"ExtendLeases":  func(s *memstore.Store) error { _, err := s.ExtendLeases(ctx, ports.LeaseRequest{}); return err },
		"Sweep":         func(s *memstore.Store) error { _, err := s.Sweep(ctx, ports.SweepRequest{}); return err },
		"SendSignals":   func(s *memstore.Store) error { _, err := s.SendSignals(ctx, nil); return err },
		"CancelRun":     func(s *memstore.Store) error { _, err := s.CancelRun(ctx, r.ID); return err },
		"GetRuns":       func(s *memstore.Store) error { _, err := s.GetRuns(ctx, nil); return err },
		"RunStates":     func(s *memstore.Store) error { _, err := s.RunStates(ctx, nil); return err },
		"ListRuns": func(s *memstore.Store) error {
			_, err := s.ListRuns(ctx, ports.RunFilter{}, ports.PageRequest{Limit: 1})
			return err
		},
		"CountRuns": func(s *memstore.Store) error { _, err := s.CountRuns(ctx); return err },
		"ListStepAttempts": func(s *memstore.Store) error {
			_, err := s.ListStepAttempts(ctx, r.ID, ports.PageRequest{Limit: 1})
			return err
		},
		"Subscribe": func(s *memstore.Store) error { _, err := s.Subscribe(ctx); return err },
	}
	for name, call := range calls {
		for what, s := range map[string]*memstore.Store{"the store": s, "its view": view} {
			if err := call(s); !errors.Is(err, ports.ErrClosed) {
				t.Errorf("%s of %s: %v, want ErrClosed", name, what, err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestEndedContext(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.CreateRuns(ctx, []domain.NewRun{{ID: "r", WorkflowName: "w"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("CreateRuns: %v", err)
	}
	if _, err := s.Subscribe(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Subscribe: %v", err)
	}
	if runs, err := s.GetRuns(t.Context(), []string{"r"}); err != nil || len(runs) > 0 {
		t.Errorf("a refused call made %v (%v)", runs, err)
	}
}

func TestSubscriptionInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New()
		ctx, cancel := context.WithCancel(t.Context())
		events, err := s.Subscribe(ctx)
		if err != nil {
			t.Fatal(err)
		}
		create(t, s)
		if e := <-events; !slices.Equal(e.Due, []string{"w"}) {
			t.Errorf("news of a new run: %+v", e)
		}
		create(t, s, func(n *domain.NewRun) { n.StartAfter = time.Hour })
		if e := <-events; !slices.Equal(e.Due, []string{"w"}) {
			t.Errorf("news of a run that starts later: %+v", e)
		}
		create(t, s.WithNamespace("other"))
		synctest.Wait()
		select {
		case e := <-events:
			t.Errorf("news of another namespace: %+v", e)
		default:
		}
		cancel()
		synctest.Wait()
		if _, open := <-events; open {
			t.Error("the channel is open after its context ended")
		}
		create(t, s)
	})
}

func TestNewsThatDoNotFit(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	events, err := s.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * cap(events) {
		create(t, s)
	}
	var last ports.Event
	for range cap(events) {
		last = <-events
	}
	if !last.Missed || len(events) > 0 {
		t.Errorf("the last of %d events is %+v, and %d follow; want one that says that news were missed", cap(events), last, len(events))
	}
	create(t, s)
	if e := <-events; e.Missed || len(e.Due) != 1 {
		t.Errorf("after the reader caught up: %+v", e)
	}
}

func TestStoredErrorsAreNotAliased(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	create(t, s)
	r := claim(t, s, time.Hour).Runs[0]
	f := &domain.Failure{Message: "first", NonRetryable: true}
	l := domain.Lease{RunID: r.ID, WorkerID: "me", Epoch: 1}
	if _, err := s.Commit(t.Context(), []domain.Transition{{Kind: domain.FailRun, Lease: l, Error: f}}); err != nil {
		t.Fatal(err)
	}
	f.Message = "changed by the writer"
	got, err := s.GetRuns(t.Context(), []string{r.ID})
	if err != nil || len(got) != 1 || *got[0].Error != (domain.Failure{Message: "first"}) {
		t.Fatalf("stored as %+v (%v)", got[0].Error, err)
	}
	got[0].Error.Message = "changed by the reader"
	if got, err := s.GetRuns(t.Context(), []string{r.ID}); err != nil || got[0].Error.Message != "first" {
		t.Errorf("it became %+v (%v)", got[0].Error, err)
	}
}

// BenchmarkClaim claims and ends runs while many others wait, are parked, or have ended.
func BenchmarkClaim(b *testing.B) {
	for _, others := range []int{0, 100_000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			s := memstore.New()
			batch := make([]domain.NewRun, others)
			for i := range batch {
				batch[i] = domain.NewRun{ID: domain.NewID(), WorkflowName: "w", StartAfter: time.Hour}
			}
			if _, err := s.CreateRuns(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				create(b, s)
				r := claim(b, s, time.Hour).Runs[0]
				l := domain.Lease{RunID: r.ID, WorkerID: "me", Epoch: 1}
				done := domain.Transition{Kind: domain.CompleteRun, Lease: l, Output: json.RawMessage(`1`)}
				if vs, err := s.Commit(b.Context(), []domain.Transition{done}); err != nil || vs[0].Err != nil {
					b.Fatal(err, vs)
				}
			}
		})
	}
}
