-- The indexes are named where SQLite, which has no statistics, would choose another one for the order's sake.
-- An indexed expression must be compared with a bare parameter: a CAST has an affinity, and the index is not used.

-- The runs of one workflow that may be claimed now, in due order. The last condition is
-- domain.RecoveryDelay: a run whose owners keep dying waits longer after each lease.
-- name: GetDueRuns :many
SELECT id FROM workflow_runs INDEXED BY workflow_runs_claim_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND workflow_name = sqlc.arg(workflow_name)
  AND coalesce(version, '') = sqlc.arg(version)
  AND status IN ('pending', 'running', 'sleeping')
  AND available_at <= sqlc.arg(now)
  AND (deadline_at IS NULL OR deadline_at > sqlc.arg(now))
  AND (worker_id IS NULL OR status <> 'running' OR recoveries <= 0
    OR strftime('%Y-%m-%dT%H:%M:%fZ', available_at, '+' || min(1 << min(recoveries, 9), 300) || ' seconds') <= sqlc.arg(now))
  AND id NOT IN (SELECT json_each.value FROM json_each(sqlc.arg(exclude)))
ORDER BY available_at, rowid
LIMIT sqlc.arg(max_rows);

-- When the next run without a recovery delay becomes due.
-- name: GetNextDue :one
SELECT available_at FROM workflow_runs INDEXED BY workflow_runs_claim_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND workflow_name = sqlc.arg(workflow_name)
  AND coalesce(version, '') = sqlc.arg(version)
  AND status IN ('pending', 'running', 'sleeping')
  AND available_at > sqlc.arg(now)
  AND (deadline_at IS NULL OR deadline_at > sqlc.arg(now))
  AND (worker_id IS NULL OR status <> 'running' OR recoveries <= 0)
  AND id NOT IN (SELECT json_each.value FROM json_each(sqlc.arg(exclude)))
ORDER BY available_at
LIMIT 1;

-- When the next run with a recovery delay becomes due; only those whose lease ends before a time can be earlier.
-- name: GetNextRecovery :one
SELECT CAST(coalesce(min(
  strftime('%Y-%m-%dT%H:%M:%fZ', available_at, '+' || min(1 << min(recoveries, 9), 300) || ' seconds')), '') AS TEXT) AS due_at
FROM workflow_runs INDEXED BY workflow_runs_claim_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND workflow_name = sqlc.arg(workflow_name)
  AND coalesce(version, '') = sqlc.arg(version)
  AND status IN ('pending', 'running', 'sleeping')
  AND available_at < sqlc.arg(before)
  AND (deadline_at IS NULL OR deadline_at > sqlc.arg(now))
  AND worker_id IS NOT NULL AND status = 'running' AND recoveries > 0
  AND id NOT IN (SELECT json_each.value FROM json_each(sqlc.arg(exclude)));
