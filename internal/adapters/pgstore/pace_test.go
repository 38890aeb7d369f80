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

// traced is a pool whose round trips a tracer sees.
func traced(t *testing.T, tracer pgx.QueryTracer) *pgxpool.Pool {
	t.Helper()
	return poolOf(t, databaseURL(t), func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = tracer })
}

// A look of a worker that has nothing to do, and a sweep that finds nothing, are one round trip each.
func TestIdleRoundTrips(t *testing.T) {
	t.Parallel()
	var count trips
	pool := traced(t, &count)
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

// cutOff ends a context when a pipeline is about to be sent, once it has let so many pass.
type cutOff struct {
	trips
	left   atomic.Int64
	cancel context.CancelFunc
}

func (c *cutOff) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
	return ctx
}

// A claim that fails after it got some runs has its worker look again at once: it did not learn what is left.
func TestClaimCutShortSaysToLookAgain(t *testing.T) {
	t.Parallel()
	var cut cutOff
	pool := traced(t, &cut)
	other, schema := open(t)
	for range 5 {
		create(t, other, "busy")
	}
	s, err := pgstore.FromPool(testContext(t), pool, pgstore.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	cut.cancel = cancel
	req := ports.ClaimRequest{WorkerID: "w", Workflows: []domain.WorkflowKey{{Name: "busy"}, {Name: "calm"}}, Limit: 1, LeaseDuration: someLease}
	if res, err := s.ClaimRuns(ctx, req); err != nil || len(res.Runs) != 1 { // all that it asked for
		t.Fatalf("claimed %d: %v", len(res.Runs), err)
	}
	cut.left.Store(2) // the second round
	req.Limit = 3
	res, err := s.ClaimRuns(ctx, req)
	if err != nil || len(res.Runs) != 2 || ctx.Err() == nil {
		t.Fatalf("claimed %d of %d: %v", len(res.Runs), req.Limit, err)
	}
	if res.NextDue.IsZero() || res.NextDue.After(res.Now) {
		t.Errorf("two more are due; the claim says to look at %v", res.NextDue)
	}
}
