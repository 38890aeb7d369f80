-- What people and monitoring look at. No statement looks at more rows than it is told to: each reads an index in
-- its order, up to a limit. Runs are looked at from three sides: the newest ones by the index of lists, those that
-- have not ended by the index of due times, and those that went wrong.

-- How many runs have not ended, up to a limit.
-- name: CountLiveRuns :one
SELECT count(*) AS runs FROM (
  SELECT 1 FROM workflow_runs INDEXED BY workflow_runs_due_idx
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  LIMIT sqlc.arg(scan_limit)
);

-- The few runs that a list sorts by itself: those of a workflow with a key.
-- name: GetRunsByKey :many
SELECT * FROM workflow_runs INDEXED BY workflow_runs_idempotency_idx
WHERE namespace_id = sqlc.arg(namespace_id) AND workflow_name = sqlc.arg(workflow_name)
  AND idempotency_key = sqlc.arg(idempotency_key);

-- The next workflow by name that has runs with a key.
-- name: GetNextKeyedWorkflow :many
SELECT workflow_name FROM workflow_runs INDEXED BY workflow_runs_idempotency_idx
WHERE namespace_id = sqlc.arg(namespace_id) AND workflow_name > sqlc.arg(workflow_name) AND idempotency_key IS NOT NULL
ORDER BY workflow_name
LIMIT 1;

-- Or those that a worker holds: leases end before most of what sleeps wakes.
-- name: GetLeases :many
SELECT id, worker_id FROM (
  SELECT id, status, worker_id FROM workflow_runs INDEXED BY workflow_runs_due_idx
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
    AND available_at > sqlc.arg(now)
  ORDER BY available_at
  LIMIT sqlc.arg(scan_limit)
)
WHERE status = 'running' AND worker_id IS NOT NULL;

-- name: TallyNewest :one
SELECT count(*) AS looked, count(CASE WHEN status = 'pending' THEN 1 END) AS pending,
  count(CASE WHEN status IN ('running', 'sleeping') THEN 1 END) AS running,
  count(CASE WHEN status IN ('completed', 'succeeded') THEN 1 END) AS completed,
  count(CASE WHEN status = 'failed' THEN 1 END) AS failed, count(CASE WHEN status = 'canceled' THEN 1 END) AS canceled
FROM (
  SELECT CASE WHEN
      (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
      AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
    THEN status END AS status
  FROM workflow_runs INDEXED BY workflow_runs_list_idx
  WHERE namespace_id = sqlc.arg(namespace_id)
    AND created_at >= sqlc.arg(created_from) AND created_at < sqlc.arg(created_before)
  ORDER BY created_at DESC, id DESC
  LIMIT sqlc.arg(scan_limit)
);

-- name: TallyUnsuccessful :one
SELECT count(*) AS looked, count(CASE WHEN status = 'pending' THEN 1 END) AS pending,
  count(CASE WHEN status IN ('running', 'sleeping') THEN 1 END) AS running,
  count(CASE WHEN status IN ('completed', 'succeeded') THEN 1 END) AS completed,
  count(CASE WHEN status = 'failed' THEN 1 END) AS failed, count(CASE WHEN status = 'canceled' THEN 1 END) AS canceled
FROM (
  SELECT CASE WHEN
      (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
      AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
    THEN status END AS status
  FROM workflow_runs INDEXED BY workflow_runs_unsuccessful_idx
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('failed', 'canceled')
    AND created_at >= sqlc.arg(created_from) AND created_at < sqlc.arg(created_before)
  ORDER BY created_at DESC, id DESC
  LIMIT sqlc.arg(scan_limit)
);

-- The live runs, from the ends of the index where what is due and what is not lie.
-- name: TallyFirstDue :one
SELECT count(*) AS looked, count(CASE WHEN status = 'pending' THEN 1 END) AS pending,
  count(CASE WHEN status IN ('running', 'sleeping') THEN 1 END) AS running,
  count(CASE WHEN status IN ('completed', 'succeeded') THEN 1 END) AS completed,
  count(CASE WHEN status = 'failed' THEN 1 END) AS failed, count(CASE WHEN status = 'canceled' THEN 1 END) AS canceled
FROM (
  SELECT CASE WHEN
      created_at >= sqlc.arg(created_from) AND created_at < sqlc.arg(created_before)
      AND (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
      AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
    THEN status END AS status
  FROM workflow_runs INDEXED BY workflow_runs_due_idx
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  ORDER BY available_at
  LIMIT sqlc.arg(scan_limit)
);

-- name: TallyLastDue :one
SELECT count(*) AS looked, count(CASE WHEN status = 'pending' THEN 1 END) AS pending,
  count(CASE WHEN status IN ('running', 'sleeping') THEN 1 END) AS running,
  count(CASE WHEN status IN ('completed', 'succeeded') THEN 1 END) AS completed,
  count(CASE WHEN status = 'failed' THEN 1 END) AS failed, count(CASE WHEN status = 'canceled' THEN 1 END) AS canceled
FROM (
  SELECT CASE WHEN
      created_at >= sqlc.arg(created_from) AND created_at < sqlc.arg(created_before)
      AND (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
      AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
    THEN status END AS status
  FROM workflow_runs INDEXED BY workflow_runs_due_idx
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  ORDER BY available_at DESC
  LIMIT sqlc.arg(scan_limit)
);

-- The newest runs: what statistics are made of.
-- name: GetNewestRuns :many
SELECT workflow_name, version, status, created_at, finished_at FROM workflow_runs INDEXED BY workflow_runs_list_idx
WHERE namespace_id = sqlc.arg(namespace_id)
ORDER BY created_at DESC, id DESC
LIMIT sqlc.arg(scan_limit);

-- Runs from one of the other sides, by workflow and status.
-- name: GetStatsOfLive :many
SELECT workflow_name, coalesce(version, '') AS version, status, count(*) AS runs FROM (
  SELECT workflow_name, version, status FROM workflow_runs INDEXED BY workflow_runs_due_idx
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('pending', 'running', 'sleeping')
  ORDER BY available_at
  LIMIT sqlc.arg(scan_limit)
)
GROUP BY 1, 2, 3;

-- name: GetStatsOfUnsuccessful :many
SELECT workflow_name, coalesce(version, '') AS version, status, count(*) AS runs FROM (
  SELECT workflow_name, version, status FROM workflow_runs INDEXED BY workflow_runs_unsuccessful_idx
  WHERE namespace_id = sqlc.arg(namespace_id) AND status IN ('failed', 'canceled')
  ORDER BY created_at DESC, id DESC
  LIMIT sqlc.arg(scan_limit)
)
GROUP BY 1, 2, 3;

-- The first due time of the next version, or of the next workflow, that has runs that have not ended.
-- name: GetNextLiveVersion :many
SELECT workflow_name, coalesce(version, '') AS version, available_at FROM workflow_runs INDEXED BY workflow_runs_claim_idx
WHERE namespace_id = sqlc.arg(namespace_id) AND workflow_name = sqlc.arg(workflow_name)
  AND coalesce(version, '') > sqlc.arg(version) AND status IN ('pending', 'running', 'sleeping')
ORDER BY coalesce(version, ''), available_at
LIMIT 1;

-- name: GetNextLiveWorkflow :many
SELECT workflow_name, coalesce(version, '') AS version, available_at FROM workflow_runs INDEXED BY workflow_runs_claim_idx
WHERE namespace_id = sqlc.arg(namespace_id) AND workflow_name > sqlc.arg(workflow_name)
  AND status IN ('pending', 'running', 'sleeping')
ORDER BY workflow_name, coalesce(version, ''), available_at
LIMIT 1;

-- name: GetStepAttempts :many
SELECT * FROM step_attempts
WHERE namespace_id = sqlc.arg(namespace_id)
  AND id IN (SELECT json_each.value FROM json_each(sqlc.arg(ids)));

-- name: RegisterWorker :exec
INSERT INTO workflow_workers (
  namespace_id, id, host, pid, language, workflows, concurrency, started_at, seen_at
) VALUES (
  sqlc.arg(namespace_id), sqlc.arg(id), sqlc.arg(host), sqlc.arg(pid), sqlc.arg(language), sqlc.arg(workflows),
  sqlc.arg(concurrency), sqlc.arg(now), sqlc.arg(now)
) ON CONFLICT (namespace_id, id) DO UPDATE SET
  host = excluded.host, pid = excluded.pid, language = excluded.language, workflows = excluded.workflows,
  concurrency = excluded.concurrency, seen_at = excluded.seen_at;

-- name: ForgetWorkers :exec
DELETE FROM workflow_workers WHERE namespace_id = sqlc.arg(namespace_id) AND seen_at < sqlc.arg(since);

-- name: UnregisterWorker :exec
DELETE FROM workflow_workers WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id);

-- name: GetWorkers :many
SELECT * FROM workflow_workers WHERE namespace_id = sqlc.arg(namespace_id) ORDER BY id;
