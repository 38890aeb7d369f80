package pgstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// planLog collects the plans that the server really ran, by query name.
type planLog struct {
	mu    sync.Mutex
	plans map[string][]string
}

var queryName = regexp.MustCompile(`-- name: (\w+)`)

func (l *planLog) notice(_ *pgconn.PgConn, n *pgconn.Notice) {
	name := queryName.FindStringSubmatch(n.Message)
	if name == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, plan, _ := strings.Cut(n.Message, "\n") // the text, then the plan
	if i := strings.LastIndex(plan, ";"); i >= 0 {
		plan = plan[i+1:]
	}
	if !slices.Contains(l.plans[name[1]], plan) {
		l.plans[name[1]] = append(l.plans[name[1]], plan)
	}
}

// tracedPool makes a pool of one connection whose server tells the plan of every statement.
func tracedPool(t *testing.T, log *planLog) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(databaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 1
	cfg.ConnConfig.OnNotice = log.notice
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `load 'auto_explain'; set auto_explain.log_min_duration = 0;
			set auto_explain.log_level = notice; set auto_explain.log_nested_statements = off`)
		return err
	}
	pool, err := pgxpool.NewWithConfig(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := pool.Ping(testContext(t)); err != nil {
		t.Skipf("auto_explain cannot be loaded (it needs a superuser): %v", err)
	}
	return pool
}

// exercise uses every statement of a worker's life, and of a client's, that must be fast on large tables.
func exercise(t *testing.T, s *pgstore.Store) {
	t.Helper()
	ctx := testContext(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key := domain.WorkflowKey{Name: "planned " + domain.NewID()}
	var asked []domain.NewRun
	for i := range 9 {
		asked = append(asked, domain.NewRun{ID: domain.NewID(), WorkflowName: key.Name, IdempotencyKey: fmt.Sprint("key ", i)})
	}
	_, err := s.CreateRuns(ctx, asked)
	must(err)
	_, err = s.CreateRuns(ctx, []domain.NewRun{{ID: domain.NewID(), WorkflowName: "alone"}})
	must(err)
	claimed, err := s.ClaimRuns(ctx, ports.ClaimRequest{WorkerID: "w", Workflows: []domain.WorkflowKey{key}, Limit: 50, LeaseDuration: time.Minute})
	must(err)
	if len(claimed.Runs) != len(asked) {
		t.Fatalf("claimed %d of %d", len(claimed.Runs), len(asked))
	}
	lease := func(i int) domain.Lease {
		r := claimed.Runs[i]
		return domain.Lease{RunID: r.ID, WorkerID: r.WorkerID, Epoch: r.Attempts}
	}
	step := func(kind domain.StepKind, context string) domain.StepAttempt {
		return domain.StepAttempt{ID: domain.NewID(), StepName: "s", Kind: kind, Context: json.RawMessage(context), Status: domain.StepCompleted}
	}
	wait := step(domain.KindSignalWait, `{"kind":"signal-wait","signal":"go `+key.Name+`","timeoutAt":"2100-01-01T00:00:00.000Z"}`)
	timeout := wait
	timeout.ID = domain.NewID()
	child := step(domain.KindWorkflow, `{"kind":"workflow","timeoutAt":"2100-01-01T00:00:00.000Z"}`)
	later := time.Now().Add(time.Hour)
	_, err = s.Commit(ctx, []domain.Transition{
		{Kind: domain.StartStep, Lease: lease(0), Attempt: wait},
		{Kind: domain.StartStep, Lease: lease(4), Attempt: timeout},
		{Kind: domain.StartChild, Lease: lease(1), Attempt: child, Child: &domain.NewRun{ID: domain.NewID(), WorkflowName: "child", IdempotencyKey: domain.ChildKey("default", child.ID)}},
		{Kind: domain.FinishStep, Lease: lease(2), Attempt: step(domain.KindFunction, ""), Progress: true},
	})
	must(err)
	_, err = s.Commit(ctx, []domain.Transition{
		{Kind: domain.FinishStep, Lease: lease(4), Attempt: timeout, Timeout: true},
		{Kind: domain.ParkRun, Lease: lease(0), WakeAt: later},
		{Kind: domain.ParkRun, Lease: lease(1), WakeAt: later},
		{Kind: domain.CompleteRun, Lease: lease(2)},
		{Kind: domain.FailRun, Lease: lease(3), Error: &domain.Failure{Message: "no"}},
		{Kind: domain.RetryRun, Lease: lease(4), Error: &domain.Failure{Message: "again"}, WakeAt: later},
	})
	must(err)
	_, err = s.Commit(ctx, []domain.Transition{{Kind: domain.StartStep, Lease: lease(5), Attempt: child}}) // refused: to read why
	must(err)
	_, err = s.Commit(ctx, []domain.Transition{
		{Kind: domain.FinishStep, Lease: lease(5), Attempt: step(domain.KindFunction, "")},
		{Kind: domain.FinishStep, Lease: lease(6), Attempt: step(domain.KindFunction, "")},
	})
	must(err)
	lone := step(domain.KindFunction, "")
	lone.Output, lone.StartedAt, lone.FinishedAt = json.RawMessage("1"), time.Now(), time.Now()
	_, err = s.Commit(ctx, []domain.Transition{{Kind: domain.FinishStep, Plain: true, Lease: lease(5), Attempt: lone}})
	must(err)
	_, err = s.Commit(ctx, []domain.Transition{
		{Kind: domain.FinishStep, Plain: true, Lease: lease(5), Attempt: step(domain.KindFunction, "")},
		{Kind: domain.CompleteRun, Plain: true, Lease: lease(6)},
	})
	must(err)
	_, err = s.Commit(ctx, []domain.Transition{{Kind: domain.CompleteRun, Plain: true, Lease: lease(8)}})
	must(err)
	_, err = s.ExtendLeases(ctx, ports.LeaseRequest{WorkerID: "w", Leases: []domain.Lease{lease(5)}, Duration: time.Minute})
	must(err)
	_, err = s.SendSignals(ctx, []domain.Signal{
		{ID: domain.NewID(), Name: "go " + key.Name, Key: domain.NewID()},
		{ID: domain.NewID(), Name: "go " + key.Name, Key: domain.NewID(), RunID: claimed.Runs[5].ID},
	})
	must(err)
	_, err = s.ReclaimRun(ctx, ports.ReclaimRequest{RunID: claimed.Runs[1].ID, WorkerID: "w", Epoch: 1, LeaseDuration: time.Minute})
	must(err)
	ids := []string{claimed.Runs[0].ID, claimed.Runs[1].ID}
	_, err = s.LoadHistories(ctx, ports.HistoryRequest{RunIDs: ids})
	must(err)
	_, err = s.LoadHistories(ctx, ports.HistoryRequest{RunIDs: ids, OpenOnly: true})
	must(err)
	_, err = s.RunStates(ctx, ids)
	must(err)
	_, err = s.CancelRun(ctx, claimed.Runs[7].ID)
	must(err)
	_, err = s.Sweep(ctx, ports.SweepRequest{Workflows: []domain.WorkflowKey{key}, Limit: 100})
	must(err)
}

// Claims, commits and heartbeats look rows up by the indexes that are meant for them and nothing else: on
// new tables without statistics, in the same prepared statements after the tables grew, and in new ones.
func TestPlans(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	openIn(t, schema, "default")
	conn := connect(t)
	log := planLog{plans: make(map[string][]string)}
	pool := tracedPool(t, &log)
	s, err := pgstore.FromPool(testContext(t), pool, pgstore.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })

	check := func(when string) {
		t.Run(when, func(t *testing.T) {
			log.mu.Lock()
			log.plans = make(map[string][]string)
			log.mu.Unlock()
			exercise(t, s)
			log.mu.Lock()
			defer log.mu.Unlock()
			checkPlans(t, log.plans)
		})
	}
	check("new")
	execute(t, conn, `analyze "`+schema+`".workflow_runs, "`+schema+`".step_attempts, "`+schema+`".workflow_signals, "`+schema+`".workflow_signal_buffer`)
	check("small and known")
	for _, n := range []int{300, 200_000} {
		grow(t, conn, schema, n)
		check(fmt.Sprintf("grown by %d", n))
		execute(t, conn, `analyze "`+schema+`".workflow_runs, "`+schema+`".step_attempts`)
		check(fmt.Sprintf("grown by %d and known", n))
	}
}

// grow adds n runs, most of them done, and a step to each run that it has made.
func grow(t *testing.T, conn *pgx.Conn, schema string, n int) {
	t.Helper()
	execute(t, conn, fmt.Sprintf(`insert into "%[1]s".workflow_runs (namespace_id, id, workflow_name, status, config, attempts, available_at, created_at, updated_at)
		select 'default', gen_random_uuid(), 'w' || i %% 10, case when i %% 20 = 0 then 'pending' else 'completed' end, '{}', 1,
			case when i %% 20 = 0 then now() end, now(), now() from generate_series(1, %[2]d) i`, schema, n))
	execute(t, conn, fmt.Sprintf(`insert into "%[1]s".step_attempts (namespace_id, id, workflow_run_id, step_name, kind, status, config, started_at, created_at, updated_at)
		select namespace_id, gen_random_uuid(), id, 's', 'function', 'completed', '{}', now(), now(), now() from "%[1]s".workflow_runs
		where workflow_name ~ '^w[0-9]$'`, schema))
}

// The indexes that each query may use; of those not named here, only the primary keys.
var allowedIndexes = map[string][]string{
	"ClaimRuns":             {"workflow_runs_claim_idx"},
	"GetNextDue":            {"workflow_runs_claim_idx"},
	"GetNextDeadline":       {"workflow_runs_deadline_idx"},
	"GetForeignWriters":     {"workflow_runs_listing_idx"},
	"GetUnregisteredRuns":   {"workflow_runs_claim_idx"},
	"InsertRuns":            {"workflow_runs_idempotency_idx"},
	"GetStandingRuns":       {"workflow_runs_idempotency_idx", "workflow_runs_pkey"},
	"InsertChildren":        {"workflow_runs_idempotency_idx", "workflow_runs_parent_step_idx", "workflow_runs_pkey", "step_attempts_pkey"},
	"LinkChildren":          {"workflow_runs_idempotency_idx", "workflow_runs_parent_step_idx", "workflow_runs_pkey", "step_attempts_pkey"},
	"LockWaits":             {"step_attempts_open_idx", "step_attempts_pkey"},
	"ReleaseRuns":           {"workflow_runs_pkey", "step_attempts_open_idx", "workflow_signals_step_attempt_idx"},
	"WakeSatisfiedRuns":     {"workflow_runs_pkey", "step_attempts_open_idx", "workflow_signals_step_attempt_idx"},
	"FinishAttempts":        {"workflow_runs_pkey", "workflow_signals_step_attempt_idx"},
	"CloseAttempts":         {"workflow_runs_pkey", "step_attempts_pkey", "step_attempts_open_idx"},
	"GetHistories":          {"step_attempts_history_idx"},
	"GetOpenAttempts":       {"step_attempts_open_idx"},
	"GetDeliveredSignals":   {"step_attempts_open_idx", "workflow_signals_step_attempt_idx"},
	"GetOpenChildren":       {"step_attempts_open_idx", "workflow_runs_pkey"},
	"GetExpiredRuns":        {"workflow_runs_deadline_idx"},
	"GetSatisfiedRuns":      {"step_attempts_open_idx", "workflow_runs_pkey", "workflow_signals_step_attempt_idx"},
	"LockSignalRuns":        {"workflow_runs_pkey", "step_attempts_signal_wait_idx"},
	"GetDeliverableSignals": nil, // whatever: the buffer is small, and a sweep's matter
}

// signalQueries read the signals' tables by several indexes, of which the buffer's are as good as each other.
var signalQueries = []string{"DeliverSignals", "DeliverSignalsToRuns", "TakeBufferedSignals", "BufferSignals", "GetSignalAnswers", "DeleteBufferedSignalsOfRun", "DeleteBufferedSignalsOfRuns", "GetExpiredSignals", "DeleteExpiredSignals"}

// indexUsed finds the indexes of a plan and what they are searched by.
var indexUsed = regexp.MustCompile(`(?:Index (?:Only )?Scan (?:Backward )?using|Bitmap Index Scan on) (\w+).*(?:\n +Index Cond: (.*))?`)

// searchedBy is what the search of an index must name: the namespace alone is all there is.
var searchedBy = map[string]string{
	"workflow_runs_pkey": "id = ", "step_attempts_pkey": "id = ", "workflow_runs_claim_idx": "workflow_name = ",
	"workflow_runs_idempotency_idx": "idempotency_key = ", "workflow_runs_parent_step_idx": "parent_step_attempt_id = ",
	"step_attempts_open_idx": "workflow_run_id", "step_attempts_history_idx": "workflow_run_id",
	"workflow_runs_deadline_idx": "deadline_at", "step_attempts_signal_wait_idx": "signal",
	"workflow_signals_step_attempt_idx": "step_attempt_id = ",
}

// atTheirPlace are the queries that update rows where they found them.
var atTheirPlace = []string{"ClaimRuns", "CommitPlain", "ReleaseRuns", "EndOwnedRuns"}

func checkPlans(t *testing.T, plans map[string][]string) {
	t.Helper()
	for _, name := range []string{"InsertRun", "InsertRuns", "CompletePlainAttempt", "EndPlainRun", "ClaimRuns", "LockRuns", "FinishAttempts", "CommitPlain", "ClearRecoveries", "ReleaseRuns", "EndOwnedRuns", "ExtendLeases", "WakeParents"} {
		if len(plans[name]) == 0 {
			t.Errorf("no plan of %s was seen", name)
		}
	}
	for name, list := range plans {
		for _, plan := range list {
			if bad := badPlan(name, plan); bad != "" {
				t.Errorf("%s: %s\n%s", name, bad, plan)
			}
		}
	}
}

func badPlan(name, plan string) string {
	if strings.Contains(plan, "Tid Scan") != slices.Contains(atTheirPlace, name) {
		return "finds, or does not find, rows by their place"
	}
	for _, never := range []string{"Seq Scan", "Bitmap", "Hash Join", "Merge Join"} {
		if strings.Contains(plan, never) {
			return never
		}
	}
	if slices.Contains(signalQueries, name) || name == "GetDeliverableSignals" {
		return ""
	}
	allowed, ok := allowedIndexes[name]
	if !ok {
		allowed = []string{"workflow_runs_pkey", "step_attempts_pkey"}
	}
	for _, m := range indexUsed.FindAllStringSubmatch(plan, -1) {
		if !slices.Contains(allowed, m[1]) {
			return "uses " + m[1]
		}
		// An id compared with "namespace_id = " cut off, which would be found in it.
		if by := strings.ReplaceAll(m[2], "namespace_id", ""); !strings.Contains(by, searchedBy[m[1]]) {
			return "does not search " + m[1] + " by " + searchedBy[m[1]]
		}
	}
	return ""
}
