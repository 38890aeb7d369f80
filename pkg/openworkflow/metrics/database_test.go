package metrics_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/metrics"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// counted counts what is asked of the database, and may hang or fail.
type counted struct {
	*memory.Backend
	asked int
	err   error
	hangs bool
}

func (b *counted) WorkflowStats(ctx context.Context, r backend.StatsRequest) (backend.StatsResult, error) {
	b.asked++
	switch {
	case b.hangs:
		<-ctx.Done()
		return backend.StatsResult{}, ctx.Err()
	case b.err != nil:
		return backend.StatsResult{}, b.err
	}
	return b.Backend.WorkflowStats(ctx, r)
}

func TestDatabaseMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{})
		c := newClient(t, m, nil)
		m.WatchDatabase(c)
		v1 := openworkflow.Define("wf", func(ctx openworkflow.Context, fails bool) (int, error) {
			if fails {
				return 0, errors.New("lost")
			}
			return 1, step.Sleep(ctx, "nap", 10*time.Hour)
		})
		v2 := openworkflow.Declare[bool, int]("wf", openworkflow.WithVersion("v2"))
		stop := work(t, c, v1)
		for range 2 {
			for _, fails := range []bool{true, false} {
				if _, err := v1.Run(t.Context(), c, fails); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := v2.Run(t.Context(), c, false); err != nil { // nobody executes it
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		scrape(t, m).want(t, samples{
			`openworkflow_runs{status="pending",workflow="wf"}`: 2, `openworkflow_runs{status="running",workflow="wf"}`: 2,
			`openworkflow_runs{status="failed",workflow="wf"}`: 2, `openworkflow_runs{status="completed",workflow="wf"}`: 0,
			`openworkflow_queue_lag_seconds{workflow="wf"}`: 120, `openworkflow_database_up`: 1,
		})
		stop()
	})
}

func TestDatabaseIsAskedSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{DatabaseInterval: 10 * time.Second})
		db := &counted{Backend: memory.New()}
		c := newClient(t, m, db)
		if s := scrape(t, m); len(s.of("openworkflow_database_up")) != 0 || db.asked != 0 {
			t.Errorf("asked %d times by nobody's wish", db.asked)
		}
		m.WatchDatabase(c)
		for range 5 {
			scrape(t, m)
		}
		if db.asked != 1 {
			t.Errorf("asked %d times", db.asked)
		}
		time.Sleep(10 * time.Second)
		scrape(t, m)
		if db.asked != 2 {
			t.Errorf("asked %d times after the interval", db.asked)
		}
		m.WatchDatabase(nil)
		if s := scrape(t, m); len(s.of("openworkflow_database_up")) != 0 || db.asked != 2 {
			t.Errorf("asked %d times, though not watched any more", db.asked)
		}
	})
}

// A database that fails or hangs has no numbers, and holds up a scrape only for the timeout.
func TestDatabaseThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{DatabaseInterval: 10 * time.Second, DatabaseTimeout: 3 * time.Second})
		db := &counted{Backend: memory.New()}
		c := newClient(t, m, db)
		m.WatchDatabase(c)
		wf := openworkflow.Declare[int, int]("wf")
		if _, err := wf.Run(t.Context(), c, 1); err != nil {
			t.Fatal(err)
		}
		if s := scrape(t, m); s[`openworkflow_database_up`] != 1 || len(s.of("openworkflow_runs")) != 5 || len(s.of("openworkflow_queue_lag_seconds")) != 1 {
			t.Errorf("%v", s.of("openworkflow_runs"))
		}
		time.Sleep(time.Minute)
		db.hangs = true
		start := time.Now()
		s := scrape(t, m)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("the scrape took %v", took)
		}
		s.want(t, samples{`openworkflow_database_up`: 0, `openworkflow_database_stats_duration_seconds`: 3})
		if n := len(s.of("openworkflow_runs")) + len(s.of("openworkflow_queue_lag_seconds")); n != 0 {
			t.Errorf("%d numbers are older than they look", n)
		}
		time.Sleep(time.Minute)
		db.hangs, db.err = false, openworkflow.ErrUnsupported
		if s := scrape(t, m); len(s.of("openworkflow_database_up")) != 0 {
			t.Error("a backend that cannot tell is not down")
		}
	})
}

// Numbers that are not counted to the end say so.
func TestDatabaseCountsAreCapped(t *testing.T) {
	t.Parallel()
	m := metrics.New(metrics.Options{})
	c := newClient(t, m, nil)
	m.WatchDatabase(c)
	wf := openworkflow.Declare[int, int]("wf")
	if _, err := wf.RunBatch(t.Context(), c, make([]int, openworkflow.DefaultTallyLimit+5)); err != nil {
		t.Fatal(err)
	}
	s := scrape(t, m)
	s.want(t, samples{
		`openworkflow_runs{status="pending",workflow="wf"}`:        openworkflow.DefaultTallyLimit,
		`openworkflow_runs_capped{status="pending",workflow="wf"}`: 1,
	})
	if capped := s.of("openworkflow_runs_capped"); len(capped) != 1 {
		t.Errorf("%v", capped)
	}
}
