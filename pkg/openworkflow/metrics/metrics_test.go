package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/metrics"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

// order is a workflow with everything in it: a retry, a sleep, a signal, a child, and a failure of its own.
func order(child openworkflow.Runnable[int, int]) *openworkflow.Workflow[string, int] {
	tries := 0
	return openworkflow.Define("order", func(ctx openworkflow.Context, in string) (int, error) {
		err := step.Do(ctx, "charge", func(context.Context) error {
			time.Sleep(2 * time.Second)
			if tries++; tries == 1 {
				return errors.New("no luck")
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		if err := step.Sleep(ctx, "nap", 2*time.Hour); err != nil {
			return 0, err
		}
		if _, _, err := step.WaitForSignal[int](ctx, "go", step.WithTimeout(30*time.Second)); err != nil {
			return 0, err
		}
		if _, err := step.SendSignal(ctx, "nobody", in); err != nil {
			return 0, err
		}
		if ctx.Attempt() == 1 {
			return 0, errors.New("the workflow's own")
		}
		return step.RunWorkflow(ctx, child, 1)
	}, openworkflow.WithRetryPolicy(openworkflow.RetryPolicy{MaximumAttempts: 2}))
}

func TestWorkerMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{})
		c := newClient(t, m, nil)
		kid := openworkflow.Define("kid", func(openworkflow.Context, int) (int, error) { return 0, errors.New("lost") })
		wf := order(kid)
		stop := work(t, c, wf, kid)
		h, err := wf.Run(t.Context(), c, "x")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		scrape(t, m).want(t, samples{
			`openworkflow_workers{state="claiming"}`: 1, `openworkflow_worker_slots`: 10, `openworkflow_worker_slots_in_use`: 0,
			`openworkflow_worker_held_runs`: 0, `openworkflow_worker_resident_runs`: 1,
			`openworkflow_run_slices_total{outcome="parked",workflow="order"}`: 2, // for the retry, and the nap
			`openworkflow_lease_losses_total{workflow="order"}`:                0,
			`openworkflow_run_slices_total{outcome="failed",workflow="order"}`: 0,
		})
		if _, err := h.Result(t.Context(), openworkflow.WithResultTimeout(24*time.Hour)); err == nil {
			t.Error("the run completed; its child fails")
		}
		stop()
		s := scrape(t, m)
		s.want(t, samples{
			`openworkflow_client_call_duration_seconds_count{call="start",outcome="ok"}`: 1,
			`openworkflow_runs_started_total{by="client",workflow="order"}`:              1,
			`openworkflow_runs_started_total{by="workflow",workflow="kid"}`:              1,

			`openworkflow_run_slices_total{outcome="parked",workflow="order"}`:   4,
			`openworkflow_run_slices_total{outcome="retrying",workflow="order"}`: 1,
			`openworkflow_run_slices_total{outcome="failed",workflow="order"}`:   1,
			`openworkflow_run_slices_total{outcome="failed",workflow="kid"}`:     1,
			`openworkflow_run_slice_duration_seconds_count{workflow="order"}`:    6,
			`openworkflow_run_slice_duration_seconds_sum{workflow="order"}`:      4,
			`openworkflow_claimed_runs_total`:                                    7,

			`openworkflow_step_attempts_total{kind="function",outcome="failed",workflow="order"}`:       1,
			`openworkflow_step_attempts_total{kind="function",outcome="completed",workflow="order"}`:    1,
			`openworkflow_step_attempts_total{kind="sleep",outcome="completed",workflow="order"}`:       1,
			`openworkflow_step_attempts_total{kind="signal-wait",outcome="completed",workflow="order"}`: 1,
			`openworkflow_step_attempts_total{kind="signal-send",outcome="completed",workflow="order"}`: 1,
			`openworkflow_step_attempts_total{kind="workflow",outcome="failed",workflow="order"}`:       1,
			`openworkflow_step_retries_total{workflow="order"}`:                                         1,
			`openworkflow_step_duration_seconds_sum{kind="function",workflow="order"}`:                  4,
			`openworkflow_step_duration_seconds_count{kind="signal-send",workflow="order"}`:             1,
			`openworkflow_wait_duration_seconds_sum{kind="sleep",workflow="order"}`:                     7200,
			`openworkflow_wait_duration_seconds_sum{kind="signal-wait",workflow="order"}`:               30,
			`openworkflow_wait_duration_seconds_count{kind="workflow",workflow="order"}`:                1,

			// 2 s, the retry after 1 s, 2 s, the nap, the signal's timeout, the workflow's retry after 1 s
			`openworkflow_run_duration_seconds_sum{status="failed",workflow="order"}`: 2 + 1 + 2 + 7200 + 30 + 1,

			`openworkflow_workers{state="claiming"}`: 0, `openworkflow_worker_slots`: 0,
		})
		if n := s[`openworkflow_journal_batch_transitions_sum`]; n < 12 {
			t.Errorf("the journal wrote %v transitions", n)
		}
		if n := s[`openworkflow_journal_flush_duration_seconds_count`]; n < 8 {
			t.Errorf("the journal wrote %v batches", n)
		}
		if n := s[`openworkflow_claims_total{result="runs"}`]; n < 6 {
			t.Errorf("%v claims brought runs", n)
		}
	})
}

// deaf says that it extends leases and does not: another machine's clock, as it were.
type deaf struct{ *memory.Backend }

func (d deaf) ExtendLeases(context.Context, backend.LeaseRequest) (backend.LeaseResult, error) {
	return backend.LeaseResult{}, nil
}

func TestLeaseLossesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{})
		c := newClient(t, m, deaf{memory.New()})
		starts := 0
		wf := openworkflow.Define("slow", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
			return step.Run(ctx, "slow", func(ctx context.Context) (int, error) {
				if starts++; starts == 1 {
					<-ctx.Done()
				}
				return starts, nil
			})
		})
		stop := work(t, c, wf)
		h, err := wf.Run(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := h.Result(t.Context()); err != nil || out != 2 {
			t.Error(out, err)
		}
		stop()
		s := scrape(t, m)
		s.want(t, samples{
			`openworkflow_lease_losses_total{workflow="slow"}`:                                      1,
			`openworkflow_run_slices_total{outcome="lost",workflow="slow"}`:                         1,
			`openworkflow_run_slices_total{outcome="completed",workflow="slow"}`:                    1,
			`openworkflow_step_attempts_total{kind="function",outcome="abandoned",workflow="slow"}`: 1,
			`openworkflow_step_attempts_total{kind="function",outcome="completed",workflow="slow"}`: 1,
		})
		if s[`openworkflow_heartbeats_total{result="ok"}`] < 2 {
			t.Errorf("%v", s.of("openworkflow_heartbeats_total"))
		}
	})
}

// broken answers nothing when it is down.
type broken struct {
	*memory.Backend
	down atomic.Bool
}

var errDown = errors.New("the database is down")

func (b *broken) ClaimRuns(ctx context.Context, r backend.ClaimRequest) (backend.ClaimResult, error) {
	if b.down.Load() {
		return backend.ClaimResult{}, errDown
	}
	return b.Backend.ClaimRuns(ctx, r)
}

func (b *broken) Commit(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
	if b.down.Load() {
		return nil, errDown
	}
	return b.Backend.Commit(ctx, ts)
}

func (b *broken) CreateRuns(ctx context.Context, runs []backend.NewRun) ([]string, error) {
	if b.down.Load() {
		return nil, errDown
	}
	return b.Backend.CreateRuns(ctx, runs)
}

func TestFailuresOfTheDatabaseAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{})
		db := &broken{Backend: memory.New()}
		c := newClient(t, m, db)
		wf := openworkflow.Define("wf", func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
			return step.Run(ctx, "a", func(context.Context) (int, error) {
				db.down.Store(true)
				return 1, nil
			})
		})
		stop := work(t, c, wf)
		h, err := wf.Run(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute) // it looks for due runs every 30 s
		synctest.Wait()
		if _, err := wf.Run(t.Context(), c, nil); err == nil {
			t.Error("a run was created in a database that is down")
		}
		scrape(t, m).want(t, samples{
			`openworkflow_worker_claims_failing`:                                            1,
			`openworkflow_client_call_duration_seconds_count{call="start",outcome="error"}`: 1,
			`openworkflow_runs_started_total{by="client",workflow="wf"}`:                    1,
		})
		db.down.Store(false)
		if out, err := h.Result(t.Context()); err != nil || out != 1 {
			t.Error(out, err)
		}
		time.Sleep(10 * time.Second) // the next claim
		s := scrape(t, m)
		if s[`openworkflow_journal_flush_errors_total`] < 3 || s[`openworkflow_claims_total{result="error"}`] < 2 {
			t.Errorf("%v, %v", s.of(`openworkflow_journal_flush_errors_total`), s.of(`openworkflow_claims_total`))
		}
		s.want(t, samples{`openworkflow_worker_claims_failing`: 0})
		stop()
	})
}

func TestWorkflowsAreCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{MaxWorkflows: 3})
		c := newClient(t, m, nil)
		m.WatchDatabase(c)
		var ws []openworkflow.AnyWorkflow
		for i := range 20 {
			wf := openworkflow.Define(fmt.Sprintf("wf-%d", i), func(ctx openworkflow.Context, _ openworkflow.None) (int, error) {
				return step.Run(ctx, "a", func(context.Context) (int, error) { return 1, nil })
			})
			ws = append(ws, wf)
			if _, err := wf.Run(t.Context(), c, nil); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute) // they wait, and are late
		s := scrape(t, m)
		if lags := s.of("openworkflow_queue_lag_seconds"); len(lags) != 4 || lags[`openworkflow_queue_lag_seconds{workflow="other"}`] != 60 {
			t.Errorf("%v", lags)
		}
		s.want(t, samples{`openworkflow_runs{status="pending",workflow="other"}`: 17})
		stop := work(t, c, ws...)
		time.Sleep(time.Minute)
		stop()
		s = scrape(t, m)
		for metric, n := range map[string]int{
			"openworkflow_runs_started_total": 4, "openworkflow_run_duration_seconds_count": 4, "openworkflow_step_attempts_total": 4, "openworkflow_lease_losses_total": 4,
		} {
			if got := s.of(metric); len(got) != n {
				t.Errorf("%s has %d series, want %d: %v", metric, len(got), n, got)
			}
		}
		s.want(t, samples{
			`openworkflow_runs_started_total{by="client",workflow="other"}`:                          17,
			`openworkflow_step_attempts_total{kind="function",outcome="completed",workflow="other"}`: 17,
		})
	})
}

// The metrics are well-formed, and register beside others.
func TestRegistry(t *testing.T) {
	t.Parallel()
	r := prometheus.NewPedanticRegistry()
	m := metrics.New(metrics.Options{})
	c := newClient(t, m, nil)
	m.WatchDatabase(c)
	wf := openworkflow.Define("wf", func(openworkflow.Context, openworkflow.None) (int, error) { return 1, nil })
	h, err := wf.Run(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := work(t, c, wf)
	if _, err := h.Result(t.Context()); err != nil {
		t.Error(err)
	}
	stop()
	if err := r.Register(m); err != nil {
		t.Fatal(err)
	}
	if err := r.Register(m); err == nil {
		t.Error("registered twice")
	}
	families, err := r.Gather()
	if err != nil || len(families) < 20 {
		t.Errorf("%d families, %v", len(families), err)
	}
}
