-- name: CreateRun :execrows
INSERT INTO workflow_runs (
  namespace_id, id, workflow_name, version, status, idempotency_key, config, context, input, attempts,
  parent_step_attempt_namespace_id, parent_step_attempt_id, available_at, deadline_at, created_at, updated_at
) VALUES (
  sqlc.arg(namespace_id), sqlc.arg(id), sqlc.arg(workflow_name), sqlc.narg(version), 'pending',
  sqlc.narg(idempotency_key), sqlc.arg(config), sqlc.narg(context), sqlc.narg(input), 0,
  sqlc.narg(parent_step_attempt_namespace_id), sqlc.narg(parent_step_attempt_id),
  sqlc.narg(available_at), sqlc.narg(deadline_at), sqlc.arg(created_at), sqlc.arg(updated_at)
) ON CONFLICT (namespace_id, id) DO NOTHING;

-- name: GetRun :one
SELECT * FROM workflow_runs
WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id);

-- name: GetRuns :many
SELECT * FROM workflow_runs
WHERE namespace_id = sqlc.arg(namespace_id)
  AND id IN (SELECT json_each.value FROM json_each(sqlc.arg(ids)));

-- name: GetRunByIdempotencyKey :one
SELECT * FROM workflow_runs INDEXED BY workflow_runs_idempotency_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND workflow_name = sqlc.arg(workflow_name)
  AND idempotency_key = sqlc.arg(idempotency_key)
  AND created_at >= sqlc.arg(since)
ORDER BY created_at, id
LIMIT 1;

-- name: GetRunByParent :one
SELECT * FROM workflow_runs INDEXED BY workflow_runs_parent_step_idx
WHERE parent_step_attempt_namespace_id = sqlc.arg(parent_namespace_id)
  AND parent_step_attempt_id = sqlc.arg(parent_attempt_id)
  AND namespace_id = sqlc.arg(namespace_id)
ORDER BY created_at, id
LIMIT 1;

-- The part of a row that transitions look at and change: no payloads.
-- name: GetRunHeads :many
SELECT namespace_id, id, workflow_name, status, error, attempts, failures, recoveries,
  parent_step_attempt_namespace_id, parent_step_attempt_id, worker_id,
  available_at, deadline_at, started_at, finished_at
FROM workflow_runs
WHERE namespace_id = sqlc.arg(namespace_id)
  AND id IN (SELECT json_each.value FROM json_each(sqlc.arg(ids)));

-- name: GetRunStates :many
SELECT id, status, attempts, worker_id FROM workflow_runs
WHERE namespace_id = sqlc.arg(namespace_id)
  AND id IN (SELECT json_each.value FROM json_each(sqlc.arg(ids)));

-- All that a transition changes. An output is only ever added.
-- name: UpdateRun :exec
UPDATE workflow_runs SET
  status = sqlc.arg(status),
  output = coalesce(sqlc.narg(output), output),
  error = sqlc.narg(error),
  attempts = sqlc.arg(attempts),
  failures = sqlc.arg(failures),
  recoveries = sqlc.arg(recoveries),
  worker_id = sqlc.narg(worker_id),
  available_at = sqlc.narg(available_at),
  started_at = sqlc.narg(started_at),
  finished_at = sqlc.narg(finished_at),
  updated_at = sqlc.arg(updated_at)
WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id);

-- The end of a run that has no parent and nothing open, by a lease that its row grants.
-- name: EndPlainRun :execrows
UPDATE workflow_runs SET
  status = sqlc.arg(status),
  output = coalesce(sqlc.narg(output), output),
  error = sqlc.narg(error),
  recoveries = 0,
  worker_id = sqlc.narg(worker_id_after),
  available_at = NULL,
  finished_at = sqlc.narg(finished_at),
  updated_at = sqlc.arg(updated_at)
WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id)
  AND status = 'running' AND worker_id = sqlc.arg(worker_id) AND attempts = sqlc.arg(epoch);

-- name: ClearRecoveries :exec
UPDATE workflow_runs SET recoveries = 0
WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id);

-- name: ExtendLease :exec
UPDATE workflow_runs SET available_at = sqlc.narg(available_at), updated_at = sqlc.arg(updated_at)
WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id);

-- name: CountRuns :many
SELECT status, count(*) AS total FROM workflow_runs
WHERE namespace_id = sqlc.arg(namespace_id)
GROUP BY status;
