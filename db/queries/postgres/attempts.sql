-- Attempts of runs whose rows are locked. The inner one-row selects are the fence; they look up the primary
-- key and nothing else: a status compared as (status || ''), and a column compared within COALESCE, make no
-- other index eligible.

-- name: InsertAttempts :execrows
INSERT INTO openworkflow.step_attempts AS a (
  namespace_id, id, workflow_run_id, step_name, kind, status, config, context, started_at, created_at, updated_at
)
SELECT sqlc.arg(namespace_id), t.id, r.id, t.step_name, t.kind, 'running', t.config::jsonb, NULLIF(t.context, '')::jsonb,
  COALESCE(NULLIF(t.started_at, '0001-01-01 00:00:00Z'::timestamptz), now()),
  date_trunc('milliseconds', COALESCE(NULLIF(t.started_at, '0001-01-01 00:00:00Z'::timestamptz), now())),
  now()
FROM (
  SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(run_ids)::text[]) AS run_id,
    unnest(sqlc.arg(worker_ids)::text[]) AS worker_id, unnest(sqlc.arg(epochs)::int[]) AS epoch,
    unnest(sqlc.arg(step_names)::text[]) AS step_name, unnest(sqlc.arg(kinds)::text[]) AS kind,
    unnest(sqlc.arg(configs)::text[]) AS config, unnest(sqlc.arg(contexts)::text[]) AS context,
    unnest(sqlc.arg(started_ats)::timestamptz[]) AS started_at
) t
CROSS JOIN LATERAL (
  SELECT w.id FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = t.run_id
    AND (w.status || '') = 'running' AND w.worker_id = t.worker_id AND w.attempts = t.epoch
  LIMIT 1
) r
ON CONFLICT (namespace_id, id) DO NOTHING;

-- Locks the runs too, in the order given, for flushes that do not lock them before; where they are locked
-- that costs little.
-- name: FinishAttempts :execrows
INSERT INTO openworkflow.step_attempts AS a (
  namespace_id, id, workflow_run_id, step_name, kind, status, config, context, output, error, final, retry_at,
  started_at, finished_at, created_at, updated_at
)
SELECT sqlc.arg(namespace_id), f.id, f.run_id, f.step_name, f.kind, f.status, f.config::jsonb,
  NULLIF(f.context, '')::jsonb, NULLIF(f.output, '')::jsonb, NULLIF(f.error, '')::jsonb,
  f.final, NULLIF(f.retry_at, '0001-01-01 00:00:00Z'::timestamptz),
  COALESCE(NULLIF(f.started_at, '0001-01-01 00:00:00Z'::timestamptz), now()),
  COALESCE(NULLIF(f.finished_at, '0001-01-01 00:00:00Z'::timestamptz), now()),
  date_trunc('milliseconds', COALESCE(NULLIF(f.started_at, '0001-01-01 00:00:00Z'::timestamptz), now())),
  now()
FROM (
  SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(run_ids)::text[]) AS run_id,
    unnest(sqlc.arg(worker_ids)::text[]) AS worker_id, unnest(sqlc.arg(epochs)::int[]) AS epoch,
    unnest(sqlc.arg(step_names)::text[]) AS step_name, unnest(sqlc.arg(kinds)::text[]) AS kind,
    unnest(sqlc.arg(statuses)::text[]) AS status,
    unnest(sqlc.arg(configs)::text[]) AS config, unnest(sqlc.arg(contexts)::text[]) AS context,
    unnest(sqlc.arg(outputs)::text[]) AS output, unnest(sqlc.arg(errors)::text[]) AS error,
    unnest(sqlc.arg(finals)::boolean[]) AS final, unnest(sqlc.arg(retry_ats)::timestamptz[]) AS retry_at,
    unnest(sqlc.arg(started_ats)::timestamptz[]) AS started_at,
    unnest(sqlc.arg(finished_ats)::timestamptz[]) AS finished_at,
    unnest(sqlc.arg(timeouts)::boolean[]) AS timeout
) f
CROSS JOIN LATERAL (
  SELECT w.id FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = f.run_id
    AND (w.status || '') = 'running' AND w.worker_id = f.worker_id AND w.attempts = f.epoch
  LIMIT 1
  FOR NO KEY UPDATE
) r
WHERE NOT f.timeout OR (
  SELECT s.id FROM openworkflow.workflow_signals s
  WHERE s.namespace_id = sqlc.arg(namespace_id) AND s.step_attempt_id = f.id
  LIMIT 1
) IS NULL
ON CONFLICT (namespace_id, id) DO UPDATE SET
  status = excluded.status, output = excluded.output, error = excluded.error, final = excluded.final,
  retry_at = excluded.retry_at, finished_at = excluded.finished_at, updated_at = excluded.updated_at
  WHERE a.status = 'running' AND a.workflow_run_id = excluded.workflow_run_id;

-- For attempts that this transaction finished.
-- name: ClearRecoveries :exec
INSERT INTO openworkflow.workflow_runs AS c (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, w.status, '{}'::jsonb, w.attempts, w.created_at, w.updated_at
FROM (
  SELECT DISTINCT a.workflow_run_id AS id
  FROM (SELECT unnest(sqlc.arg(attempt_ids)::text[]) AS id) t
  CROSS JOIN LATERAL (
    SELECT s.workflow_run_id FROM openworkflow.step_attempts s
    WHERE s.namespace_id = sqlc.arg(namespace_id) AND s.id = t.id AND (s.updated_at + INTERVAL '0') = now()
    LIMIT 1
  ) a
) p
CROSS JOIN LATERAL (
  SELECT x.* FROM openworkflow.workflow_runs x
  WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = p.id AND x.recoveries > 0
  LIMIT 1
) w
ON CONFLICT (namespace_id, id) DO UPDATE SET recoveries = 0;

-- What the attempts are that a transition did not write.
-- name: GetAttemptHeads :many
SELECT a.id, a.workflow_run_id, a.status, a.output, a.error, a.child_workflow_run_id
FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT s.* FROM openworkflow.step_attempts s
  WHERE s.namespace_id = sqlc.arg(namespace_id) AND s.id = t.id
  LIMIT 1
) a;

-- Closes the open attempts of the runs that this transaction ended in the given status.
-- name: CloseAttempts :exec
INSERT INTO openworkflow.step_attempts AS a (
  namespace_id, id, workflow_run_id, step_name, kind, status, config, error, created_at, updated_at
)
SELECT sqlc.arg(namespace_id), o.id, o.workflow_run_id, o.step_name, o.kind, 'failed', '{}'::jsonb,
  sqlc.arg(error)::text::jsonb, o.created_at, now()
FROM (SELECT unnest(sqlc.arg(run_ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT s.* FROM openworkflow.step_attempts s
  WHERE s.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND s.workflow_run_id COLLATE "C" = t.id
    AND s.status = 'running'
  OFFSET 0
) o
CROSS JOIN LATERAL (
  SELECT w.id FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = o.workflow_run_id
    AND (w.status || '') = sqlc.arg(run_status)::text AND w.finished_at = now()
  LIMIT 1
) r
ON CONFLICT (namespace_id, id) DO UPDATE SET
  status = excluded.status, error = excluded.error, final = true, finished_at = now(), updated_at = now();

-- name: LinkChildren :many
INSERT INTO openworkflow.step_attempts AS a (
  namespace_id, id, workflow_run_id, step_name, kind, status, config, created_at, updated_at,
  child_workflow_run_namespace_id, child_workflow_run_id
)
SELECT x.namespace_id, x.id, x.workflow_run_id, x.step_name, x.kind, x.status, x.config, x.created_at, now(),
  sqlc.arg(namespace_id)::text, c.id
FROM (
  SELECT unnest(sqlc.arg(attempt_ids)::text[]) AS attempt_id, unnest(sqlc.arg(run_ids)::text[]) AS run_id,
    unnest(sqlc.arg(worker_ids)::text[]) AS worker_id, unnest(sqlc.arg(epochs)::int[]) AS epoch,
    unnest(sqlc.arg(child_ids)::text[]) AS child_id, unnest(sqlc.arg(workflow_names)::text[]) AS workflow_name,
    unnest(sqlc.arg(idempotency_keys)::text[]) AS idempotency_key, unnest(sqlc.arg(windows)::bigint[]) AS key_window
) t
CROSS JOIN LATERAL (
  SELECT w.id FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = t.run_id
    AND (w.status || '') = 'running' AND w.worker_id = t.worker_id AND w.attempts = t.epoch
  LIMIT 1
) r
CROSS JOIN LATERAL (
  SELECT s.* FROM openworkflow.step_attempts s
  WHERE s.namespace_id = sqlc.arg(namespace_id) AND s.id = t.attempt_id AND (s.workflow_run_id || '') = t.run_id
    AND (s.status || '') = 'running' AND s.child_workflow_run_id IS NULL
  LIMIT 1
) x
CROSS JOIN LATERAL (
  SELECT COALESCE(
    (SELECT p.id FROM openworkflow.workflow_runs p
      WHERE p.parent_step_attempt_namespace_id = sqlc.arg(namespace_id) AND p.parent_step_attempt_id = t.attempt_id
        AND (p.namespace_id || '') = sqlc.arg(namespace_id)
      ORDER BY p.created_at, p.id COLLATE "C" LIMIT 1),
    (SELECT i.id FROM openworkflow.workflow_runs i
      WHERE i.namespace_id = sqlc.arg(namespace_id) AND i.id = t.child_id LIMIT 1),
    (SELECT k.id FROM openworkflow.workflow_runs k
      WHERE k.namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND k.workflow_name = t.workflow_name
        AND k.idempotency_key = t.idempotency_key
        AND k.created_at >= now() - t.key_window * INTERVAL '1 microsecond'
      ORDER BY k.created_at, k.id COLLATE "C" LIMIT 1)
  )::text AS id
) c
WHERE c.id IS NOT NULL
ON CONFLICT (namespace_id, id) DO UPDATE SET
  child_workflow_run_namespace_id = excluded.child_workflow_run_namespace_id,
  child_workflow_run_id = excluded.child_workflow_run_id, updated_at = excluded.updated_at
RETURNING a.id;

-- name: GetHistories :many
SELECT * FROM openworkflow.step_attempts
WHERE (namespace_id || '') = sqlc.arg(namespace_id)::text AND workflow_run_id = ANY (sqlc.arg(run_ids)::text[])
ORDER BY created_at, id COLLATE "C";

-- name: GetOpenAttempts :many
SELECT a.*
FROM (SELECT unnest(sqlc.arg(run_ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT s.* FROM openworkflow.step_attempts s
  WHERE s.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND s.workflow_run_id COLLATE "C" = t.id
    AND s.status = 'running'
  OFFSET 0
) a
ORDER BY a.created_at, a.id COLLATE "C";

-- name: GetDeliveredSignals :many
SELECT a.workflow_run_id, a.id, s.data
FROM (SELECT unnest(sqlc.arg(run_ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT o.id, o.workflow_run_id FROM openworkflow.step_attempts o
  WHERE o.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND o.workflow_run_id COLLATE "C" = t.id
    AND o.status = 'running'
  OFFSET 0
) a
CROSS JOIN LATERAL (
  SELECT w.data FROM openworkflow.workflow_signals w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.step_attempt_id = a.id
  LIMIT 1
) s;

-- The linked children of open workflow steps; no status stands for a child that does not exist.
-- name: GetOpenChildren :many
SELECT a.workflow_run_id, a.id, a.child_workflow_run_id, COALESCE(c.status, '')::text AS status, c.output, c.error, c.finished_at
FROM (SELECT unnest(sqlc.arg(run_ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT o.id, o.workflow_run_id, o.child_workflow_run_id FROM openworkflow.step_attempts o
  WHERE o.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND o.workflow_run_id COLLATE "C" = t.id
    AND o.status = 'running' AND o.kind = 'workflow'
    AND COALESCE(o.child_workflow_run_namespace_id, '') = sqlc.arg(namespace_id) AND COALESCE(o.child_workflow_run_id, '') <> ''
  OFFSET 0
) a
LEFT JOIN LATERAL (
  SELECT w.status, w.output, w.error, w.finished_at FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = a.child_workflow_run_id
  LIMIT 1
) c ON true;

-- name: ListStepAttempts :many
SELECT * FROM openworkflow.step_attempts
WHERE (namespace_id || '') = sqlc.arg(namespace_id)::text AND workflow_run_id = sqlc.arg(run_id)
  AND (created_at, id COLLATE "C") > (sqlc.arg(after_created_at)::timestamptz, sqlc.arg(after_id)::text)
ORDER BY created_at, id COLLATE "C"
LIMIT sqlc.arg(row_limit);

-- name: ListStepAttemptsBackwards :many
SELECT * FROM openworkflow.step_attempts
WHERE (namespace_id || '') = sqlc.arg(namespace_id)::text AND workflow_run_id = sqlc.arg(run_id)
  AND (created_at, id COLLATE "C") < (sqlc.arg(before_created_at)::timestamptz, sqlc.arg(before_id)::text)
ORDER BY created_at DESC, id COLLATE "C" DESC
LIMIT sqlc.arg(row_limit);
