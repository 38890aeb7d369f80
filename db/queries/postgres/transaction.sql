-- Every transaction has these settings. Tables are small when statements are prepared and large
-- soon after, so no plan may scan one, nor a stretch of an index that is the whole of it while there is
-- but a page (bitmaps), and the generic plan is the right one from its first use. Lists and counts, which have too
-- many forms for one plan, are planned for their arguments instead. TypeScript's sender of signals locks
-- waits before runs, the other way round, and does not try again after a deadlock: we give up before the
-- server looks for one, which is after a second, and try again.

-- name: SetPlanning :exec
SELECT set_config('enable_seqscan', sqlc.arg(enable_scans)::text, true),
  set_config('enable_bitmapscan', sqlc.arg(enable_scans)::text, true),
  set_config('jit', 'off', true),
  set_config('plan_cache_mode', sqlc.arg(plan_cache_mode)::text, true),
  set_config('lock_timeout', '400ms', true),
  set_config('statement_timeout', sqlc.arg(statement_timeout)::text, true);

-- The same for good, on a connection that leads to one server session as long as it lives: behind a
-- transaction pooler the session answers with another process id than the connection got. Transactions of
-- one pipeline then need no BEGIN either, so the isolation level is settled too.
-- name: SetSession :many
SELECT (set_config('enable_seqscan', sqlc.arg(enable_scans)::text, false)
  || set_config('enable_bitmapscan', sqlc.arg(enable_scans)::text, false)
  || set_config('jit', 'off', false)
  || set_config('plan_cache_mode', sqlc.arg(plan_cache_mode)::text, false)
  || set_config('lock_timeout', '400ms', false)
  || set_config('statement_timeout', sqlc.arg(statement_timeout)::text, false)
  || set_config('default_transaction_isolation', 'read committed', false))::text AS settings
WHERE pg_backend_pid() = sqlc.arg(process_id)::int;

-- name: GetNow :one
SELECT now()::timestamptz AS now;

-- Keys are locked in the order given: callers sort them.
-- name: LockKeys :exec
SELECT pg_advisory_xact_lock(hashtextextended(t.key, 0))
FROM (SELECT unnest(sqlc.arg(keys)::text[]) AS key) t;

-- name: LockKeysShared :exec
SELECT pg_advisory_xact_lock_shared(hashtextextended(t.key, 0))
FROM (SELECT unnest(sqlc.arg(keys)::text[]) AS key) t;

-- name: TryLockKey :one
SELECT pg_try_advisory_xact_lock(hashtextextended(sqlc.arg(key)::text, 0))::boolean AS locked, now()::timestamptz AS now;

-- The first statement that touches rows: the runs given, and the parents of those that are to end. Those
-- that the worker named owns are locked and left out of the answer.
-- name: LockRuns :many
SELECT r.id, r.status, r.worker_id, r.attempts
FROM (
  SELECT u.id FROM (
    SELECT unnest(sqlc.arg(ids)::text[]) AS id
    UNION
    SELECT p.workflow_run_id
    FROM (SELECT unnest(sqlc.arg(ending)::text[]) AS id) e
    CROSS JOIN LATERAL (
      SELECT c.parent_step_attempt_id AS attempt_id FROM openworkflow.workflow_runs c
      WHERE c.namespace_id = sqlc.arg(namespace_id) AND c.id = e.id
        AND c.parent_step_attempt_namespace_id = sqlc.arg(namespace_id)
      LIMIT 1
    ) c
    CROSS JOIN LATERAL (
      SELECT a.workflow_run_id FROM openworkflow.step_attempts a
      WHERE a.namespace_id = sqlc.arg(namespace_id) AND a.id = c.attempt_id
      LIMIT 1
    ) p
  ) u
  ORDER BY u.id COLLATE "C"
) t
CROSS JOIN LATERAL (
  SELECT w.id, w.status, w.worker_id, w.attempts FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = t.id
  LIMIT 1
  FOR NO KEY UPDATE
) r
WHERE r.worker_id IS DISTINCT FROM sqlc.narg(but_of)::text OR r.status <> 'running';

-- The runs that wait for these signals, and the runs given.
-- name: LockSignalRuns :many
SELECT r.id, r.status
FROM (
  SELECT u.id FROM (
    SELECT unnest(sqlc.arg(ids)::text[]) AS id
    UNION
    SELECT o.workflow_run_id
    FROM (SELECT unnest(sqlc.arg(signals)::text[]) AS name) s
    CROSS JOIN LATERAL (
      SELECT a.workflow_run_id FROM openworkflow.step_attempts a
      WHERE a.namespace_id = sqlc.arg(namespace_id) AND a.kind = 'signal-wait' AND a.status = 'running'
        AND (a.context ->> 'signal') = s.name
      OFFSET 0
    ) o
  ) u
  ORDER BY u.id COLLATE "C"
) t
CROSS JOIN LATERAL (
  SELECT w.id, w.status FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = t.id
  LIMIT 1
  FOR NO KEY UPDATE
) r;

-- The second: the attempts given, and the open waits of the runs given. TypeScript's sender locks waits
-- before runs, so it has either committed its delivery by now, or finds the wait as we leave it.
-- name: LockWaits :many
SELECT a.id, a.workflow_run_id
FROM (
  SELECT u.id FROM (
    SELECT unnest(sqlc.arg(ids)::text[]) AS id
    UNION
    SELECT o.id
    FROM (SELECT unnest(sqlc.arg(run_ids)::text[]) AS id) p
    CROSS JOIN LATERAL (
      SELECT w.id FROM openworkflow.step_attempts w
      WHERE w.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND w.workflow_run_id COLLATE "C" = p.id
        AND w.status = 'running' AND w.kind IN ('signal-wait', 'workflow')
      OFFSET 0
    ) o
  ) u
  ORDER BY u.id COLLATE "C"
) t
CROSS JOIN LATERAL (
  SELECT s.id, s.workflow_run_id FROM openworkflow.step_attempts s
  WHERE s.namespace_id = sqlc.arg(namespace_id) AND s.id = t.id
  LIMIT 1
  FOR NO KEY UPDATE
) a;

-- A NOTIFY by itself waits for no disk and no standby, as losing one costs latency only, and for the lock that each NOTIFY's
-- commit takes no longer than so many milliseconds.
-- name: Notify :exec
SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', sqlc.arg(patience)::text, true),
  pg_notify(sqlc.arg(channel)::text, t.payload)
FROM (SELECT unnest(sqlc.arg(payloads)::text[]) AS payload) t;

-- In a transaction of the caller's.
-- name: NotifyWithin :exec
SELECT pg_notify(sqlc.arg(channel)::text, t.payload)
FROM (SELECT unnest(sqlc.arg(payloads)::text[]) AS payload) t;
