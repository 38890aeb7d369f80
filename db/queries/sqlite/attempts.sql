-- The part of a row that transitions look at.
-- name: GetAttemptHeads :many
SELECT id, workflow_run_id, kind, status, output, error, child_workflow_run_namespace_id, child_workflow_run_id
FROM step_attempts
WHERE namespace_id = sqlc.arg(namespace_id)
  AND id IN (SELECT json_each.value FROM json_each(sqlc.arg(ids)));

-- name: InsertAttempt :exec
INSERT INTO step_attempts (
  namespace_id, id, workflow_run_id, step_name, kind, status, config, context, output, error, final, retry_at,
  child_workflow_run_namespace_id, child_workflow_run_id, started_at, finished_at, created_at, updated_at
) VALUES (
  sqlc.arg(namespace_id), sqlc.arg(id), sqlc.arg(workflow_run_id), sqlc.arg(step_name), sqlc.arg(kind), sqlc.arg(status),
  sqlc.arg(config), sqlc.narg(context), sqlc.narg(output), sqlc.narg(error), sqlc.arg(final), sqlc.narg(retry_at),
  sqlc.narg(child_workflow_run_namespace_id), sqlc.narg(child_workflow_run_id),
  sqlc.narg(started_at), sqlc.narg(finished_at), sqlc.arg(created_at), sqlc.arg(updated_at)
);

-- The finish of a step that has no row yet, by a lease that the run's row grants. Without the lease the run's id is
-- NULL, which NOT NULL refuses, and a second row is refused by the primary key; both are ignored. (From a SELECT, SQLite would
-- insert by way of a temporary table.)
-- name: InsertPlainAttempt :execrows
INSERT OR IGNORE INTO step_attempts (
  namespace_id, id, workflow_run_id, step_name, kind, status, config, output, error, final, retry_at,
  started_at, finished_at, created_at, updated_at
) VALUES (
  sqlc.arg(namespace_id), sqlc.arg(id), (
    SELECT r.id FROM workflow_runs r
    WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = sqlc.arg(workflow_run_id)
      AND r.status = 'running' AND r.worker_id = sqlc.arg(worker_id) AND r.attempts = sqlc.arg(epoch)
  ),
  sqlc.arg(step_name), 'function', sqlc.arg(status), '{}', sqlc.narg(output), sqlc.narg(error), sqlc.arg(final),
  sqlc.narg(retry_at), sqlc.narg(started_at), sqlc.narg(finished_at), sqlc.arg(created_at), sqlc.arg(updated_at)
);

-- name: FinishAttempt :exec
UPDATE step_attempts SET
  status = sqlc.arg(status),
  output = sqlc.narg(output),
  error = sqlc.narg(error),
  final = sqlc.arg(final),
  retry_at = sqlc.narg(retry_at),
  finished_at = sqlc.narg(finished_at),
  updated_at = sqlc.arg(updated_at)
WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id);

-- name: LinkChild :exec
UPDATE step_attempts SET
  child_workflow_run_namespace_id = sqlc.narg(child_workflow_run_namespace_id),
  child_workflow_run_id = sqlc.narg(child_workflow_run_id),
  updated_at = sqlc.arg(updated_at)
WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id);

-- domain.ApplyClose for all open attempts of a run.
-- name: CloseAttempts :exec
UPDATE step_attempts SET
  status = 'failed',
  error = sqlc.narg(error),
  final = TRUE,
  finished_at = sqlc.narg(finished_at),
  updated_at = sqlc.arg(updated_at)
WHERE namespace_id = sqlc.arg(namespace_id)
  AND workflow_run_id = sqlc.arg(workflow_run_id)
  AND status = 'running';

-- name: GetHistory :many
SELECT * FROM step_attempts
WHERE namespace_id = sqlc.arg(namespace_id) AND workflow_run_id = sqlc.arg(workflow_run_id)
ORDER BY created_at, id;

-- name: GetOpenAttempts :many
SELECT * FROM step_attempts INDEXED BY step_attempts_open_idx
WHERE namespace_id = sqlc.arg(namespace_id) AND workflow_run_id = sqlc.arg(workflow_run_id) AND status = 'running'
ORDER BY created_at, id;

-- name: ListStepAttempts :many
SELECT * FROM step_attempts
WHERE namespace_id = sqlc.arg(namespace_id) AND workflow_run_id = sqlc.arg(workflow_run_id)
  AND (created_at, id) > (sqlc.arg(cursor_created_at), sqlc.arg(cursor_id))
ORDER BY created_at, id
LIMIT sqlc.arg(max_rows);

-- name: ListStepAttemptsBackwards :many
SELECT * FROM step_attempts
WHERE namespace_id = sqlc.arg(namespace_id) AND workflow_run_id = sqlc.arg(workflow_run_id)
  AND (created_at, id) < (sqlc.arg(cursor_created_at), sqlc.arg(cursor_id))
ORDER BY created_at DESC, id DESC
LIMIT sqlc.arg(max_rows);

-- The children of a run's open workflow steps; a child that does not exist has no status.
-- name: GetOpenChildren :many
SELECT a.id AS step_attempt_id, a.child_workflow_run_id, c.status, c.output, c.error, c.finished_at
FROM step_attempts a INDEXED BY step_attempts_open_idx
LEFT JOIN workflow_runs c
  ON c.namespace_id = a.child_workflow_run_namespace_id AND c.id = a.child_workflow_run_id
WHERE a.namespace_id = sqlc.arg(namespace_id) AND a.workflow_run_id = sqlc.arg(workflow_run_id)
  AND a.status = 'running' AND a.kind = 'workflow' AND a.child_workflow_run_id IS NOT NULL;

-- The run whose open workflow step waits for this child.
-- name: GetWaitingParent :one
SELECT workflow_run_id FROM step_attempts
WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id)
  AND kind = 'workflow' AND status = 'running'
  AND child_workflow_run_namespace_id = sqlc.arg(child_namespace_id)
  AND child_workflow_run_id = sqlc.arg(child_run_id);

-- Whether an open wait of the run has what it waits for.
-- name: IsRunSatisfied :one
SELECT CAST(EXISTS (
  SELECT 1 FROM step_attempts a INDEXED BY step_attempts_open_idx
  WHERE a.namespace_id = sqlc.arg(namespace_id) AND a.workflow_run_id = sqlc.arg(workflow_run_id) AND a.status = 'running'
    AND (
      (a.kind = 'signal-wait' AND EXISTS (
        SELECT 1 FROM workflow_signals s WHERE s.namespace_id = a.namespace_id AND s.step_attempt_id = a.id))
      OR (a.kind = 'workflow' AND EXISTS (
        SELECT 1 FROM workflow_runs c
        WHERE c.namespace_id = a.child_workflow_run_namespace_id AND c.id = a.child_workflow_run_id
          AND c.status IN ('completed', 'succeeded', 'failed', 'canceled')))
    )
) AS BOOLEAN) AS satisfied;
