package pgstore_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// stage is a store and a session beside it that holds locks, so that calls line up behind them.
type stage struct {
	*testing.T
	s      *pgstore.Store
	schema string
	conn   *pgx.Conn // the session's
	watch  *pgx.Conn // sees who waits
	pid    int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s, schema := open(t)
	st := &stage{T: t, s: s, schema: schema, conn: connect(t), watch: connect(t)}
	st.pid = int(st.conn.PgConn().PID())
	return st
}

func (st *stage) begin() { st.Helper(); execute(st.T, st.conn, "begin") }
func (st *stage) end()   { st.Helper(); execute(st.T, st.conn, "commit") }

func (st *stage) holdRun(id string) {
	st.Helper()
	execute(st.T, st.conn, `select from "`+st.schema+`".workflow_runs where id = $1 for no key update`, id)
}

func (st *stage) holdAttempt(id string) {
	st.Helper()
	execute(st.T, st.conn, `select from "`+st.schema+`".step_attempts where id = $1 for update`, id)
}

// queued waits until so many sessions wait for a lock behind the stage's session, directly or not.
func (st *stage) queued(n int) {
	st.Helper()
	ctx := testContext(st.T)
	for {
		var waiting int
		err := st.watch.QueryRow(ctx, `with recursive behind(pid) as (
			select $1::int union
			select a.pid from pg_stat_activity a join behind b on b.pid = any (pg_blocking_pids(a.pid)))
			select count(*) - 1 from behind`, st.pid).Scan(&waiting)
		if err != nil {
			st.Fatalf("waiting for %d sessions to queue: %v", n, err)
		}
		if waiting >= n {
			return
		}
	}
}

// later runs a call on the side and gives its answer when asked for it.
func later[T any](st *stage, call func(context.Context) (T, error)) func() T {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	ctx := testContext(st.T)
	go func() {
		v, err := call(ctx)
		done <- answer{v, err}
	}()
	return func() T {
		st.Helper()
		a := <-done
		if a.err != nil {
			st.Fatal(a.err)
		}
		return a.value
	}
}

func (st *stage) commit(ts ...domain.Transition) func() []domain.Verdict {
	return later(st, func(ctx context.Context) ([]domain.Verdict, error) { return st.s.Commit(ctx, ts) })
}

func (st *stage) ok(ts ...domain.Transition) {
	st.Helper()
	for i, v := range st.commit(ts...)() {
		if v.Err != nil {
			st.Fatalf("transition %d: %v", i, v.Err)
		}
	}
}

func (st *stage) signal(name string) func() []ports.SignalResult {
	sig := domain.Signal{ID: domain.NewID(), Name: name, Key: domain.NewID(), Data: json.RawMessage(`"hello"`)}
	return later(st, func(ctx context.Context) ([]ports.SignalResult, error) {
		return st.s.SendSignals(ctx, []domain.Signal{sig})
	})
}

// owned creates and claims a run of a workflow.
func (st *stage) owned(workflow string) domain.Lease {
	st.Helper()
	run := domain.NewRun{ID: domain.NewID(), WorkflowName: workflow}
	if _, err := st.s.CreateRuns(testContext(st.T), []domain.NewRun{run}); err != nil {
		st.Fatal(err)
	}
	return st.claim(workflow)
}

func (st *stage) claim(workflow string) domain.Lease {
	st.Helper()
	res, err := st.s.ClaimRuns(testContext(st.T), ports.ClaimRequest{
		WorkerID: "w", Workflows: []domain.WorkflowKey{{Name: workflow}}, Limit: 1, LeaseDuration: time.Hour,
	})
	if err != nil || len(res.Runs) != 1 {
		st.Fatalf("claimed %d of workflow %s: %v", len(res.Runs), workflow, err)
	}
	return domain.Lease{RunID: res.Runs[0].ID, WorkerID: "w", Epoch: res.Runs[0].Attempts}
}

func (st *stage) isDue(id string) {
	st.Helper()
	found, err := st.s.GetRuns(testContext(st.T), []string{id})
	if err != nil || len(found) != 1 {
		st.Fatalf("GetRuns: %v", err)
	}
	r := found[0]
	if !r.Parked() || r.AvailableAt.After(time.Now().Add(time.Minute)) {
		st.Errorf("the run is %s of %q, available at %v: a wake was lost", r.Status, r.WorkerID, r.AvailableAt)
	}
}

func attempt(kind domain.StepKind, context string) domain.StepAttempt {
	return domain.StepAttempt{ID: domain.NewID(), StepName: "step", Kind: kind, Context: json.RawMessage(context)}
}

func waitFor(l domain.Lease, signal string) domain.Transition {
	return domain.Transition{Kind: domain.StartStep, Lease: l, Attempt: attempt(domain.KindSignalWait,
		`{"kind":"signal-wait","signal":"`+signal+`","timeoutAt":"2100-01-01T00:00:00.000Z"}`)}
}

func timedOut(wait domain.Transition) domain.Transition {
	wait.Kind, wait.Timeout, wait.Attempt.Status, wait.Attempt.Output = domain.FinishStep, true, domain.StepCompleted, json.RawMessage("null")
	return wait
}

func startChild(l domain.Lease, workflow string) domain.Transition {
	a := attempt(domain.KindWorkflow, `{"kind":"workflow","timeoutAt":"2100-01-01T00:00:00.000Z"}`)
	return domain.Transition{Kind: domain.StartChild, Lease: l, Attempt: a, Child: &domain.NewRun{
		ID: domain.NewID(), WorkflowName: workflow, IdempotencyKey: domain.ChildKey("default", a.ID),
	}}
}

func park(l domain.Lease) domain.Transition {
	return domain.Transition{Kind: domain.ParkRun, Lease: l, WakeAt: time.Now().Add(time.Hour)}
}

func complete(l domain.Lease) domain.Transition {
	return domain.Transition{Kind: domain.CompleteRun, Lease: l}
}

func finished(l domain.Lease) domain.Transition {
	a := attempt(domain.KindFunction, "")
	a.Status, a.Output = domain.StepCompleted, json.RawMessage(`1`)
	a.StartedAt, a.FinishedAt = time.Now(), time.Now()
	return domain.Transition{Kind: domain.FinishStep, Lease: l, Attempt: a}
}
