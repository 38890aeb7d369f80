package pgstore_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// roundTrips keeps the statements of each batch that went to the server in one round trip.
type roundTrips struct {
	trips
	mu      sync.Mutex
	batches [][]string
}

func (r *roundTrips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	var statements []string
	for _, q := range d.Batch.QueuedQueries {
		statements = append(statements, q.SQL)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, statements)
	return ctx
}

// count counts the batches that did what is asked for, committed, and told of it then.
func (r *roundTrips) count(does string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, statements := range r.batches {
		done, committed := position(statements, does), position(statements, "commit")
		if done >= 0 && done < committed && committed < position(statements, "Notify") {
			n++
		}
	}
	return n
}

func (r *roundTrips) told(does string) bool { return r.count(does) > 0 }

func (r *roundTrips) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = nil
}

func position(statements []string, of string) int {
	return slices.IndexFunc(statements, func(s string) bool { return strings.Contains(s, "name: "+of+" ") || s == of })
}

// keepingBatches opens a store that sends its statements in this mode, and keeps its batches.
func keepingBatches(t *testing.T, schema, dsn string, mode pgx.QueryExecMode) (*pgstore.Store, *roundTrips) {
	t.Helper()
	r := &roundTrips{}
	pool := poolOf(t, dsn, func(cfg *pgxpool.Config) {
		cfg.ConnConfig.Tracer, cfg.ConnConfig.DefaultQueryExecMode = r, mode
	})
	s, err := pgstore.FromPool(testContext(t), pool, pgstore.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, r
}

// nowAndThen repeats something until a condition holds, for a quiet moment must come between two sendings.
func nowAndThen(t *testing.T, do func(), until func() bool) {
	t.Helper()
	pace := time.NewTicker(3 * time.Millisecond)
	defer pace.Stop()
	for ctx := testContext(t); ; {
		if do(); until() {
			return
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			t.Fatal("it never happened")
		}
	}
}

func times(t *testing.T, n int, do func()) {
	t.Helper()
	nowAndThen(t, func() { do(); n-- }, func() bool { return n == 0 })
}

// Where nothing else is about to be told, a start and an end are told in the round trip that commits them, in every mode.
func TestNewsGoAlong(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec,
		pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			there, schema := open(t)
			here, batches := keepingBatches(t, schema, databaseURL(t), mode)
			near, far := subscribe(t, here), subscribe(t, there)
			heard := func(what string, wanted func(ports.Event) bool) {
				hear(t, near, what+", near", wanted)
				hear(t, far, what+", far", wanted)
			}
			nowAndThen(t, func() {
				create(t, here, "w")
				heard("the start", due("w"))
			}, func() bool { return batches.told("InsertRun") })
			leases := ownedMany(t, here, 200)
			nowAndThen(t, func() {
				lease := leases[0]
				leases = leases[1:]
				end := complete(lease)
				end.Plain = true
				if verdicts, err := here.Commit(testContext(t), []domain.Transition{end}); err != nil || verdicts[0].Err != nil {
					t.Fatal(verdicts, err)
				}
				heard("the end", func(e ports.Event) bool { return slices.Contains(e.Finished, lease.RunID) })
			}, func() bool { return batches.told("EndPlainRun") })
		})
	}
}

// A NOTIFY that the server refuses costs the transaction that it goes along with nothing, and the process hears of it all the same.
func TestNewsThatAreRefused(t *testing.T) {
	t.Parallel()
	admin := connect(t)
	name := "openworkflow_mute_" + strings.ToLower(domain.NewID())
	role := name + "_role"
	execute(t, admin, `create database `+name)
	execute(t, admin, `create role `+role)
	t.Cleanup(func() {
		_, _ = admin.Exec(context.Background(), `drop database `+name+` with (force)`)
		_, _ = admin.Exec(context.Background(), `drop role `+role)
	})
	owner, err := pgx.Connect(testContext(t), otherDatabase(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.Background()) })
	execute(t, owner, `grant create on database `+name+` to `+role)
	s, batches := keepingBatches(t, "mute", parameter(t, otherDatabase(t, name), "options", "-c role="+role), pgx.QueryExecModeCacheStatement)
	events := subscribe(t, s)
	start := func() {
		create(t, s, "w")
		hear(t, events, "the start", due("w"))
	}
	const revoke, grant = `revoke execute on function pg_notify from public`, `grant execute on function pg_notify to public`
	nowAndThen(t, func() { // until one goes along that is refused
		execute(t, owner, grant)
		batches.forget()
		nowAndThen(t, start, func() bool { return batches.told("InsertRun") })
		execute(t, owner, revoke)
		batches.forget()
		times(t, 3, func() {})
		start()
	}, func() bool { return batches.told("InsertRun") })
	before := scalar[int](t, owner, `select count(*) from mute.workflow_runs`)
	times(t, 20, start)
	if n := scalar[int](t, owner, `select count(*) from mute.workflow_runs`) - before; n != 20 {
		t.Errorf("%d of 20 starts are there", n)
	}
	if n := batches.count("InsertRun"); n != 1 {
		t.Errorf("of %d starts the news went along, though they were refused", n)
	}
	execute(t, owner, grant)
	batches.forget()
	nowAndThen(t, start, func() bool { return batches.told("InsertRun") })
}

// A transaction that fails tells nobody, near or far.
func TestNewsOfNothing(t *testing.T) {
	t.Parallel()
	there, schema := open(t)
	here, batches := keepingBatches(t, schema, databaseURL(t), pgx.QueryExecModeCacheStatement)
	near, far := subscribe(t, here), subscribe(t, there)
	var last string
	nowAndThen(t, func() { last = create(t, here, "w"); hear(t, far, "the start", due("w")) }, func() bool { return batches.told("InsertRun") })
	quiet := func() { times(t, 3, func() {}) } // so that news would go along
	again := []domain.NewRun{{ID: last, WorkflowName: "never"}}
	quiet()
	if ids, err := here.CreateRuns(testContext(t), again); err != nil || ids[0] != last {
		t.Fatal(ids, err)
	}
	quiet()
	again[0].ID, again[0].Input = domain.NewID(), []byte(`"\u0000"`)
	if _, err := here.CreateRuns(testContext(t), again); err == nil {
		t.Fatal("the server took what it refuses")
	}
	create(t, here, "done")
	for what, events := range map[string]<-chan ports.Event{"near": near, "far": far} {
		hear(t, events, "the last start, "+what, func(e ports.Event) bool {
			if slices.Contains(e.Due, "never") {
				t.Errorf("%s heard of a run that was not made", what)
			}
			return slices.Contains(e.Due, "done")
		})
	}
}
