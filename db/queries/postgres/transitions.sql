-- An UPDATE with a list of ids, or joined to one, reads the whole namespace when the planner takes it for small. So
-- the rows are looked up one by one by their primary key, and then updated at the place where they were found (ctid), for
-- which there is one plan where tables are not scanned. They must not have moved since the statement began: an earlier
-- one has locked them, or the caller looks at how many were written. (sqlc knows no system column but in this form.)
--
-- Where neither holds, or the caller's transaction may scan tables, an insert takes the update's place that never
-- inserts: its rows come from the table, and ON CONFLICT finds them by their key again, wherever they are by then.

-- Finishes steps that have no row yet, and ends runs that have no parent and no open attempt, by leases that the
-- rows grant; a run's end is a row with an empty id. It locks the runs itself, in the order given. What it counts is
-- less than what was asked for if a lease was lost, or if a run moved while the statement waited for it.
-- name: CommitPlain :one
WITH held AS MATERIALIZED (
  SELECT t.*, w.place
  FROM (
    SELECT unnest(sqlc.arg(run_ids)::text[]) AS run_id, unnest(sqlc.arg(epochs)::int[]) AS epoch,
      unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(step_names)::text[]) AS step_name,
      unnest(sqlc.arg(statuses)::text[]) AS status, unnest(sqlc.arg(outputs)::text[]) AS output,
      unnest(sqlc.arg(errors)::text[]) AS error, unnest(sqlc.arg(finals)::boolean[]) AS final,
      unnest(sqlc.arg(retry_ats)::timestamptz[]) AS retry_at, unnest(sqlc.arg(started_ats)::timestamptz[]) AS started_at,
      unnest(sqlc.arg(finished_ats)::timestamptz[]) AS finished_at
  ) t
  CROSS JOIN LATERAL (
    SELECT (x).ctid AS place FROM openworkflow.workflow_runs x
    WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = t.run_id
      AND (x.status || '') = 'running' AND x.worker_id = sqlc.arg(worker_id)::text AND x.attempts = t.epoch
    LIMIT 1
    FOR NO KEY UPDATE
  ) w
), finished AS (
  INSERT INTO openworkflow.step_attempts (
    namespace_id, id, workflow_run_id, step_name, kind, status, config, output, error, final, retry_at,
    started_at, finished_at, created_at, updated_at
  )
  SELECT sqlc.arg(namespace_id), h.id, h.run_id, h.step_name, 'function', h.status, '{}'::jsonb,
    NULLIF(h.output, '')::jsonb, NULLIF(h.error, '')::jsonb, h.final, NULLIF(h.retry_at, '0001-01-01 00:00:00Z'::timestamptz),
    COALESCE(NULLIF(h.started_at, '0001-01-01 00:00:00Z'::timestamptz), now()),
    COALESCE(NULLIF(h.finished_at, '0001-01-01 00:00:00Z'::timestamptz), now()),
    date_trunc('milliseconds', COALESCE(NULLIF(h.started_at, '0001-01-01 00:00:00Z'::timestamptz), now())), now()
  FROM held h
  WHERE h.id <> ''
  RETURNING id
), ended AS (
  UPDATE openworkflow.workflow_runs r SET
    status = h.status, output = COALESCE(NULLIF(h.output, '')::jsonb, r.output), error = NULLIF(h.error, '')::jsonb,
    recoveries = 0, worker_id = CASE h.status WHEN 'completed' THEN r.worker_id END,
    available_at = NULL, finished_at = now(), updated_at = now()
  FROM held h
  WHERE h.id = '' AND (r).ctid = h.place
  RETURNING r.id
)
SELECT ((SELECT count(*) FROM finished) + (SELECT count(*) FROM ended))::bigint AS written;

-- CommitPlain of one step that completed: a run that executes its steps one by one commits little else. The arrays would cost
-- it as much as the row does, and each expression more than a value that is given.
-- name: CompletePlainAttempt :execrows
INSERT INTO openworkflow.step_attempts (
  namespace_id, id, workflow_run_id, step_name, kind, status, config, output, started_at, finished_at, created_at, updated_at
)
SELECT sqlc.arg(namespace_id), sqlc.arg(id)::text, r.id, sqlc.arg(step_name)::text, 'function', 'completed', '{}'::jsonb,
  sqlc.arg(output)::text::jsonb, sqlc.arg(started_at)::timestamptz, sqlc.arg(finished_at)::timestamptz,
  sqlc.arg(created_at)::timestamptz, now()
FROM (
  SELECT x.id FROM openworkflow.workflow_runs x
  WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = sqlc.arg(run_id)::text
    AND (x.status || '') = 'running' AND x.worker_id = sqlc.arg(worker_id)::text AND x.attempts = sqlc.arg(epoch)::int
  LIMIT 1
  FOR NO KEY UPDATE
) r;

-- CommitPlain of one run's end. One row by its whole key is looked up by it as it is.
-- name: EndPlainRun :execrows
UPDATE openworkflow.workflow_runs r SET
  status = sqlc.arg(status)::text, output = COALESCE(NULLIF(sqlc.arg(output)::text, '')::jsonb, r.output),
  error = NULLIF(sqlc.arg(error)::text, '')::jsonb,
  recoveries = 0, worker_id = CASE sqlc.arg(status)::text WHEN 'completed' THEN r.worker_id END,
  available_at = NULL, finished_at = now(), updated_at = now()
WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = sqlc.arg(run_id)::text
  AND (r.status || '') = 'running' AND r.worker_id = sqlc.arg(worker_id)::text AND r.attempts = sqlc.arg(epoch)::int;

-- Gives runs back, to wait or to be tried again, by leases that the rows still grant.
-- name: ReleaseRuns :many
UPDATE openworkflow.workflow_runs r SET
  status = t.status,
  error = CASE t.status WHEN 'running' THEN r.error ELSE NULLIF(t.error, '')::jsonb END,
  failures = CASE t.status WHEN 'pending' THEN r.failures + 1 ELSE r.failures END,
  recoveries = 0, worker_id = NULL,
  available_at = CASE WHEN t.status = 'running' AND s.satisfied THEN now()
    ELSE COALESCE(NULLIF(t.wake_at, '0001-01-01 00:00:00Z'::timestamptz), now()) END,
  started_at = CASE t.status WHEN 'pending' THEN NULL ELSE r.started_at END,
  updated_at = now()
FROM (
  SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(worker_ids)::text[]) AS worker_id,
    unnest(sqlc.arg(epochs)::int[]) AS epoch, unnest(sqlc.arg(statuses)::text[]) AS status,
    unnest(sqlc.arg(wake_ats)::timestamptz[]) AS wake_at, unnest(sqlc.arg(errors)::text[]) AS error
) t
CROSS JOIN LATERAL (
  SELECT (x).ctid AS place FROM openworkflow.workflow_runs x
  WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = t.id
    AND (x.status || '') = 'running' AND x.worker_id = t.worker_id AND x.attempts = t.epoch
  LIMIT 1
) w
CROSS JOIN LATERAL (
  SELECT bool_or(
    (SELECT d.id FROM openworkflow.workflow_signals d
      WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.step_attempt_id = a.id LIMIT 1) IS NOT NULL
    OR (a.kind = 'workflow' AND (SELECT c.status FROM openworkflow.workflow_runs c
      WHERE c.namespace_id = a.child_workflow_run_namespace_id AND c.id = a.child_workflow_run_id LIMIT 1)
      IN ('completed', 'succeeded', 'failed', 'canceled'))
  ) AS satisfied
  FROM openworkflow.step_attempts a
  WHERE t.status = 'running'
    AND a.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND a.workflow_run_id COLLATE "C" = t.id
    AND a.status = 'running' AND a.kind IN ('signal-wait', 'workflow')
) s
WHERE (r).ctid = w.place
RETURNING r.id, r.workflow_name, COALESCE(r.available_at <= now(), false)::boolean AS due,
  (r.status = 'running' AND r.available_at > now() AND (
    SELECT a.id FROM openworkflow.step_attempts a
    WHERE a.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND a.workflow_run_id COLLATE "C" = r.id
      AND a.status = 'running' AND a.kind IN ('signal-wait', 'workflow')
    LIMIT 1) IS NOT NULL)::boolean AS waiting;

-- Completes and fails runs, by leases that the rows still grant, and wakes the parents that wait for them.
-- The answer says in every row how many ended; it has a row for each parent, and one if there is none.
-- name: EndOwnedRuns :many
WITH ended AS (
  UPDATE openworkflow.workflow_runs r SET
    status = t.status, output = COALESCE(NULLIF(t.output, '')::jsonb, r.output), error = NULLIF(t.error, '')::jsonb,
    recoveries = 0, worker_id = CASE t.status WHEN 'completed' THEN r.worker_id END,
    available_at = NULL, finished_at = now(), updated_at = now()
  FROM (
    SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(worker_ids)::text[]) AS worker_id,
      unnest(sqlc.arg(epochs)::int[]) AS epoch, unnest(sqlc.arg(statuses)::text[]) AS status,
      unnest(sqlc.arg(outputs)::text[]) AS output, unnest(sqlc.arg(errors)::text[]) AS error
  ) t
  CROSS JOIN LATERAL (
    SELECT (x).ctid AS place FROM openworkflow.workflow_runs x
    WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = t.id
      AND (x.status || '') = 'running' AND x.worker_id = t.worker_id AND x.attempts = t.epoch
    LIMIT 1
  ) w
  WHERE (r).ctid = w.place
  RETURNING r.id, r.parent_step_attempt_namespace_id AS parent_namespace_id, r.parent_step_attempt_id AS parent_attempt_id
), parent AS MATERIALIZED (
  SELECT e.id AS child_id, w.id, w.workflow_name, w.parked
  FROM ended e
  CROSS JOIN LATERAL (
    SELECT s.workflow_run_id FROM openworkflow.step_attempts s
    WHERE s.namespace_id = sqlc.arg(namespace_id) AND s.id = e.parent_attempt_id AND s.kind = 'workflow'
      AND (s.status || '') = 'running' AND COALESCE(s.child_workflow_run_namespace_id, '') = sqlc.arg(namespace_id)
      AND COALESCE(s.child_workflow_run_id, '') = e.id
    LIMIT 1
  ) a
  CROSS JOIN LATERAL (
    SELECT r.id, r.workflow_name, ((r.status || '') IN ('running', 'sleeping') AND r.worker_id IS NULL)::boolean AS parked
    FROM openworkflow.workflow_runs r
    WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = a.workflow_run_id
    LIMIT 1
  ) w
  WHERE e.parent_namespace_id = sqlc.arg(namespace_id)
), woken AS (
  INSERT INTO openworkflow.workflow_runs AS r (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
  SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, w.status, '{}'::jsonb, w.attempts, w.created_at, now()
  FROM (SELECT DISTINCT p.id FROM parent p WHERE p.parked) d
  CROSS JOIN LATERAL (
    SELECT x.* FROM openworkflow.workflow_runs x
    WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = d.id
    LIMIT 1
  ) w
  ON CONFLICT (namespace_id, id) DO UPDATE SET
    available_at = LEAST(COALESCE(r.available_at, now()), now()), updated_at = now()
)
SELECT n.ended::bigint AS ended, COALESCE(p.child_id, '')::text AS child_id, COALESCE(p.id, '')::text AS id,
  COALESCE(p.workflow_name, '')::text AS workflow_name, COALESCE(p.parked, false)::boolean AS parked
FROM (SELECT count(*) AS ended FROM ended) n
LEFT JOIN parent p ON true;

-- Ends runs that nobody needs to own; with by_deadline only those whose deadline has passed.
-- name: EndRuns :many
INSERT INTO openworkflow.workflow_runs AS r (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, sqlc.arg(status)::text, '{}'::jsonb, w.attempts, w.created_at, now()
FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT x.* FROM openworkflow.workflow_runs x
  WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = t.id
    AND (x.status || '') IN ('pending', 'running', 'sleeping')
    AND (NOT sqlc.arg(by_deadline)::boolean OR (x.deadline_at + INTERVAL '0') <= now())
  LIMIT 1
) w
ON CONFLICT (namespace_id, id) DO UPDATE SET
  status = excluded.status, error = COALESCE(sqlc.narg(error)::text::jsonb, r.error), worker_id = NULL,
  available_at = NULL, finished_at = now(), updated_at = now()
RETURNING r.id;

-- Wakes the parents of the runs that this transaction ended.
-- name: WakeParents :many
WITH parent AS MATERIALIZED (
  SELECT t.id::text AS child_id, w.id, w.workflow_name, w.parked
  FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id) t
  CROSS JOIN LATERAL (
    SELECT c.parent_step_attempt_id AS attempt_id FROM openworkflow.workflow_runs c
    WHERE c.namespace_id = sqlc.arg(namespace_id) AND c.id = t.id AND c.finished_at = now()
      AND c.parent_step_attempt_namespace_id = sqlc.arg(namespace_id)
    LIMIT 1
  ) c
  CROSS JOIN LATERAL (
    SELECT s.workflow_run_id FROM openworkflow.step_attempts s
    WHERE s.namespace_id = sqlc.arg(namespace_id) AND s.id = c.attempt_id AND s.kind = 'workflow'
      AND (s.status || '') = 'running' AND COALESCE(s.child_workflow_run_namespace_id, '') = sqlc.arg(namespace_id)
      AND COALESCE(s.child_workflow_run_id, '') = t.id
    LIMIT 1
  ) a
  CROSS JOIN LATERAL (
    SELECT r.id, r.workflow_name, ((r.status || '') IN ('running', 'sleeping') AND r.worker_id IS NULL)::boolean AS parked
    FROM openworkflow.workflow_runs r
    WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = a.workflow_run_id
    LIMIT 1
  ) w
), woken AS (
  INSERT INTO openworkflow.workflow_runs AS r (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
  SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, w.status, '{}'::jsonb, w.attempts, w.created_at, now()
  FROM (SELECT DISTINCT p.id FROM parent p WHERE p.parked) d
  CROSS JOIN LATERAL (
    SELECT x.* FROM openworkflow.workflow_runs x
    WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = d.id
    LIMIT 1
  ) w
  ON CONFLICT (namespace_id, id) DO UPDATE SET
    available_at = LEAST(COALESCE(r.available_at, now()), now()), updated_at = now()
)
SELECT parent.child_id::text AS child_id, parent.id, parent.workflow_name, parent.parked FROM parent;

-- Makes parked runs due whose wait is satisfied. TypeScript does not wake a run that somebody owns, and
-- its child's end and the wake of the parent are two transactions.
-- name: WakeSatisfiedRuns :many
INSERT INTO openworkflow.workflow_runs AS r (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, w.status, '{}'::jsonb, w.attempts, w.created_at, now()
FROM (SELECT unnest(sqlc.arg(ids)::text[]) AS id) t
CROSS JOIN LATERAL (
  SELECT bool_or(
    (SELECT d.id FROM openworkflow.workflow_signals d
      WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.step_attempt_id = a.id LIMIT 1) IS NOT NULL
    OR (a.kind = 'workflow' AND (SELECT c.status FROM openworkflow.workflow_runs c
      WHERE c.namespace_id = a.child_workflow_run_namespace_id AND c.id = a.child_workflow_run_id LIMIT 1)
      IN ('completed', 'succeeded', 'failed', 'canceled'))
  ) AS satisfied
  FROM openworkflow.step_attempts a
  WHERE a.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND a.workflow_run_id COLLATE "C" = t.id
    AND a.status = 'running' AND a.kind IN ('signal-wait', 'workflow')
) s
CROSS JOIN LATERAL (
  SELECT x.* FROM openworkflow.workflow_runs x
  WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = t.id AND s.satisfied
    AND (x.status || '') IN ('running', 'sleeping') AND x.worker_id IS NULL
    AND (x.available_at + INTERVAL '0') > now()
  LIMIT 1
  FOR NO KEY UPDATE
) w
ON CONFLICT (namespace_id, id) DO UPDATE SET available_at = now(), updated_at = now()
RETURNING r.id, r.workflow_name;
