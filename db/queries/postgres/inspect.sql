-- What people and monitoring look at. No statement looks at more rows than it is told to: each reads an index in
-- its order, up to a limit, and says how many it has seen. Runs are looked at from three sides: the newest ones
-- by the index of lists, those that have not ended by the index of due times, and those that went wrong.

-- The three sides must be walked and not sorted, whatever the planner believes about a table that it has no
-- statistics of.
-- name: SetScanning :exec
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
  set_config('enable_sort', 'off', true);

-- Where a page that a filter is applied to has to stop looking: the place of the last row of so many.
-- name: GetListEnd :many
SELECT created_at, id FROM openworkflow.workflow_runs
WHERE namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text
  AND (created_at, id COLLATE "C") < (sqlc.arg(before_created_at)::timestamptz, sqlc.arg(before_id)::text)
  AND (created_at, id COLLATE "C") >= (sqlc.arg(end_created_at)::timestamptz, sqlc.arg(end_id)::text)
  AND (sqlc.narg(statuses)::text[] IS NULL OR status = ANY (sqlc.narg(statuses)::text[]))
ORDER BY created_at DESC, id COLLATE "C" DESC
LIMIT 1 OFFSET sqlc.arg(skipped);

-- name: GetListEndBackwards :many
SELECT created_at, id FROM openworkflow.workflow_runs
WHERE namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text
  AND (created_at, id COLLATE "C") > (sqlc.arg(after_created_at)::timestamptz, sqlc.arg(after_id)::text)
  AND (created_at, id COLLATE "C") <= (sqlc.arg(end_created_at)::timestamptz, sqlc.arg(end_id)::text)
  AND (sqlc.narg(statuses)::text[] IS NULL OR status = ANY (sqlc.narg(statuses)::text[]))
ORDER BY created_at, id COLLATE "C"
LIMIT 1 OFFSET sqlc.arg(skipped);

-- How many runs have not ended, up to a limit.
-- name: CountLiveRuns :many
SELECT count(*) AS runs FROM (
  SELECT 1 FROM openworkflow.workflow_runs
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  ORDER BY available_at
  LIMIT sqlc.arg(scan_limit)
) s;

-- A page of runs that have not ended, where there are few enough to sort them.
-- name: ListLiveRuns :many
SELECT r.namespace_id, r.id, r.workflow_name, r.version, r.status, r.idempotency_key, r.config, r.context,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE r.input END)::jsonb AS input,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE r.output END)::jsonb AS output,
  r.error, r.attempts, r.parent_step_attempt_namespace_id, r.parent_step_attempt_id, r.worker_id, r.available_at, r.deadline_at,
  r.started_at, r.finished_at, r.created_at, r.updated_at, r.failures, r.recoveries
FROM (
  SELECT * FROM openworkflow.workflow_runs
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  ORDER BY available_at
  OFFSET 0
) r
WHERE (r.created_at, r.id COLLATE "C") < (sqlc.arg(before_created_at)::timestamptz, sqlc.arg(before_id)::text)
  AND (r.created_at, r.id COLLATE "C") >= (sqlc.arg(end_created_at)::timestamptz, sqlc.arg(end_id)::text)
  AND r.status = ANY (sqlc.arg(statuses)::text[])
  AND (sqlc.narg(workflow_name)::text IS NULL OR r.workflow_name = sqlc.narg(workflow_name))
  AND (sqlc.narg(version)::text IS NULL OR r.version = sqlc.narg(version))
ORDER BY r.created_at DESC, r.id COLLATE "C" DESC
LIMIT sqlc.arg(row_limit);

-- name: ListLiveRunsBackwards :many
SELECT r.namespace_id, r.id, r.workflow_name, r.version, r.status, r.idempotency_key, r.config, r.context,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE r.input END)::jsonb AS input,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE r.output END)::jsonb AS output,
  r.error, r.attempts, r.parent_step_attempt_namespace_id, r.parent_step_attempt_id, r.worker_id, r.available_at, r.deadline_at,
  r.started_at, r.finished_at, r.created_at, r.updated_at, r.failures, r.recoveries
FROM (
  SELECT * FROM openworkflow.workflow_runs
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  ORDER BY available_at
  OFFSET 0
) r
WHERE (r.created_at, r.id COLLATE "C") > (sqlc.arg(after_created_at)::timestamptz, sqlc.arg(after_id)::text)
  AND (r.created_at, r.id COLLATE "C") <= (sqlc.arg(end_created_at)::timestamptz, sqlc.arg(end_id)::text)
  AND r.status = ANY (sqlc.arg(statuses)::text[])
  AND (sqlc.narg(workflow_name)::text IS NULL OR r.workflow_name = sqlc.narg(workflow_name))
  AND (sqlc.narg(version)::text IS NULL OR r.version = sqlc.narg(version))
ORDER BY r.created_at, r.id COLLATE "C"
LIMIT sqlc.arg(row_limit);

-- The few runs that a list sorts by itself: those with a key.
-- name: GetRunsByKey :many
SELECT namespace_id, id, workflow_name, version, status, idempotency_key, config, context,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE input END)::jsonb AS input,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE output END)::jsonb AS output,
  error, attempts, parent_step_attempt_namespace_id, parent_step_attempt_id, worker_id, available_at, deadline_at,
  started_at, finished_at, created_at, updated_at, failures, recoveries
FROM openworkflow.workflow_runs
WHERE namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND idempotency_key = sqlc.arg(idempotency_key)::text;

-- Or those that a worker holds: leases end before most of what sleeps wakes.
-- name: GetHeldRuns :many
SELECT r.namespace_id, r.id, r.workflow_name, r.version, r.status, r.idempotency_key, r.config, r.context,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE r.input END)::jsonb AS input,
  (CASE WHEN sqlc.arg(without_payloads)::boolean THEN NULL ELSE r.output END)::jsonb AS output,
  r.error, r.attempts, r.parent_step_attempt_namespace_id, r.parent_step_attempt_id, r.worker_id, r.available_at, r.deadline_at,
  r.started_at, r.finished_at, r.created_at, r.updated_at, r.failures, r.recoveries
FROM (
  SELECT * FROM openworkflow.workflow_runs
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping') AND available_at > now()
  ORDER BY available_at
  LIMIT sqlc.arg(scan_limit)
) r
WHERE r.status = 'running' AND r.worker_id = sqlc.arg(worker_id)::text;

-- name: CountLeases :many
SELECT r.worker_id::text AS worker_id, count(*) AS runs FROM (
  SELECT status, worker_id FROM openworkflow.workflow_runs
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping') AND available_at > now()
  ORDER BY available_at
  LIMIT sqlc.arg(scan_limit)
) r
WHERE r.status = 'running' AND r.worker_id IS NOT NULL
GROUP BY r.worker_id;

-- name: TallyNewest :many
SELECT r.status, count(*) AS looked, count(*) FILTER (
  WHERE (sqlc.narg(workflow_name)::text IS NULL OR r.workflow_name = sqlc.narg(workflow_name))
    AND (sqlc.narg(version)::text IS NULL OR r.version = sqlc.narg(version))
) AS runs FROM (
  SELECT status, workflow_name, version FROM openworkflow.workflow_runs
  WHERE namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text
    AND created_at >= sqlc.arg(created_after)::timestamptz AND created_at < sqlc.arg(created_before)::timestamptz
    AND (sqlc.narg(statuses)::text[] IS NULL OR status = ANY (sqlc.narg(statuses)::text[]))
  ORDER BY created_at DESC, id COLLATE "C" DESC
  LIMIT sqlc.arg(scan_limit)
) r
GROUP BY r.status;

-- The live runs, from the ends of the index where what is due and what is not lie.
-- name: TallyFirstDue :many
SELECT r.status, count(*) AS looked, count(*) FILTER (
  WHERE r.created_at >= sqlc.arg(created_after)::timestamptz AND r.created_at < sqlc.arg(created_before)::timestamptz
    AND (sqlc.narg(workflow_name)::text IS NULL OR r.workflow_name = sqlc.narg(workflow_name))
    AND (sqlc.narg(version)::text IS NULL OR r.version = sqlc.narg(version))
) AS runs FROM (
  SELECT status, workflow_name, version, created_at FROM openworkflow.workflow_runs
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  ORDER BY available_at
  LIMIT sqlc.arg(scan_limit)
) r
GROUP BY r.status;

-- name: TallyLastDue :many
SELECT r.status, count(*) AS looked, count(*) FILTER (
  WHERE r.created_at >= sqlc.arg(created_after)::timestamptz AND r.created_at < sqlc.arg(created_before)::timestamptz
    AND (sqlc.narg(workflow_name)::text IS NULL OR r.workflow_name = sqlc.narg(workflow_name))
    AND (sqlc.narg(version)::text IS NULL OR r.version = sqlc.narg(version))
) AS runs FROM (
  SELECT status, workflow_name, version, created_at FROM openworkflow.workflow_runs
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  ORDER BY available_at DESC
  LIMIT sqlc.arg(scan_limit)
) r
GROUP BY r.status;

-- The newest runs, by workflow, status and the buckets of their times; a bucket of 0 is in front of the window.
-- Those of other workflows than the one asked for are counted without a name.
-- name: GetStatsCells :many
SELECT COALESCE(c.workflow_name, '')::text AS workflow_name, COALESCE(c.version, '')::text AS version, c.asked::boolean AS asked,
  c.status, c.created::int AS created, c.finished::int AS finished, count(*) AS runs,
  COALESCE(array_agg(c.took) FILTER (WHERE c.asked AND c.took IS NOT NULL AND c.finished > 0), '{}')::float8[] AS took
FROM (
  SELECT CASE WHEN t.asked THEN t.workflow_name END AS workflow_name, CASE WHEN t.asked THEN t.version END AS version, t.asked,
    t.status, width_bucket(t.created_at, sqlc.arg(starts)::timestamptz[]) AS created,
    COALESCE(width_bucket(t.finished_at, sqlc.arg(starts)::timestamptz[]), 0) AS finished,
    CASE WHEN t.status IN ('completed', 'succeeded') THEN date_part('epoch', t.finished_at - t.created_at) END AS took
  FROM (
    SELECT r.workflow_name, r.version, r.status, r.created_at, r.finished_at,
      (sqlc.narg(workflow_name)::text IS NULL OR r.workflow_name = sqlc.narg(workflow_name)) AS asked
    FROM openworkflow.workflow_runs r
    WHERE r.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text
    ORDER BY r.created_at DESC, r.id COLLATE "C" DESC
    LIMIT sqlc.arg(scan_limit)
  ) t
) c
GROUP BY c.workflow_name, c.version, c.asked, c.status, c.created, c.finished;

-- Runs from one of the other sides, by workflow and status.
-- name: GetStatsOfLive :many
SELECT r.workflow_name, COALESCE(r.version, '')::text AS version, r.status, count(*) AS runs FROM (
  SELECT workflow_name, version, status FROM openworkflow.workflow_runs
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  ORDER BY available_at
  LIMIT sqlc.arg(scan_limit)
) r
GROUP BY r.workflow_name, r.version, r.status;

-- name: GetStatsOfUnsuccessful :many
SELECT r.workflow_name, COALESCE(r.version, '')::text AS version, r.status, count(*) AS runs FROM (
  SELECT workflow_name, version, status FROM openworkflow.workflow_runs
  WHERE namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND status IN ('failed', 'canceled')
  ORDER BY created_at DESC, id COLLATE "C" DESC
  LIMIT sqlc.arg(scan_limit)
) r
GROUP BY r.workflow_name, r.version, r.status;

-- The first due time of each workflow and version that has runs that have not ended: one look into the claim's
-- index for each.
-- name: GetLiveWorkflows :many
WITH RECURSIVE k AS (
  (
    SELECT workflow_name, COALESCE(version, '') AS version, available_at, 1 AS n FROM openworkflow.workflow_runs
    WHERE namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND status IN ('pending', 'running', 'sleeping')
    ORDER BY workflow_name, COALESCE(version, ''), available_at
    LIMIT 1
  )
  UNION ALL
  SELECT w.workflow_name, w.version, w.available_at, k.n + 1 FROM k
  CROSS JOIN LATERAL (
    SELECT r.workflow_name, COALESCE(r.version, '') AS version, r.available_at FROM openworkflow.workflow_runs r
    WHERE r.namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND r.status IN ('pending', 'running', 'sleeping')
      AND (r.workflow_name, COALESCE(r.version, '')) > (k.workflow_name, k.version)
    ORDER BY r.workflow_name, COALESCE(r.version, ''), r.available_at
    LIMIT 1
  ) w
  WHERE k.n < sqlc.arg(most)::int
)
SELECT k.workflow_name, k.version::text AS version, k.available_at FROM k;

-- name: GetStepAttempts :many
SELECT r.*
FROM (SELECT DISTINCT unnest(sqlc.arg(ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT a.* FROM openworkflow.step_attempts a
  WHERE a.namespace_id = sqlc.arg(namespace_id) AND a.id = t.id
  LIMIT 1
) r;

-- The history that runs begin with: of those that this transaction has made, once.
-- name: InsertHistories :exec
INSERT INTO openworkflow.step_attempts (
  namespace_id, id, workflow_run_id, step_name, kind, status, config, context, output, error, final, retry_at,
  child_workflow_run_namespace_id, child_workflow_run_id, started_at, finished_at, created_at, updated_at
)
SELECT sqlc.arg(namespace_id), t.id, r.id, t.step_name, t.kind, t.status, t.config::jsonb, NULLIF(t.context, '')::jsonb,
  NULLIF(t.output, '')::jsonb, NULLIF(t.error, '')::jsonb, t.final,
  NULLIF(t.retry_at, '0001-01-01 00:00:00Z'::timestamptz),
  NULLIF(t.child_namespace_id, ''), NULLIF(t.child_run_id, ''),
  NULLIF(t.started_at, '0001-01-01 00:00:00Z'::timestamptz), NULLIF(t.finished_at, '0001-01-01 00:00:00Z'::timestamptz),
  date_trunc('milliseconds', t.created_at), now()
FROM (
  SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(run_ids)::text[]) AS run_id,
    unnest(sqlc.arg(step_names)::text[]) AS step_name, unnest(sqlc.arg(kinds)::text[]) AS kind,
    unnest(sqlc.arg(statuses)::text[]) AS status, unnest(sqlc.arg(configs)::text[]) AS config,
    unnest(sqlc.arg(contexts)::text[]) AS context, unnest(sqlc.arg(outputs)::text[]) AS output,
    unnest(sqlc.arg(errors)::text[]) AS error, unnest(sqlc.arg(finals)::boolean[]) AS final,
    unnest(sqlc.arg(retry_ats)::timestamptz[]) AS retry_at,
    unnest(sqlc.arg(child_namespace_ids)::text[]) AS child_namespace_id,
    unnest(sqlc.arg(child_run_ids)::text[]) AS child_run_id,
    unnest(sqlc.arg(started_ats)::timestamptz[]) AS started_at,
    unnest(sqlc.arg(finished_ats)::timestamptz[]) AS finished_at,
    unnest(sqlc.arg(created_ats)::timestamptz[]) AS created_at
) t
CROSS JOIN LATERAL (
  SELECT w.id FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = t.run_id AND w.attempts = 0 AND w.updated_at = now()
  LIMIT 1
) r
WHERE (
  SELECT a.id FROM openworkflow.step_attempts a
  WHERE a.workflow_run_id = t.run_id AND (a.namespace_id || '') = sqlc.arg(namespace_id)::text
  LIMIT 1
) IS NULL;

-- name: RegisterWorker :exec
INSERT INTO openworkflow.workflow_workers AS w (
  namespace_id, id, host, pid, language, workflows, concurrency, started_at, seen_at
) VALUES (
  sqlc.arg(namespace_id), sqlc.arg(id), sqlc.arg(host), sqlc.arg(pid), sqlc.arg(language), sqlc.arg(workflows)::text::jsonb,
  sqlc.arg(concurrency), now(), now()
) ON CONFLICT (namespace_id, id) DO UPDATE SET
  host = excluded.host, pid = excluded.pid, language = excluded.language, workflows = excluded.workflows,
  concurrency = excluded.concurrency, seen_at = excluded.seen_at;

-- name: ForgetWorkers :exec
DELETE FROM openworkflow.workflow_workers
WHERE namespace_id = sqlc.arg(namespace_id) AND seen_at < now() - sqlc.arg(kept)::bigint * INTERVAL '1 microsecond';

-- name: UnregisterWorker :exec
DELETE FROM openworkflow.workflow_workers WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id);

-- name: GetWorkers :many
SELECT * FROM openworkflow.workflow_workers WHERE namespace_id = sqlc.arg(namespace_id) ORDER BY id COLLATE "C";
