package pgstore_test

import (
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func (st *stage) sweep() ports.SweepResult {
	st.Helper()
	res, err := st.s.Sweep(testContext(st.T), ports.SweepRequest{Workflows: []domain.WorkflowKey{{Name: "w", Version: "2"}, {Name: "w"}}, Limit: 100})
	if err != nil {
		st.Fatal(err)
	}
	if res.Now.IsZero() {
		st.Error("a sweep does not say what time it is")
	}
	return res
}

// TypeScript ends a child, and dies before it wakes the parent.
func TestSweepWakesForgottenParent(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	parent := st.owned("parent")
	st.ok(startChild(parent, "child"), park(parent))
	child := st.claim("child")
	execute(t, st.conn, `update "`+st.schema+`".workflow_runs set status = 'failed', worker_id = null, available_at = null, finished_at = now() where id = $1`, child.RunID)
	if res := st.sweep(); res.Woken != 1 || res.More {
		t.Errorf("swept %+v, want one woken", res)
	}
	st.isDue(parent.RunID)
	if res := st.sweep(); res.Woken != 0 {
		t.Errorf("swept again: %+v", res)
	}
}

// A TypeScript worker puts off what it does not know; the next sweep of a Go worker that does takes it back.
func TestSweepRequeuesUnregistered(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	for _, r := range []struct{ id, version, message string }{
		{"plain", "", `Workflow "w" is not registered`},
		{"version", "2", `Workflow "w" (version: 2) is not registered`},
		{"unknown version", "3", `Workflow "w" (version: 3) is not registered`},
		{"other trouble", "", `no`},
	} {
		execute(t, st.conn, `insert into "`+st.schema+`".workflow_runs (namespace_id, id, workflow_name, version, status, config, error, attempts, available_at, created_at, updated_at)
			values ('default', $1, 'w', nullif($2, ''), 'pending', '{}', jsonb_build_object('message', $3::text), 4, now() + interval '40 s', now(), now())`, r.id, r.version, r.message)
	}
	if res := st.sweep(); res.Requeued != 2 {
		t.Errorf("swept %+v, want two requeued", res)
	}
	if l := st.claim("w"); l.RunID != "plain" {
		t.Errorf("claimed %s", l.RunID)
	}
}

// A wait that TypeScript opened does not look into the buffer.
func TestSweepDeliversToTypeScriptWait(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	l := st.owned("w")
	st.ok(park(l))
	sent := []domain.Signal{
		{ID: domain.NewID(), Name: "go", Key: "1", Buffer: time.Hour}, {ID: domain.NewID(), Name: "go", Key: "2", Buffer: time.Hour},
		{ID: domain.NewID(), Name: "gone", Key: "3", Buffer: time.Microsecond},
	}
	if _, err := st.s.SendSignals(testContext(t), sent); err != nil {
		t.Fatal(err)
	}
	wait := waitFor(l, "go").Attempt
	execute(t, st.conn, `insert into "`+st.schema+`".step_attempts (namespace_id, id, workflow_run_id, step_name, kind, status, config, context, started_at, created_at, updated_at)
		values ('default', $1, $2, 's', 'signal-wait', 'running', '{}', $3, now(), now(), now())`, wait.ID, l.RunID, string(wait.Context))
	if res := st.sweep(); res.Delivered != 1 || res.Deleted != 1 {
		t.Errorf("swept %+v, want one delivered and one deleted", res)
	}
	st.isDue(l.RunID)
	if key := scalar[string](t, st.conn, `select sender_idempotency_key from "`+st.schema+`".workflow_signals where step_attempt_id = $1`, wait.ID); key != "1" {
		t.Errorf("the wait got signal %s, want the oldest", key)
	}
	if res := st.sweep(); res.Delivered != 0 {
		t.Errorf("swept again: %+v", res)
	}
}

// While one sweep is at work, another one of the namespace is skipped.
func TestSweepIsElected(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	l := st.owned("w")
	execute(t, st.conn, `update "`+st.schema+`".workflow_runs set deadline_at = now() - interval '1 s' where id = $1`, l.RunID)
	st.begin()
	execute(t, st.conn, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, `["openworkflow","sweep","`+st.schema+`","default",""]`)
	if res := st.sweep(); !res.Skipped || res.Expired != 0 {
		t.Errorf("a second sweep: %+v, want it skipped", res)
	}
	if res, err := st.s.WithNamespace("other").Sweep(testContext(t), ports.SweepRequest{Limit: 1}); err != nil || res.Skipped {
		t.Errorf("another namespace's: %+v, %v", res, err)
	}
	st.end()
	if res := st.sweep(); res.Skipped || res.Expired != 1 {
		t.Errorf("when the first is over: %+v, want one expired", res)
	}
}
