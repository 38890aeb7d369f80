-- Claims due runs: one range scan per workflow, which locks what nobody else holds, up to the workflow's
-- share. A run that was changed just before it was locked is not where it was found, and is left for the next claim:
-- when that is worth while is asked by a later statement, which sees the run.
-- name: ClaimRuns :many
WITH locked AS MATERIALIZED (
  SELECT c.place
  FROM (
    SELECT unnest(sqlc.arg(workflow_names)::text[]) AS name, unnest(sqlc.arg(versions)::text[]) AS version,
      unnest(sqlc.arg(shares)::int[]) AS share
  ) k
  CROSS JOIN LATERAL (
    SELECT (r).ctid AS place
    FROM openworkflow.workflow_runs r
    WHERE r.namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND r.workflow_name = k.name
      AND COALESCE(r.version, '') = k.version AND r.status IN ('pending', 'running', 'sleeping')
      AND r.available_at <= now()
      AND CASE WHEN r.recoveries > 0 AND r.worker_id IS NOT NULL AND (r.status || '') IN ('running', 'sleeping')
        THEN r.available_at + LEAST(1 << LEAST(r.recoveries, 9), 300) * INTERVAL '1 second'
        ELSE r.available_at END <= now()
      AND (r.deadline_at IS NULL OR (r.deadline_at + INTERVAL '0') > now())
      AND r.id <> ALL (sqlc.arg(exclude)::text[])
    ORDER BY r.available_at
    LIMIT k.share
    FOR NO KEY UPDATE SKIP LOCKED
  ) c
  LIMIT sqlc.arg(claim_limit)
)
UPDATE openworkflow.workflow_runs r SET
  status = 'running', attempts = r.attempts + 1, worker_id = sqlc.arg(worker_id)::text,
  recoveries = CASE WHEN r.status IN ('running', 'sleeping') AND r.worker_id IS NOT NULL THEN r.recoveries + 1 ELSE r.recoveries END,
  available_at = now() + sqlc.arg(lease)::bigint * INTERVAL '1 microsecond',
  started_at = COALESCE(r.started_at, now()), updated_at = now()
FROM locked l
WHERE (r).ctid = l.place
RETURNING r.*;

-- When the next runs of each workflow can be claimed: the first whose owner did not die, or one of those before it, whose
-- owners did; of these the first few hundred are looked at.
-- name: GetNextDue :many
SELECT COALESCE(LEAST(n.due_at, (
  SELECT min(f.available_at + LEAST(1 << LEAST(f.recoveries, 9), 300) * INTERVAL '1 second')
  FROM (
    SELECT r.* FROM openworkflow.workflow_runs r
    WHERE r.namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND r.workflow_name = k.name
      AND COALESCE(r.version, '') = k.version AND r.status IN ('pending', 'running', 'sleeping')
      AND r.available_at < COALESCE(n.due_at, 'infinity'::timestamptz)
    ORDER BY r.available_at LIMIT 200
  ) f
  WHERE f.recoveries > 0 AND f.worker_id IS NOT NULL
    AND (f.deadline_at IS NULL OR f.deadline_at > now()) AND f.id <> ALL (sqlc.arg(exclude)::text[])
)), '0001-01-01 00:00:00Z'::timestamptz)::timestamptz AS due_at
FROM (
  SELECT unnest(sqlc.arg(workflow_names)::text[]) AS name, unnest(sqlc.arg(versions)::text[]) AS version
) k
LEFT JOIN LATERAL (
  SELECT r.available_at AS due_at FROM openworkflow.workflow_runs r
  WHERE r.namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND r.workflow_name = k.name
    AND COALESCE(r.version, '') = k.version AND r.status IN ('pending', 'running', 'sleeping')
    AND r.available_at IS NOT NULL
    AND (r.deadline_at IS NULL OR (r.deadline_at + INTERVAL '0') > now())
    AND NOT (r.recoveries > 0 AND r.worker_id IS NOT NULL)
    AND r.id <> ALL (sqlc.arg(exclude)::text[])
  ORDER BY r.available_at LIMIT 1
) n ON true;

-- name: GetNextDeadline :one
SELECT now()::timestamptz AS now, COALESCE((
  SELECT r.deadline_at FROM openworkflow.workflow_runs r
  WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.deadline_at > '-infinity'::timestamptz
    AND r.status IN ('pending', 'running', 'sleeping')
  ORDER BY r.deadline_at
  LIMIT 1
), '0001-01-01 00:00:00Z'::timestamptz)::timestamptz AS deadline_at;

-- Whether a TypeScript service has lately started runs here, or executes some: its ids are UUIDs.
-- name: GetForeignWriters :one
SELECT (count(*) > 0)::boolean AS present
FROM (
  SELECT r.id, r.worker_id, r.created_at FROM openworkflow.workflow_runs r
  WHERE r.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text
  ORDER BY r.created_at DESC, r.id COLLATE "C" DESC
  LIMIT 20
) n
WHERE n.created_at > now() - INTERVAL '7 days' AND (length(n.id) = 36 OR length(n.worker_id) = 36);

-- name: ReclaimRun :many
UPDATE openworkflow.workflow_runs r
SET status = 'running', attempts = attempts + 1, worker_id = sqlc.arg(worker_id)::text,
  available_at = now() + sqlc.arg(lease)::bigint * INTERVAL '1 microsecond',
  started_at = COALESCE(started_at, now()), updated_at = now()
WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = sqlc.arg(id)
  AND (r.status || '') IN ('running', 'sleeping') AND r.worker_id IS NULL AND r.attempts = sqlc.arg(epoch)
RETURNING r.*;

-- What is not in the answer is lost, so the rows are found by their key again, as transitions.sql says: a row that
-- another transaction changed in the meantime is there, at another place.
-- name: ExtendLeases :many
INSERT INTO openworkflow.workflow_runs AS r (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, w.status, '{}'::jsonb, w.attempts, w.created_at, now()
FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(epochs)::int[]) AS epoch) t
CROSS JOIN LATERAL (
  SELECT x.* FROM openworkflow.workflow_runs x
  WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = t.id AND (x.status || '') = 'running'
    AND x.worker_id = sqlc.arg(worker_id)::text AND x.attempts = t.epoch
  LIMIT 1
  FOR NO KEY UPDATE
) w
ON CONFLICT (namespace_id, id) DO UPDATE SET
  available_at = now() + sqlc.arg(lease)::bigint * INTERVAL '1 microsecond', updated_at = now()
RETURNING r.id;
