-- Fewer and better indexes: every claim, park and completion pays for each of them.
--
-- A query must be able to use one index only, also on a new table without statistics, where the planner
-- counts one row for every namespace and ties are decided by chance. So the primary keys are the only full
-- indexes that begin with a plain namespace_id; the others are partial on a condition that look-ups by id
-- do not state, or have namespace_id under a collation that only their own queries name: "C" and "POSIX",
-- which are the same order.

-- +goose Up

-- The claim of Go workers.
CREATE INDEX workflow_runs_claim_idx
  ON openworkflow.workflow_runs (namespace_id COLLATE "POSIX", workflow_name, (COALESCE(version, '')), available_at)
  WHERE status IN ('pending', 'running', 'sleeping');

-- The claim of TypeScript workers, which take whatever is due.
CREATE INDEX workflow_runs_due_idx
  ON openworkflow.workflow_runs (namespace_id, available_at)
  WHERE status IN ('pending', 'running', 'sleeping');

-- The sweep of deadlines, in both languages.
CREATE INDEX workflow_runs_deadline_idx
  ON openworkflow.workflow_runs (namespace_id, deadline_at)
  WHERE deadline_at IS NOT NULL AND status IN ('pending', 'running', 'sleeping');

CREATE INDEX workflow_runs_idempotency_idx
  ON openworkflow.workflow_runs (idempotency_key, workflow_name, namespace_id COLLATE "POSIX", created_at)
  WHERE idempotency_key IS NOT NULL;

-- Lists, newest first; those that went wrong are the ones that people look for among many that did not.
CREATE INDEX workflow_runs_listing_idx
  ON openworkflow.workflow_runs (namespace_id COLLATE "C", created_at, id COLLATE "C");
CREATE INDEX workflow_runs_unsuccessful_idx
  ON openworkflow.workflow_runs (namespace_id COLLATE "C", created_at, id COLLATE "C")
  WHERE status IN ('failed', 'canceled');

DROP INDEX IF EXISTS openworkflow.workflow_runs_status_available_at_created_at_idx;
DROP INDEX IF EXISTS openworkflow.workflow_runs_workflow_name_idempotency_key_created_at_idx;
DROP INDEX IF EXISTS openworkflow.workflow_runs_created_at_desc_idx;
DROP INDEX IF EXISTS openworkflow.workflow_runs_status_created_at_desc_idx;
DROP INDEX IF EXISTS openworkflow.workflow_runs_workflow_name_status_created_at_desc_idx;

-- A run's history, in both languages.
CREATE INDEX step_attempts_history_idx
  ON openworkflow.step_attempts (workflow_run_id, created_at, id COLLATE "C");

-- A run's open attempts, however long its history.
CREATE INDEX step_attempts_open_idx
  ON openworkflow.step_attempts (namespace_id COLLATE "C", workflow_run_id COLLATE "C")
  WHERE status = 'running';

DROP INDEX IF EXISTS openworkflow.step_attempts_workflow_run_created_at_idx;
DROP INDEX IF EXISTS openworkflow.step_attempts_workflow_run_step_name_created_at_idx;

-- +goose Down
CREATE INDEX workflow_runs_status_available_at_created_at_idx
  ON openworkflow.workflow_runs (namespace_id, status, available_at, created_at);
CREATE INDEX workflow_runs_workflow_name_idempotency_key_created_at_idx
  ON openworkflow.workflow_runs (namespace_id, workflow_name, idempotency_key, created_at);
CREATE INDEX workflow_runs_created_at_desc_idx
  ON openworkflow.workflow_runs (namespace_id, created_at DESC);
CREATE INDEX workflow_runs_status_created_at_desc_idx
  ON openworkflow.workflow_runs (namespace_id, status, created_at DESC);
CREATE INDEX workflow_runs_workflow_name_status_created_at_desc_idx
  ON openworkflow.workflow_runs (namespace_id, workflow_name, status, created_at DESC);
CREATE INDEX step_attempts_workflow_run_created_at_idx
  ON openworkflow.step_attempts (namespace_id, workflow_run_id, created_at);
CREATE INDEX step_attempts_workflow_run_step_name_created_at_idx
  ON openworkflow.step_attempts (namespace_id, workflow_run_id, step_name, created_at);

DROP INDEX openworkflow.step_attempts_open_idx;
DROP INDEX openworkflow.step_attempts_history_idx;
DROP INDEX openworkflow.workflow_runs_unsuccessful_idx;
DROP INDEX openworkflow.workflow_runs_listing_idx;
DROP INDEX openworkflow.workflow_runs_idempotency_idx;
DROP INDEX openworkflow.workflow_runs_deadline_idx;
DROP INDEX openworkflow.workflow_runs_due_idx;
DROP INDEX openworkflow.workflow_runs_claim_idx;
