package pgstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// withParam is the test's URL with another query parameter.
func withParam(t *testing.T, name, value string) string {
	t.Helper()
	u, err := url.Parse(databaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

const secret = "s3cr3t-pa55"

func TestBadConnectionStrings(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u:" + secret + "@127.0.0.1:1/db?connect_timeout=5":        "cannot be reached",
		"postgres://u:" + secret + "@no-such-host.invalid/db":                 "is unknown",
		"postgres://u:" + secret + " %zz@host/db":                             "cannot be read",
		"postgres://u:" + secret + "@host:port/db":                            "cannot be read",
		"postgres://u:" + secret + "@127.0.0.1/db?sslmode=" + secret + "wish": "cannot be read",
		"host=127.0.0.1 port=1 user=u password=" + secret + " dbname":         "cannot be read",
	} {
		_, err := pgstore.Open(testContext(t), dsn, pgstore.Config{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that says %q", dsn, err, want)
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error tells the password: %v", dsn, err)
			}
		}
	}
}

func TestBadSchemaNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`a"b`, `a'; drop table x`, "1a", "a-b", "a.b", "ä", "a b", strings.Repeat("a", 64)} {
		_, err := pgstore.Open(testContext(t), "postgres://127.0.0.1:1/", pgstore.Config{Schema: name})
		if err == nil || !strings.Contains(err.Error(), "invalid schema name") {
			t.Errorf("schema %q: %v", name, err)
		}
	}
}

func TestRefusedLogins(t *testing.T) {
	t.Parallel()
	admin := connect(t)
	role := "ow_" + strings.ToLower(domain.NewID())
	execute(t, admin, `create role `+role+` login password '`+secret+`'`)
	t.Cleanup(func() { _, _ = admin.Exec(context.Background(), `drop role `+role) })
	u, err := url.Parse(databaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	wrong := *u
	wrong.User = url.UserPassword(role, "not-"+secret)
	if _, err := pgstore.Open(testContext(t), wrong.String(), pgstore.Config{SkipMigrations: true, Schema: newSchema(t)}); err == nil {
		t.Error("opened without migrations, tables or rights")
	} else if strings.Contains(err.Error(), secret) || (!strings.Contains(err.Error(), "refused the user or password") && !trusts(err)) {
		t.Errorf("a wrong password: %v", err)
	}
	nowhere := *u
	nowhere.Path = "/no_such_database_" + role
	if _, err := pgstore.Open(testContext(t), nowhere.String(), pgstore.Config{}); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a database that is not there: %v", err)
	}
}

// trusts reports whether the server let the role in without a look at the password.
func trusts(err error) bool { return errors.Is(err, ports.ErrNotMigrated) }

func TestNotMigrated(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	cfg := pgstore.Config{Schema: schema, SkipMigrations: true}
	if _, err := pgstore.Open(testContext(t), databaseURL(t), cfg); !errors.Is(err, ports.ErrNotMigrated) {
		t.Errorf("a new schema: %v", err)
	}
	makeByTypeScript(t, connect(t), schema, 6)
	if _, err := pgstore.Open(testContext(t), databaseURL(t), cfg); !errors.Is(err, ports.ErrNotMigrated) {
		t.Errorf("TypeScript's tables only: %v", err)
	}
	migrate(t, schema)
	s, err := pgstore.Open(testContext(t), databaseURL(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.CountRuns(testContext(t)); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := s.Subscribe(testContext(t)); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A role that may use the tables, and nothing else, is all that a worker needs.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	s := openAs(t, `grant select, insert, update, delete on all tables in schema SCHEMA to `)
	live(t, s)
	if err := s.RegisterWorker(testContext(t), domain.WorkerRecord{ID: "w"}); err != nil {
		t.Error(err)
	}
}

// live is a short life: created, claimed, a wait, a signal kept for it, a child, the end, a sweep.
func live(t *testing.T, s *pgstore.Store) {
	t.Helper()
	ctx := testContext(t)
	key := domain.WorkflowKey{Name: "life"}
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	made, err := s.CreateRuns(ctx, []domain.NewRun{{ID: domain.NewID(), WorkflowName: key.Name, IdempotencyKey: "k", DeadlineAt: at, Input: json.RawMessage(`{"n":9007199254740993}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if runs, err := s.GetRuns(ctx, made); err != nil || !runs[0].DeadlineAt.Equal(at) || string(runs[0].Input) != `{"n": 9007199254740993}` {
		t.Fatalf("created %+v, %v", runs, err)
	}
	if _, err := s.SendSignals(ctx, []domain.Signal{{ID: domain.NewID(), Name: "go", Key: "k", Buffer: time.Hour, Data: json.RawMessage(`[1]`)}}); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.ClaimRuns(ctx, ports.ClaimRequest{WorkerID: "w", Workflows: []domain.WorkflowKey{key, key}, Limit: 5, LeaseDuration: time.Minute})
	if err != nil || len(claimed.Runs) != 1 {
		t.Fatalf("claimed %+v, %v", claimed, err)
	}
	l := domain.Lease{RunID: made[0], WorkerID: "w", Epoch: 1}
	failed := finished(l)
	failed.Attempt.Status, failed.Attempt.Output, failed.Attempt.Error, failed.Attempt.RetryAt = domain.StepFailed, nil, &domain.Failure{Message: "no"}, at
	wait := waitFor(l, "go")
	verdicts, err := s.Commit(ctx, []domain.Transition{wait, startChild(l, "child"), finished(l), failed, park(l)})
	if err != nil || !verdicts[0].Satisfied || !verdicts[4].Woke {
		t.Fatalf("committed: %+v, %v", verdicts, err)
	}
	h, err := s.LoadHistories(ctx, ports.HistoryRequest{RunIDs: []string{l.RunID}})
	if err != nil || len(h.Histories) != 1 || len(h.Histories[0].Attempts) != 4 || string(h.Histories[0].Signals[wait.Attempt.ID]) != `[1]` {
		t.Fatalf("history: %+v, %v", h, err)
	}
	back, err := s.ReclaimRun(ctx, ports.ReclaimRequest{RunID: l.RunID, WorkerID: "w", Epoch: 1, LeaseDuration: time.Minute})
	if err != nil || back.Run.Attempts != 2 {
		t.Fatalf("reclaimed: %+v, %v", back, err)
	}
	l.Epoch = 2
	if res, err := s.ExtendLeases(ctx, ports.LeaseRequest{WorkerID: "w", Leases: []domain.Lease{l}, Duration: time.Minute}); err != nil || len(res.Lost) != 0 {
		t.Fatalf("extended: %+v, %v", res, err)
	}
	if verdicts, err := s.Commit(ctx, []domain.Transition{complete(l)}); err != nil || verdicts[0].Err != nil {
		t.Fatalf("completed: %+v, %v", verdicts, err)
	}
	if _, err := s.Sweep(ctx, ports.SweepRequest{Workflows: []domain.WorkflowKey{key}, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	page, err := s.ListRuns(ctx, ports.RunFilter{Status: domain.RunCompleted, WorkflowName: key.Name}, ports.PageRequest{Limit: 10})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("listed: %+v, %v", page, err)
	}
}

// All ways in which pgx can be told to send statements work: poolers need the later ones.
func TestExecModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, err := pgstore.Open(testContext(t), withParam(t, "default_query_exec_mode", mode), pgstore.Config{Schema: newSchema(t)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			live(t, s)
		})
	}
}

// Whatever the database's default level is: rows that were locked must be looked at afresh.
func TestOtherDefaultIsolation(t *testing.T) {
	t.Parallel()
	s, err := pgstore.Open(testContext(t), withParam(t, "options", "-c default_transaction_isolation=serializable"), pgstore.Config{Schema: newSchema(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	live(t, s)
}

// A pool that is busy with other things costs no lease.
func TestHeartbeatBesideBusyPool(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	cfg, err := pgxpool.ParseConfig(databaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s, err := pgstore.FromPool(testContext(t), pool, pgstore.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	leases := ownedMany(t, s, 3)
	busy, err := pool.Acquire(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.ExtendLeases(testContext(t), ports.LeaseRequest{WorkerID: "w", Leases: leases, Duration: time.Hour})
	if err != nil || len(res.Lost) != 0 {
		t.Errorf("extended: %+v, %v", res, err)
	}
	busy.Release()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := pool.Ping(testContext(t)); err != nil {
		t.Errorf("closing the store closed the caller's pool: %v", err)
	}
}

// A server that takes no writes is a connection lost, not a value refused; the next call connects afresh.
func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	migrate(t, schema)
	readOnly := true
	pool := poolOf(t, databaseURL(t), func(cfg *pgxpool.Config) {
		cfg.MaxConns = 1
		cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			if !readOnly {
				return nil
			}
			_, err := conn.Exec(ctx, `set default_transaction_read_only = on`)
			return err
		}
	})
	s, err := pgstore.FromPool(testContext(t), pool, pgstore.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	readOnly = false // the connection that there is stays as it is
	asked := []domain.NewRun{{ID: "r", WorkflowName: "w"}}
	if _, err := s.CreateRuns(testContext(t), asked); err == nil || errors.Is(err, domain.ErrRejected) || !strings.Contains(err.Error(), "cannot serve now") {
		t.Errorf("written to a read-only server: %v", err)
	}
	if _, err := s.CreateRuns(testContext(t), asked); err != nil {
		t.Errorf("after the failover: %v", err)
	}
}

// A connection whose types are made anew each time it is taken from the caller's pool is taught ours each time.
func TestPoolThatForgetsTypes(t *testing.T) {
	t.Parallel()
	cfg, err := pgxpool.ParseConfig(databaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 1
	cfg.PrepareConn = func(_ context.Context, conn *pgx.Conn) (bool, error) {
		*conn.TypeMap() = *pgtype.NewMap()
		return true, nil
	}
	pool, err := pgxpool.NewWithConfig(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s, err := pgstore.FromPool(testContext(t), pool, pgstore.Config{Schema: newSchema(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for range 2 {
		runs := make([]domain.NewRun, 100)
		for i := range runs {
			runs[i] = domain.NewRun{ID: domain.NewID(), WorkflowName: "w"}
		}
		if _, err := s.CreateRuns(testContext(t), runs); err != nil {
			t.Error(err)
		}
	}
}
