package sqlitestore_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// What TypeScript leaves undone, the sweep does.
func TestSweepAfterTypeScript(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{})
	db := handle(t, path)
	soon, later := domain.FormatTime(time.Now().Add(time.Minute)), domain.FormatTime(farAway)
	for id, message := range map[string]string{
		"put-off":   `Workflow \"w\" is not registered`,
		"versioned": `Workflow \"w\" (version: v1) is not registered`,
		"retrying":  `something else failed`,
	} {
		create(t, s, domain.NewRun{ID: id, WorkflowName: "w", Version: map[string]string{"versioned": "v1"}[id]})
		exec(t, db, "UPDATE workflow_runs SET error = ?, available_at = ? WHERE id = ?", `{"message":"`+message+`"}`, soon, id)
	}
	create(t, s, domain.NewRun{ID: "parked", WorkflowName: "w"})
	exec(t, db, "UPDATE workflow_runs SET status = 'running', attempts = 1, available_at = ? WHERE id = 'parked'", later)
	for _, signal := range []string{"delivered", "common", "own"} {
		sig := domain.Signal{ID: domain.NewID(), Name: signal, Key: "k-" + signal, Data: json.RawMessage(`"` + signal + `"`), Buffer: hour}
		if signal == "own" {
			sig.RunID, sig.Buffer = "parked", 0
		}
		if signal != "delivered" {
			if _, err := s.SendSignals(t.Context(), []domain.Signal{sig}); err != nil {
				t.Fatal(err)
			}
		}
		exec(t, db, `INSERT INTO step_attempts (namespace_id, id, workflow_run_id, step_name, kind, status, config, context, created_at, updated_at)
			VALUES ('default', ?1, 'parked', ?1, 'signal-wait', 'running', '{}', ?2, ?3, ?3)`,
			"wait-"+signal, fmt.Sprintf(`{"kind":"signal-wait","signal":%q,"timeoutAt":%q}`, signal, later), soon)
	}
	exec(t, db, "INSERT INTO workflow_signals (namespace_id, id, signal, data, workflow_run_id, step_attempt_id, created_at) VALUES ('default', 'i', 'delivered', '1', 'parked', 'wait-delivered', ?)", soon)

	req := ports.SweepRequest{Workflows: []domain.WorkflowKey{{Name: "w"}, {Name: "w", Version: "v1"}}, Limit: 10}
	res, err := s.Sweep(t.Context(), req)
	if err != nil || res.Woken != 1 || res.Requeued != 2 || res.Delivered != 2 || res.Expired+res.Deleted != 0 || res.More || res.Skipped {
		t.Errorf("swept %+v, %v", res, err)
	}
	if res, err := s.Sweep(t.Context(), req); err != nil || res.Woken+res.Requeued+res.Delivered != 0 {
		t.Errorf("again: %+v, %v", res, err)
	}
	h, err := s.LoadHistories(t.Context(), ports.HistoryRequest{RunIDs: []string{"parked"}, OpenOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %s", h.Histories[0].Signals["wait-delivered"], h.Histories[0].Signals["wait-common"], h.Histories[0].Signals["wait-own"])
	if got != `1 "common" "own"` {
		t.Errorf("the waits have got %s", got)
	}
	claims, err := s.ClaimRuns(t.Context(), ports.ClaimRequest{WorkerID: "x", Workflows: req.Workflows, Limit: 10, LeaseDuration: hour})
	if err != nil || len(claims.Runs) != 3 {
		t.Errorf("claimed %d runs, %v; want all but the one that retries", len(claims.Runs), err)
	}
}

// The look at parked runs goes on where the last one ended, and begins anew at the end.
func TestSweepLooksAtAllInTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path, sqlitestore.Options{})
	db := handle(t, path)
	at, later := domain.FormatTime(time.Now()), domain.FormatTime(farAway)
	const runs = 2*20000 + 5 // more than two looks
	exec(t, db, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
		INSERT INTO workflow_runs (namespace_id, id, workflow_name, status, config, attempts, available_at, created_at, updated_at)
		SELECT 'default', printf('r%06d', i), 'w', 'running', '{}', 1, ?2, ?3, ?3 FROM n`, runs, later, at)
	exec(t, db, `INSERT INTO step_attempts (namespace_id, id, workflow_run_id, step_name, kind, status, config, context, created_at, updated_at)
		SELECT 'default', 'a' || id, id, 's', 'signal-wait', 'running', '{}', '{"signal":"x"}', ?1, ?1 FROM workflow_runs`, at)
	exec(t, db, `INSERT INTO workflow_signals (namespace_id, id, signal, workflow_run_id, step_attempt_id, created_at)
		SELECT 'default', id, 'x', workflow_run_id, id, ?1 FROM step_attempts WHERE workflow_run_id IN ('r000001', 'r030000', printf('r%06d', ?2))`, at, runs)
	woken := 0
	for range 3 {
		res, err := s.Sweep(t.Context(), ports.SweepRequest{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		woken += res.Woken
	}
	if woken != 3 {
		t.Errorf("three sweeps woke %d runs, want 3", woken)
	}
	exec(t, db, "UPDATE workflow_runs SET available_at = ? WHERE id = 'r000001'", later)
	if res, err := s.Sweep(t.Context(), ports.SweepRequest{Limit: 100}); err != nil || res.Woken != 1 {
		t.Errorf("from the beginning again: %+v, %v", res, err)
	}
}
