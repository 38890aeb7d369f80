-- What a sweep may have to do: read without locks, looked at again by the statement that does it.

-- name: GetExpiredRuns :many
SELECT id FROM openworkflow.workflow_runs
WHERE namespace_id = sqlc.arg(namespace_id) AND deadline_at <= now() AND status IN ('pending', 'running', 'sleeping')
ORDER BY deadline_at
LIMIT sqlc.arg(row_limit);

-- A stretch of the open waits, from a run id on, so that a million of them cost no sweep much.
-- name: GetSatisfiedRuns :many
SELECT a.workflow_run_id,
  COALESCE((
    (SELECT d.id FROM openworkflow.workflow_signals d
      WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.step_attempt_id = a.id LIMIT 1) IS NOT NULL
    OR (a.kind = 'workflow' AND (SELECT c.status FROM openworkflow.workflow_runs c
      WHERE c.namespace_id = a.child_workflow_run_namespace_id AND c.id = a.child_workflow_run_id LIMIT 1)
      IN ('completed', 'succeeded', 'failed', 'canceled'))
  ) AND (SELECT (r.status || '') IN ('running', 'sleeping') AND r.worker_id IS NULL AND r.available_at > now()
    FROM openworkflow.workflow_runs r
    WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = a.workflow_run_id LIMIT 1), false)::boolean AS satisfied
FROM openworkflow.step_attempts a
WHERE a.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND a.workflow_run_id COLLATE "C" > sqlc.arg(after_run_id)::text
  AND a.status = 'running'
ORDER BY a.workflow_run_id COLLATE "C"
LIMIT sqlc.arg(row_limit);

-- The runs that a TypeScript worker without the workflow put off, for at most five minutes each time.
-- name: GetUnregisteredRuns :many
SELECT r.id
FROM (
  SELECT unnest(sqlc.arg(workflow_names)::text[]) AS name, unnest(sqlc.arg(versions)::text[]) AS version
) k
CROSS JOIN LATERAL (
  SELECT w.id FROM openworkflow.workflow_runs w
  WHERE w.namespace_id COLLATE "POSIX" = sqlc.arg(namespace_id)::text AND w.workflow_name = k.name
    AND COALESCE(w.version, '') = k.version AND w.status IN ('pending', 'running', 'sleeping')
    AND w.available_at > now() AND w.available_at <= now() + INTERVAL '6 minutes'
    AND (w.status || '') = 'pending' AND (w.error ->> 'message') LIKE 'Workflow "%"% is not registered'
  ORDER BY w.available_at
  LIMIT sqlc.arg(row_limit)
) r
LIMIT sqlc.arg(row_limit);

-- name: RequeueRuns :many
INSERT INTO openworkflow.workflow_runs AS r (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, w.status, '{}'::jsonb, w.attempts, w.created_at, now()
FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT x.* FROM openworkflow.workflow_runs x
  WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = t.id
    AND (x.status || '') = 'pending' AND (x.available_at + INTERVAL '0') > now()
    AND (x.error ->> 'message') LIKE 'Workflow "%"% is not registered'
  LIMIT 1
) w
ON CONFLICT (namespace_id, id) DO UPDATE SET available_at = now(), updated_at = now()
RETURNING r.id, r.workflow_name;

-- name: WakeRuns :many
INSERT INTO openworkflow.workflow_runs AS r (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, w.status, '{}'::jsonb, w.attempts, w.created_at, now()
FROM (SELECT DISTINCT unnest(sqlc.arg(ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT x.* FROM openworkflow.workflow_runs x
  WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = t.id
    AND (x.status || '') IN ('running', 'sleeping') AND x.worker_id IS NULL
  LIMIT 1
) w
ON CONFLICT (namespace_id, id) DO UPDATE SET
  available_at = LEAST(COALESCE(r.available_at, now()), now()), updated_at = now()
RETURNING r.id, r.workflow_name;

-- A stretch of the buffer, from a place on, and for each signal the first wait that could have it.
-- name: GetDeliverableSignals :many
SELECT b.seq::bigint AS seq, b.signal, COALESCE(a.id, '')::text AS attempt_id, COALESCE(a.workflow_run_id, '')::text AS run_id
FROM (
  SELECT f.seq, f.signal, f.workflow_run_id FROM openworkflow.workflow_signal_buffer f
  WHERE f.namespace_id = sqlc.arg(namespace_id) AND f.seq > sqlc.arg(after_seq)::bigint
    AND (f.expires_at IS NULL OR f.expires_at > now())
  ORDER BY f.seq
  LIMIT sqlc.arg(row_limit)
) b
LEFT JOIN LATERAL (
  SELECT s.id, s.workflow_run_id FROM openworkflow.step_attempts s
  WHERE s.namespace_id = sqlc.arg(namespace_id) AND s.kind = 'signal-wait' AND s.status = 'running'
    AND (s.context ->> 'signal') = b.signal
    AND (b.workflow_run_id IS NULL OR s.workflow_run_id = b.workflow_run_id)
    AND (SELECT d.id FROM openworkflow.workflow_signals d
      WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.step_attempt_id = s.id LIMIT 1) IS NULL
    AND (SELECT r.status FROM openworkflow.workflow_runs r
      WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = s.workflow_run_id LIMIT 1)
      IN ('pending', 'running', 'sleeping')
  ORDER BY s.created_at, s.id COLLATE "C"
  LIMIT 1
) a ON true
ORDER BY b.seq;

-- name: GetExpiredSignals :many
SELECT f.seq FROM openworkflow.workflow_signal_buffer f
WHERE f.namespace_id = sqlc.arg(namespace_id) AND f.expires_at <= now()
ORDER BY f.expires_at
LIMIT 1;

-- name: DeleteExpiredSignals :execrows
DELETE FROM openworkflow.workflow_signal_buffer u
WHERE u.seq = ANY (ARRAY (
  SELECT f.seq FROM openworkflow.workflow_signal_buffer f
  WHERE f.namespace_id = sqlc.arg(namespace_id) AND f.expires_at <= now()
  ORDER BY f.expires_at
  LIMIT sqlc.arg(row_limit)
));

-- What the tables must have; it fails where a migration is missing.
-- name: ProbeTables :exec
SELECT r.failures, r.recoveries, a.final, a.retry_at, s.step_attempt_id, b.seq,
  'openworkflow.workflow_workers'::regclass::text AS workers -- without a privilege on it
FROM openworkflow.workflow_runs r, openworkflow.step_attempts a, openworkflow.workflow_signals s,
  openworkflow.workflow_signal_buffer b
LIMIT 0;
