-- New runs, but for those whose idempotency key binds to another. It fails where a run with the id exists, which only
-- a start that is repeated finds: ON CONFLICT would cost each of the others a quarter more.
-- name: InsertRuns :exec
INSERT INTO openworkflow.workflow_runs (
  namespace_id, id, workflow_name, version, status, idempotency_key, config, context, input, attempts,
  parent_step_attempt_namespace_id, parent_step_attempt_id, available_at, deadline_at, created_at, updated_at
)
SELECT sqlc.arg(namespace_id), t.id, t.workflow_name, NULLIF(t.version, ''), 'pending', NULLIF(t.idempotency_key, ''),
  t.config::jsonb, NULLIF(t.context, '')::jsonb, t.input::jsonb, 0,
  NULLIF(t.parent_namespace_id, ''), NULLIF(t.parent_attempt_id, ''),
  COALESCE(NULLIF(t.start_at, '0001-01-01 00:00:00Z'::timestamptz), now() + t.start_after * INTERVAL '1 microsecond'),
  NULLIF(t.deadline_at, '0001-01-01 00:00:00Z'::timestamptz),
  date_trunc('milliseconds', now()), now()
FROM (
  SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(workflow_names)::text[]) AS workflow_name,
    unnest(sqlc.arg(versions)::text[]) AS version, unnest(sqlc.arg(idempotency_keys)::text[]) AS idempotency_key,
    unnest(sqlc.arg(windows)::bigint[]) AS key_window, unnest(sqlc.arg(configs)::text[]) AS config,
    unnest(sqlc.arg(contexts)::text[]) AS context, unnest(sqlc.arg(inputs)::text[]) AS input,
    unnest(sqlc.arg(parent_namespace_ids)::text[]) AS parent_namespace_id,
    unnest(sqlc.arg(parent_attempt_ids)::text[]) AS parent_attempt_id,
    unnest(sqlc.arg(start_ats)::timestamptz[]) AS start_at, unnest(sqlc.arg(start_afters)::bigint[]) AS start_after,
    unnest(sqlc.arg(deadline_ats)::timestamptz[]) AS deadline_at
) t
WHERE t.idempotency_key = '' OR (
  SELECT k.id FROM openworkflow.workflow_runs k
  WHERE k.namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND k.workflow_name = t.workflow_name
    AND k.idempotency_key = t.idempotency_key
    AND k.created_at >= now() - t.key_window * INTERVAL '1 microsecond'
  LIMIT 1
) IS NULL;

-- One run without an idempotency key, which most starts are: planning aside, arrays cost as much as the row.
-- name: InsertRun :exec
INSERT INTO openworkflow.workflow_runs (
  namespace_id, id, workflow_name, version, status, config, context, input, attempts,
  parent_step_attempt_namespace_id, parent_step_attempt_id, available_at, deadline_at, created_at, updated_at
) VALUES (
  sqlc.arg(namespace_id), sqlc.arg(id), sqlc.arg(workflow_name), sqlc.narg(version)::text, 'pending',
  sqlc.arg(config)::text::jsonb, sqlc.narg(context)::text::jsonb, sqlc.arg(input)::text::jsonb, 0,
  sqlc.narg(parent_namespace_id)::text, sqlc.narg(parent_attempt_id)::text,
  COALESCE(sqlc.narg(start_at)::timestamptz, now() + sqlc.arg(start_after)::bigint * INTERVAL '1 microsecond'),
  sqlc.narg(deadline_at)::timestamptz, date_trunc('milliseconds', now()), now()
);

-- The children that open workflow steps do not have yet.
-- name: InsertChildren :many
INSERT INTO openworkflow.workflow_runs AS r (
  namespace_id, id, workflow_name, version, status, idempotency_key, config, context, input, attempts,
  parent_step_attempt_namespace_id, parent_step_attempt_id, available_at, deadline_at, created_at, updated_at
)
SELECT sqlc.arg(namespace_id), t.id, t.workflow_name, NULLIF(t.version, ''), 'pending', NULLIF(t.idempotency_key, ''),
  '{}'::jsonb, NULLIF(t.context, '')::jsonb, t.input::jsonb, 0, sqlc.arg(namespace_id), x.id,
  COALESCE(NULLIF(t.start_at, '0001-01-01 00:00:00Z'::timestamptz), now() + t.start_after * INTERVAL '1 microsecond'),
  NULLIF(t.deadline_at, '0001-01-01 00:00:00Z'::timestamptz),
  date_trunc('milliseconds', now()), now()
FROM (
  SELECT unnest(sqlc.arg(attempt_ids)::text[]) AS attempt_id, unnest(sqlc.arg(run_ids)::text[]) AS run_id,
    unnest(sqlc.arg(worker_ids)::text[]) AS worker_id, unnest(sqlc.arg(epochs)::int[]) AS epoch,
    unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(workflow_names)::text[]) AS workflow_name,
    unnest(sqlc.arg(versions)::text[]) AS version, unnest(sqlc.arg(idempotency_keys)::text[]) AS idempotency_key,
    unnest(sqlc.arg(windows)::bigint[]) AS key_window,
    unnest(sqlc.arg(contexts)::text[]) AS context, unnest(sqlc.arg(inputs)::text[]) AS input,
    unnest(sqlc.arg(start_ats)::timestamptz[]) AS start_at, unnest(sqlc.arg(start_afters)::bigint[]) AS start_after,
    unnest(sqlc.arg(deadline_ats)::timestamptz[]) AS deadline_at
) t
CROSS JOIN LATERAL (
  SELECT w.id FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = t.run_id
    AND (w.status || '') = 'running' AND w.worker_id = t.worker_id AND w.attempts = t.epoch
  LIMIT 1
) f
CROSS JOIN LATERAL (
  SELECT a.id FROM openworkflow.step_attempts a
  WHERE a.namespace_id = sqlc.arg(namespace_id) AND a.id = t.attempt_id AND (a.workflow_run_id || '') = t.run_id
    AND (a.status || '') = 'running' AND a.child_workflow_run_id IS NULL
  LIMIT 1
) x
WHERE (
  SELECT p.id FROM openworkflow.workflow_runs p
  WHERE p.parent_step_attempt_namespace_id = sqlc.arg(namespace_id) AND p.parent_step_attempt_id = t.attempt_id
    AND (p.namespace_id || '') = sqlc.arg(namespace_id)
  LIMIT 1
) IS NULL AND (t.idempotency_key = '' OR (
  SELECT k.id FROM openworkflow.workflow_runs k
  WHERE k.namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND k.workflow_name = t.workflow_name
    AND k.idempotency_key = t.idempotency_key
    AND k.created_at >= now() - t.key_window * INTERVAL '1 microsecond'
  LIMIT 1
) IS NULL)
ON CONFLICT (namespace_id, id) DO NOTHING
RETURNING r.id, r.workflow_name, (r.available_at <= now())::boolean AS due;

-- Which run stands for each that was asked for: the one with its id, else the oldest with its key.
-- name: GetStandingRuns :many
SELECT t.id::text AS asked, COALESCE(
  (SELECT i.id FROM openworkflow.workflow_runs i
    WHERE i.namespace_id = sqlc.arg(namespace_id) AND i.id = t.id LIMIT 1),
  (SELECT k.id FROM openworkflow.workflow_runs k
    WHERE k.namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND k.workflow_name = t.workflow_name
      AND k.idempotency_key = t.idempotency_key
      AND k.created_at >= now() - t.key_window * INTERVAL '1 microsecond'
    ORDER BY k.created_at, k.id COLLATE "C" LIMIT 1),
  '')::text AS id
FROM (
  SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(workflow_names)::text[]) AS workflow_name,
    unnest(sqlc.arg(idempotency_keys)::text[]) AS idempotency_key, unnest(sqlc.arg(windows)::bigint[]) AS key_window
) t;

-- name: GetRuns :many
SELECT r.*
FROM (SELECT DISTINCT unnest(sqlc.arg(ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT w.* FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = t.id
  LIMIT 1
) r;

-- name: GetRunStates :many
SELECT r.id, r.status, r.attempts, r.worker_id
FROM (SELECT DISTINCT unnest(sqlc.arg(ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT w.id, w.status, w.attempts, w.worker_id FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = t.id
  LIMIT 1
) r;

-- name: CountRuns :many
SELECT status, count(*) AS runs FROM openworkflow.workflow_runs
WHERE namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text
GROUP BY status;

-- From one place to another, as the one thing that bounds the walk along the index: the end is the filter's oldest
-- time, or where it has to stop looking.
-- name: ListRuns :many
SELECT namespace_id, id, workflow_name, version, status, idempotency_key, config, context,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE input END)::jsonb AS input,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE output END)::jsonb AS output,
  error, attempts, parent_step_attempt_namespace_id, parent_step_attempt_id, worker_id, available_at, deadline_at,
  started_at, finished_at, created_at, updated_at, failures, recoveries
FROM openworkflow.workflow_runs
WHERE namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text
  AND (created_at, id COLLATE "C") < (sqlc.arg(before_created_at)::timestamptz, sqlc.arg(before_id)::text)
  AND (created_at, id COLLATE "C") >= (sqlc.arg(end_created_at)::timestamptz, sqlc.arg(end_id)::text)
  AND (sqlc.narg(statuses)::text[] IS NULL OR status = ANY (sqlc.narg(statuses)::text[]))
  AND (sqlc.narg(workflow_name)::text IS NULL OR workflow_name = sqlc.narg(workflow_name))
  AND (sqlc.narg(version)::text IS NULL OR version = sqlc.narg(version))
ORDER BY created_at DESC, id COLLATE "C" DESC
LIMIT sqlc.arg(row_limit);

-- name: ListRunsBackwards :many
SELECT namespace_id, id, workflow_name, version, status, idempotency_key, config, context,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE input END)::jsonb AS input,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE output END)::jsonb AS output,
  error, attempts, parent_step_attempt_namespace_id, parent_step_attempt_id, worker_id, available_at, deadline_at,
  started_at, finished_at, created_at, updated_at, failures, recoveries
FROM openworkflow.workflow_runs
WHERE namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text
  AND (created_at, id COLLATE "C") > (sqlc.arg(after_created_at)::timestamptz, sqlc.arg(after_id)::text)
  AND (created_at, id COLLATE "C") <= (sqlc.arg(end_created_at)::timestamptz, sqlc.arg(end_id)::text)
  AND (sqlc.narg(statuses)::text[] IS NULL OR status = ANY (sqlc.narg(statuses)::text[]))
  AND (sqlc.narg(workflow_name)::text IS NULL OR workflow_name = sqlc.narg(workflow_name))
  AND (sqlc.narg(version)::text IS NULL OR version = sqlc.narg(version))
ORDER BY created_at, id COLLATE "C"
LIMIT sqlc.arg(row_limit);
