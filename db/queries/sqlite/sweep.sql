-- name: GetExpiredRuns :many
SELECT id FROM workflow_runs INDEXED BY workflow_runs_deadline_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND status IN ('pending', 'running', 'sleeping')
  AND deadline_at IS NOT NULL AND deadline_at <= sqlc.arg(now)
ORDER BY deadline_at
LIMIT sqlc.arg(max_rows);

-- Where a look at so many open attempts ends: it goes by run id, from a place on.
-- name: GetScanEnd :one
SELECT workflow_run_id FROM step_attempts INDEXED BY step_attempts_open_idx
WHERE namespace_id = sqlc.arg(namespace_id) AND status = 'running'
  AND workflow_run_id > sqlc.arg(after_run_id)
ORDER BY workflow_run_id
LIMIT 1 OFFSET sqlc.arg(attempts);

-- The parked runs in a range of ids that are not due although a wait of theirs is satisfied. CROSS JOIN keeps
-- SQLite from starting with the runs, which are many more.
-- name: GetSatisfiedRuns :many
SELECT DISTINCT r.id FROM step_attempts a INDEXED BY step_attempts_open_idx
CROSS JOIN workflow_runs r
WHERE r.namespace_id = a.namespace_id AND r.id = a.workflow_run_id
  AND a.namespace_id = sqlc.arg(namespace_id)
  AND a.status = 'running'
  AND a.workflow_run_id > sqlc.arg(after_run_id) AND a.workflow_run_id <= sqlc.arg(last_run_id)
  AND r.status IN ('running', 'sleeping') AND r.worker_id IS NULL
  AND (r.available_at IS NULL OR r.available_at > sqlc.arg(now))
  AND (
    (a.kind = 'signal-wait' AND EXISTS (
      SELECT 1 FROM workflow_signals s WHERE s.namespace_id = a.namespace_id AND s.step_attempt_id = a.id))
    OR (a.kind = 'workflow' AND EXISTS (
      SELECT 1 FROM workflow_runs c
      WHERE c.namespace_id = a.child_workflow_run_namespace_id AND c.id = a.child_workflow_run_id
        AND c.status IN ('completed', 'succeeded', 'failed', 'canceled')))
  )
ORDER BY r.id
LIMIT sqlc.arg(max_rows);

-- The runs that a TypeScript worker put off, by some minutes at most, because it does not know their workflow.
-- name: GetUnregisteredRuns :many
SELECT id FROM workflow_runs INDEXED BY workflow_runs_claim_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND workflow_name = sqlc.arg(workflow_name)
  AND coalesce(version, '') = sqlc.arg(version)
  AND status IN ('pending', 'running', 'sleeping')
  AND available_at > sqlc.arg(now) AND available_at <= sqlc.arg(until)
  AND status = 'pending'
  AND error LIKE '%"message":"Workflow \"%is not registered"%'
LIMIT sqlc.arg(max_rows);

-- name: MakeRunDue :exec
UPDATE workflow_runs SET available_at = sqlc.narg(now), updated_at = sqlc.arg(now)
WHERE namespace_id = sqlc.arg(namespace_id) AND id = sqlc.arg(id);

-- The oldest buffered signal of each wait that TypeScript opened past it.
-- name: GetDeliverableSignals :many
SELECT b.seq, b.signal, b.data, b.sender_idempotency_key, b.workflow_run_id FROM workflow_signal_buffer b
WHERE b.namespace_id = sqlc.arg(namespace_id)
  AND (b.expires_at IS NULL OR b.expires_at > sqlc.arg(now))
  AND EXISTS (
    SELECT 1 FROM step_attempts a
    WHERE a.namespace_id = b.namespace_id AND json_extract(a.context, '$.signal') = b.signal
      AND a.kind = 'signal-wait' AND a.status = 'running'
      AND (b.workflow_run_id IS NULL OR b.workflow_run_id = a.workflow_run_id)
      AND NOT EXISTS (
        SELECT 1 FROM workflow_signals s WHERE s.namespace_id = a.namespace_id AND s.step_attempt_id = a.id))
ORDER BY b.seq
LIMIT sqlc.arg(max_rows);

-- name: DeleteExpiredSignals :execrows
DELETE FROM workflow_signal_buffer
WHERE seq IN (
  SELECT b.seq FROM workflow_signal_buffer b
  WHERE b.namespace_id = sqlc.arg(namespace_id) AND b.expires_at IS NOT NULL AND b.expires_at <= sqlc.arg(now)
  LIMIT sqlc.arg(max_rows)
);

-- Whether there are buffered signals that a wait could have, or that are to be deleted.
-- name: HasBufferedWork :one
SELECT CAST(EXISTS (
  SELECT 1 FROM workflow_signal_buffer e
  WHERE e.namespace_id = sqlc.arg(namespace_id) AND e.expires_at IS NOT NULL AND e.expires_at <= sqlc.arg(now)
) OR EXISTS (
  SELECT 1 FROM workflow_signal_buffer b
  JOIN step_attempts a ON a.namespace_id = b.namespace_id AND json_extract(a.context, '$.signal') = b.signal
    AND a.kind = 'signal-wait' AND a.status = 'running'
  WHERE b.namespace_id = sqlc.arg(namespace_id)
    AND (b.expires_at IS NULL OR b.expires_at > sqlc.arg(now))
    AND (b.workflow_run_id IS NULL OR b.workflow_run_id = a.workflow_run_id)
    AND NOT EXISTS (
      SELECT 1 FROM workflow_signals s WHERE s.namespace_id = a.namespace_id AND s.step_attempt_id = a.id)
) AS BOOLEAN) AS work;
