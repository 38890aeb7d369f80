package sqlitestore

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
)

// explainer notes how SQLite would run each query, and runs it.
type explainer struct {
	dbsqlc.DBTX
	t     *testing.T
	plans map[string]string // by query name
}

func (e *explainer) explain(ctx context.Context, query string, args []any) {
	rows, err := e.DBTX.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		e.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var id, parent, notUsed int
		var line string
		if err := rows.Scan(&id, &parent, &notUsed, &line); err != nil {
			e.t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		e.t.Fatal(err)
	}
	name := strings.Fields(query)[2]
	e.plans[name] = strings.Join(lines, "; ")
}

func (e *explainer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	e.explain(ctx, query, args)
	return e.DBTX.ExecContext(ctx, query, args...)
}

func (e *explainer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	e.explain(ctx, query, args)
	return e.DBTX.QueryContext(ctx, query, args...)
}

func (e *explainer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	e.explain(ctx, query, args)
	return e.DBTX.QueryRowContext(ctx, query, args...)
}

// Every query that runs often must go by an index, on a new database without statistics.
func TestPlans(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	plans := make(map[string]string)
	err = s.db.write(t.Context(), "ns", func(x *work) error {
		e := &explainer{DBTX: x.db, t: t, plans: plans}
		runAll(x.ctx, dbsqlc.New(e))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for query, index := range map[string]string{
		"GetDueRuns":                  "workflow_runs_claim_idx (namespace_id=? AND workflow_name=? AND <expr>=? AND available_at<?)",
		"GetNextDue":                  "workflow_runs_claim_idx (namespace_id=? AND workflow_name=? AND <expr>=? AND available_at>?)",
		"GetNextRecovery":             "workflow_runs_claim_idx (namespace_id=? AND workflow_name=? AND <expr>=? AND available_at<?)",
		"GetUnregisteredRuns":         "workflow_runs_claim_idx (namespace_id=? AND workflow_name=? AND <expr>=? AND available_at>? AND available_at<?)",
		"GetExpiredRuns":              "workflow_runs_deadline_idx (namespace_id=? AND deadline_at>? AND deadline_at<?)",
		"GetRuns":                     "sqlite_autoindex_workflow_runs_1 (namespace_id=? AND id=?)",
		"GetRunHeads":                 "sqlite_autoindex_workflow_runs_1 (namespace_id=? AND id=?)",
		"GetRunStates":                "sqlite_autoindex_workflow_runs_1 (namespace_id=? AND id=?)",
		"UpdateRun":                   "sqlite_autoindex_workflow_runs_1 (namespace_id=? AND id=?)",
		"GetRunByIdempotencyKey":      "workflow_runs_idempotency_idx (namespace_id=? AND workflow_name=? AND idempotency_key=? AND created_at>?)",
		"GetRunByParent":              "workflow_runs_parent_step_idx (parent_step_attempt_namespace_id=? AND parent_step_attempt_id=?)",
		"ListRuns":                    "workflow_runs_list_idx (namespace_id=? AND created_at>? AND (created_at,id)<(?,?))",
		"ListRunsBackwards":           "workflow_runs_list_idx (namespace_id=? AND (created_at,id)>(?,?) AND created_at<?)",
		"ListUnsuccessfulRuns":        "workflow_runs_unsuccessful_idx (namespace_id=? AND created_at>? AND (created_at,id)<(?,?))",
		"GetListEnd":                  "workflow_runs_list_idx (namespace_id=? AND created_at>? AND (created_at,id)<(?,?))",
		"GetListEndBackwards":         "workflow_runs_list_idx (namespace_id=? AND (created_at,id)>(?,?) AND created_at<?)",
		"GetUnsuccessfulEnd":          "workflow_runs_unsuccessful_idx (namespace_id=? AND created_at>? AND (created_at,id)<(?,?))",
		"CountLiveRuns":               "workflow_runs_due_idx (namespace_id=?)",
		"GetLeases":                   "workflow_runs_due_idx (namespace_id=? AND available_at>?)",
		"GetRunsByKey":                "workflow_runs_idempotency_idx (namespace_id=? AND workflow_name=? AND idempotency_key=?)",
		"GetNextKeyedWorkflow":        "workflow_runs_idempotency_idx (namespace_id=? AND workflow_name>?)",
		"TallyNewest":                 "workflow_runs_list_idx (namespace_id=? AND created_at>? AND created_at<?)",
		"TallyUnsuccessful":           "workflow_runs_unsuccessful_idx (namespace_id=? AND created_at>? AND created_at<?)",
		"TallyFirstDue":               "workflow_runs_due_idx (namespace_id=?)",
		"TallyLastDue":                "workflow_runs_due_idx (namespace_id=?)",
		"GetNewestRuns":               "workflow_runs_list_idx (namespace_id=?)",
		"GetStatsOfLive":              "workflow_runs_due_idx (namespace_id=?)",
		"GetStatsOfUnsuccessful":      "workflow_runs_unsuccessful_idx (namespace_id=?)",
		"GetNextLiveVersion":          "workflow_runs_claim_idx (namespace_id=? AND workflow_name=? AND <expr>>?)",
		"GetNextLiveWorkflow":         "workflow_runs_claim_idx (namespace_id=? AND workflow_name>?)",
		"GetStepAttempts":             "sqlite_autoindex_step_attempts_1 (namespace_id=? AND id=?)",
		"GetAttemptHeads":             "sqlite_autoindex_step_attempts_1 (namespace_id=? AND id=?)",
		"FinishAttempt":               "sqlite_autoindex_step_attempts_1 (namespace_id=? AND id=?)",
		"CloseAttempts":               "step_attempts_open_idx (namespace_id=? AND workflow_run_id=?)",
		"GetOpenAttempts":             "step_attempts_open_idx (namespace_id=? AND workflow_run_id=?)",
		"IsRunSatisfied":              "step_attempts_open_idx (namespace_id=? AND workflow_run_id=?)",
		"GetHistory":                  "step_attempts_history_idx (namespace_id=? AND workflow_run_id=?)",
		"ListStepAttempts":            "step_attempts_history_idx (namespace_id=? AND workflow_run_id=? AND (created_at,id)>(?,?))",
		"GetOpenWaits":                "step_attempts_signal_wait_idx (namespace_id=? AND <expr>=?)",
		"GetSignalRuns":               "workflow_signals_idempotency_idx (namespace_id=? AND signal=? AND sender_idempotency_key=?)",
		"IsSignalDelivered":           "workflow_signals_step_attempt_idx (namespace_id=? AND step_attempt_id=?)",
		"GetBufferedSignal":           "workflow_signal_buffer_common_idx (namespace_id=? AND signal=?)",
		"GetBufferedSignalOfRun":      "workflow_signal_buffer_run_idx (namespace_id=? AND workflow_run_id=? AND signal=?)",
		"DeleteBufferedSignalsOfRuns": "workflow_signal_buffer_run_idx (namespace_id=? AND workflow_run_id=?)",
		"GetScanEnd":                  "step_attempts_open_idx (namespace_id=? AND workflow_run_id>?)",
		"GetSatisfiedRuns":            "step_attempts_open_idx (namespace_id=? AND workflow_run_id>? AND workflow_run_id<?)",
	} {
		if !strings.Contains(plans[query], index) {
			t.Errorf("%s goes by %q, want %s", query, plans[query], index)
		}
	}
	for query, plan := range plans {
		if strings.Contains(plan, "SCAN workflow_") || strings.Contains(plan, "SCAN step_") || strings.Contains(plan, "SCAN a") || strings.Contains(plan, "SCAN r") {
			t.Errorf("%s reads a whole table: %s", query, plan)
		}
		ordered := query != "GetOpenWaits" && query != "GetOpenWaitOfRun" && query != "GetOpenAttempts" &&
			query != "GetRunByParent" && query != "GetSatisfiedRuns" && query != "GetSignalRuns" && query != "GetDeliverableSignals"
		if ordered && strings.Contains(plan, "TEMP B-TREE FOR ORDER BY") {
			t.Errorf("%s sorts: %s", query, plan)
		}
	}
}

// runAll runs the queries that run often; only their plans matter, not what they find.
func runAll(ctx context.Context, q *dbsqlc.Queries) {
	now := text("2026-01-02T03:04:05.006Z")
	_, _ = q.GetDueRuns(ctx, dbsqlc.GetDueRunsParams{NamespaceID: "ns", Now: now, Exclude: "[]", MaxRows: 1})
	_, _ = q.GetNextDue(ctx, dbsqlc.GetNextDueParams{NamespaceID: "ns", Now: now, Exclude: "[]"})
	_, _ = q.GetNextRecovery(ctx, dbsqlc.GetNextRecoveryParams{NamespaceID: "ns", Now: now, Exclude: "[]"})
	_, _ = q.GetUnregisteredRuns(ctx, dbsqlc.GetUnregisteredRunsParams{NamespaceID: "ns", Now: now, Until: now})
	_, _ = q.GetExpiredRuns(ctx, dbsqlc.GetExpiredRunsParams{NamespaceID: "ns", Now: now})
	_, _ = q.GetRuns(ctx, dbsqlc.GetRunsParams{Ids: "[]"})
	_, _ = q.GetRunHeads(ctx, dbsqlc.GetRunHeadsParams{Ids: "[]"})
	_, _ = q.GetRunStates(ctx, dbsqlc.GetRunStatesParams{Ids: "[]"})
	_ = q.UpdateRun(ctx, dbsqlc.UpdateRunParams{})
	_ = q.ExtendLease(ctx, dbsqlc.ExtendLeaseParams{})
	_, _ = q.GetRunByIdempotencyKey(ctx, dbsqlc.GetRunByIdempotencyKeyParams{IdempotencyKey: text("k")})
	_, _ = q.GetRunByParent(ctx, dbsqlc.GetRunByParentParams{ParentNamespaceID: text("n"), ParentAttemptID: text("a")})
	_, _ = q.ListRuns(ctx, dbsqlc.ListRunsParams{MaxRows: 1})
	_, _ = q.ListRunsBackwards(ctx, dbsqlc.ListRunsBackwardsParams{MaxRows: 1})
	runLooks(ctx, q, now)
	_, _ = q.GetAttemptHeads(ctx, dbsqlc.GetAttemptHeadsParams{Ids: "[]"})
	_ = q.FinishAttempt(ctx, dbsqlc.FinishAttemptParams{})
	_ = q.CloseAttempts(ctx, dbsqlc.CloseAttemptsParams{})
	_, _ = q.GetHistory(ctx, dbsqlc.GetHistoryParams{})
	_, _ = q.GetOpenAttempts(ctx, dbsqlc.GetOpenAttemptsParams{})
	_, _ = q.ListStepAttempts(ctx, dbsqlc.ListStepAttemptsParams{})
	_, _ = q.GetOpenChildren(ctx, dbsqlc.GetOpenChildrenParams{})
	_, _ = q.GetWaitingParent(ctx, dbsqlc.GetWaitingParentParams{})
	_, _ = q.IsRunSatisfied(ctx, dbsqlc.IsRunSatisfiedParams{})
	_, _ = q.GetSignalRuns(ctx, dbsqlc.GetSignalRunsParams{})
	_, _ = q.IsSignalBuffered(ctx, dbsqlc.IsSignalBufferedParams{})
	_, _ = q.GetOpenWaits(ctx, dbsqlc.GetOpenWaitsParams{})
	_, _ = q.GetOpenWaitOfRun(ctx, dbsqlc.GetOpenWaitOfRunParams{})
	_, _ = q.IsSignalDelivered(ctx, dbsqlc.IsSignalDeliveredParams{})
	_, _ = q.GetDeliveredSignals(ctx, dbsqlc.GetDeliveredSignalsParams{})
	_, _ = q.GetBufferedSignal(ctx, dbsqlc.GetBufferedSignalParams{})
	_, _ = q.GetBufferedSignalOfRun(ctx, dbsqlc.GetBufferedSignalOfRunParams{})
	_ = q.DeleteBufferedSignalsOfRuns(ctx, dbsqlc.DeleteBufferedSignalsOfRunsParams{WorkflowRunIds: "[]"})
	_, _ = q.GetScanEnd(ctx, dbsqlc.GetScanEndParams{})
	_, _ = q.GetSatisfiedRuns(ctx, dbsqlc.GetSatisfiedRunsParams{})
	_, _ = q.GetDeliverableSignals(ctx, dbsqlc.GetDeliverableSignalsParams{Now: now})
	_, _ = q.HasBufferedWork(ctx, dbsqlc.HasBufferedWorkParams{Now: now})
	_, _ = q.DeleteExpiredSignals(ctx, dbsqlc.DeleteExpiredSignalsParams{Now: now})
}

// runLooks runs the queries that look at a limited number of rows.
func runLooks(ctx context.Context, q *dbsqlc.Queries, now sql.NullString) {
	_, _ = q.ListUnsuccessfulRuns(ctx, dbsqlc.ListUnsuccessfulRunsParams{MaxRows: 1})
	_, _ = q.ListUnsuccessfulRunsBackwards(ctx, dbsqlc.ListUnsuccessfulRunsBackwardsParams{MaxRows: 1})
	_, _ = q.GetListEnd(ctx, dbsqlc.GetListEndParams{Skipped: 9})
	_, _ = q.GetListEndBackwards(ctx, dbsqlc.GetListEndBackwardsParams{Skipped: 9})
	_, _ = q.GetUnsuccessfulEnd(ctx, dbsqlc.GetUnsuccessfulEndParams{Skipped: 9})
	_, _ = q.GetUnsuccessfulEndBackwards(ctx, dbsqlc.GetUnsuccessfulEndBackwardsParams{Skipped: 9})
	_, _ = q.CountLiveRuns(ctx, dbsqlc.CountLiveRunsParams{ScanLimit: 9})
	_, _ = q.GetLeases(ctx, dbsqlc.GetLeasesParams{Now: now, ScanLimit: 9})
	_, _ = q.GetRunsByKey(ctx, dbsqlc.GetRunsByKeyParams{IdempotencyKey: text("k")})
	_, _ = q.GetNextKeyedWorkflow(ctx, dbsqlc.GetNextKeyedWorkflowParams{})
	_, _ = q.TallyNewest(ctx, dbsqlc.TallyNewestParams{ScanLimit: 9})
	_, _ = q.TallyUnsuccessful(ctx, dbsqlc.TallyUnsuccessfulParams{ScanLimit: 9})
	_, _ = q.TallyFirstDue(ctx, dbsqlc.TallyFirstDueParams{ScanLimit: 9})
	_, _ = q.TallyLastDue(ctx, dbsqlc.TallyLastDueParams{ScanLimit: 9})
	_, _ = q.GetNewestRuns(ctx, dbsqlc.GetNewestRunsParams{ScanLimit: 9})
	_, _ = q.GetStatsOfLive(ctx, dbsqlc.GetStatsOfLiveParams{ScanLimit: 9})
	_, _ = q.GetStatsOfUnsuccessful(ctx, dbsqlc.GetStatsOfUnsuccessfulParams{ScanLimit: 9})
	_, _ = q.GetNextLiveVersion(ctx, dbsqlc.GetNextLiveVersionParams{Version: text("")})
	_, _ = q.GetNextLiveWorkflow(ctx, dbsqlc.GetNextLiveWorkflowParams{})
	_, _ = q.GetStepAttempts(ctx, dbsqlc.GetStepAttemptsParams{Ids: "[]"})
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"3.51.3": true, "3.51.4": true, "3.52.0": true, "3.53.1": true, "4.0.0": true,
		"3.51.2": false, "3.50.99": false, "3.51": false, "3.9.0": false, "": false, "x.y.z": false,
	} {
		if got := versionAtLeast(version, 3, 51, 3); got != want {
			t.Errorf("%q: %v, want %v", version, got, want)
		}
	}
}
