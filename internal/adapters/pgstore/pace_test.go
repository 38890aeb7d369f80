package pgstore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const someLease = 30 * time.Second

func wantInterval(t *testing.T, s *pgstore.Store, lease, want time.Duration, when string) {
	t.Helper()
	if got := s.IdleInterval(lease); got != want {
		t.Errorf("%s: an idle worker looks every %v, want %v", when, got, want)
	}
}

func look(t *testing.T, s *pgstore.Store, workflow string) ports.ClaimResult {
	t.Helper()
	res, err := s.ClaimRuns(testContext(t), ports.ClaimRequest{
		WorkerID: domain.NewID(), Workflows: []domain.WorkflowKey{{Name: workflow}}, Limit: 10, LeaseDuration: someLease,
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestPaceFollowsWhoIsHeard(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	wantInterval(t, s, someLease, 5*time.Second, "before anybody listens")
	subscribe(t, s)
	wantInterval(t, s, someLease, 40*time.Second, "listening")
	wantInterval(t, s, 10*time.Second, 15*time.Second, "listening, with short leases")
	look(t, s, "w")
	wantInterval(t, s, someLease, 40*time.Second, "in an empty namespace")
	create(t, s, "w")
	look(t, s, "w")
	wantInterval(t, s, someLease, 40*time.Second, "beside runs of ours")
}

// insertForeign makes a run as TypeScript does.
const insertForeign = `.workflow_runs (namespace_id, id, workflow_name, status, config, attempts, available_at, created_at, updated_at)
	values ($1, gen_random_uuid(), $2, 'pending', '{}', 0, now(), $3, now())`

func TestPaceBesideTypeScript(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	for name, c := range map[string]struct {
		namespace, workflow string
		at                  time.Time
		want                time.Duration
	}{
		"a run that is claimed": {"default", "w", time.Now(), 5 * time.Second},
		"a run that is seen":    {"default", "other", time.Now(), 5 * time.Second},
		"a run of last year":    {"default", "other", time.Now().AddDate(-1, 0, 0), 40 * time.Second},
		"elsewhere":             {"elsewhere", "w", time.Now(), 40 * time.Second},
	} {
		s, schema := open(t)
		subscribe(t, s)
		execute(t, conn, `insert into "`+schema+`"`+insertForeign, c.namespace, c.workflow, c.at)
		look(t, s, "w")
		wantInterval(t, s, someLease, c.want, name)
	}
	s, schema := open(t)
	subscribe(t, s)
	id := create(t, s, "w")
	execute(t, conn, `update "`+schema+`".workflow_runs set worker_id = gen_random_uuid() where id = $1`, id)
	look(t, s, "none")
	wantInterval(t, s, someLease, 5*time.Second, "a run of ours that TypeScript executes")
}

func TestPollInterval(t *testing.T) {
	t.Parallel()
	_, schema := open(t)
	cfg := pgstore.Config{Schema: schema, PollInterval: 2 * time.Second}
	s, err := pgstore.Open(testContext(t), databaseURL(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantInterval(t, s, someLease, 2*time.Second, "before anybody listens")
	subscribe(t, s)
	wantInterval(t, s, someLease, 2*time.Second, "listening")
	cfg.PollInterval = -1
	if s, err := pgstore.Open(testContext(t), databaseURL(t), cfg); err == nil {
		_ = s.Close()
		t.Error("a negative interval was accepted")
	}
}

func TestClaimTellsTheNextDeadline(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	if res := look(t, s, "w"); !res.NextDeadline.IsZero() {
		t.Errorf("of an empty namespace: %v", res.NextDeadline)
	}
	first := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	for _, at := range []time.Time{first.Add(time.Hour), first, {}} {
		if _, err := s.CreateRuns(testContext(t), []domain.NewRun{{ID: domain.NewID(), WorkflowName: "elsewhere", DeadlineAt: at}}); err != nil {
			t.Fatal(err)
		}
	}
	if res := look(t, s, "w"); !res.NextDeadline.Equal(first) {
		t.Errorf("next deadline %v, want %v", res.NextDeadline, first)
	}
}

func TestAnnouncedWorkflowsAreHeardElsewhere(t *testing.T) {
	t.Parallel()
	here, schema := open(t)
	there := subscribe(t, openIn(t, schema, "default"))
	here.Announce(testContext(t), []string{"one", "two"})
	hear(t, there, "two", due("two"))
}

// trips counts round trips.
type trips struct{ n atomic.Int64 }

func (c *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (*trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (*trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (*trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// A look of a worker that has nothing to do, and a sweep that finds nothing, are one round trip each.
func TestIdleRoundTrips(t *testing.T) {
	t.Parallel()
	cfg, err := pgxpool.ParseConfig(databaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	var count trips
	cfg.ConnConfig.Tracer = &count
	pool, err := pgxpool.NewWithConfig(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	other, schema := open(t) // its news take a round trip of their own
	create(t, other, "elsewhere")
	s, err := pgstore.FromPool(testContext(t), pool, pgstore.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := count.n.Load()
	look(t, s, "w")
	if n := count.n.Load() - before; n != 1 {
		t.Errorf("a claim that finds nothing is %d round trips", n)
	}
	before = count.n.Load()
	if _, err := s.Sweep(testContext(t), ports.SweepRequest{Workflows: []domain.WorkflowKey{{Name: "w"}}, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	if n := count.n.Load() - before; n != 1 {
		t.Errorf("a sweep that finds nothing is %d round trips", n)
	}
}
