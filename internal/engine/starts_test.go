package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
)

// slowCreation takes a second for each call and refuses runs of the workflow "bad".
type slowCreation struct {
	*memstore.Store
	mu    sync.Mutex
	calls []int
}

func (s *slowCreation) CreateRuns(ctx context.Context, runs []domain.NewRun) ([]string, error) {
	s.mu.Lock()
	s.calls = append(s.calls, len(runs))
	s.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for _, r := range runs {
		if r.WorkflowName == "bad" {
			return nil, fmt.Errorf("%w: bad", domain.ErrRejected)
		}
	}
	return s.Store.CreateRuns(ctx, runs)
}

func TestStartsGoTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slowCreation{Store: memstore.New()}
		starts := engine.NewStarts(store)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				name := "good"
				if i == 50 {
					name = "bad"
				}
				id, err := starts.Create(context.Background(), domain.NewRun{ID: domain.NewID(), WorkflowName: name})
				if (name == "bad") != errors.Is(err, domain.ErrRejected) || (err == nil) != (id != "") {
					t.Errorf("%s: %q, %v", name, id, err)
				}
			})
		}
		wg.Wait()
		if len(store.calls) < 2 || store.calls[0] != 1 || store.calls[1] != 99 {
			t.Errorf("calls of %v runs", store.calls)
		}
		if _, err := starts.Create(context.Background(), domain.NewRun{ID: domain.NewID(), WorkflowName: "good"}); err != nil {
			t.Error(err)
		}
	})
}

func TestStartsOutliveThoseWhoGiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		starts := engine.NewStarts(&slowCreation{Store: memstore.New()})
		var outcome [6]error
		var wg sync.WaitGroup
		for i := range outcome {
			wg.Go(func() { // each a little later than the one before; those with odd numbers give up
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				if i%2 == 1 {
					ctx, cancel = context.WithTimeout(context.Background(), time.Duration(i)*300*time.Millisecond)
				}
				defer cancel()
				_, outcome[i] = starts.Create(ctx, domain.NewRun{ID: domain.NewID(), WorkflowName: "good"})
			})
		}
		wg.Wait()
		for i, err := range outcome {
			if i%2 == 0 && err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
			if i == 1 && (err == nil || !strings.Contains(err.Error(), "deadline")) {
				t.Errorf("caller %d: %v", i, err)
			}
		}
	})
}
