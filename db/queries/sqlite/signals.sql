-- The runs that got a signal with this sender key.
-- name: GetSignalRuns :many
SELECT DISTINCT workflow_run_id FROM workflow_signals
WHERE namespace_id = sqlc.arg(namespace_id)
  AND signal = sqlc.arg(signal)
  AND sender_idempotency_key = sqlc.arg(sender_idempotency_key)
ORDER BY workflow_run_id;

-- name: IsSignalBuffered :one
SELECT CAST(EXISTS (
  SELECT 1 FROM workflow_signal_buffer
  WHERE namespace_id = sqlc.arg(namespace_id)
    AND signal = sqlc.arg(signal)
    AND sender_idempotency_key = sqlc.arg(sender_idempotency_key)
) AS BOOLEAN) AS buffered;

-- The open waits for a signal that have none delivered yet, of runs that have not ended.
-- name: GetOpenWaits :many
SELECT a.id, a.workflow_run_id FROM step_attempts a INDEXED BY step_attempts_signal_wait_idx
JOIN workflow_runs r ON r.namespace_id = a.namespace_id AND r.id = a.workflow_run_id
WHERE a.namespace_id = sqlc.arg(namespace_id)
  AND json_extract(a.context, '$.signal') = sqlc.arg(signal)
  AND a.kind = 'signal-wait' AND a.status = 'running'
  AND r.status NOT IN ('completed', 'succeeded', 'failed', 'canceled')
  AND NOT EXISTS (
    SELECT 1 FROM workflow_signals s WHERE s.namespace_id = a.namespace_id AND s.step_attempt_id = a.id)
ORDER BY a.created_at, a.id;

-- name: GetOpenWaitOfRun :one
SELECT a.id FROM step_attempts a INDEXED BY step_attempts_open_idx
WHERE a.namespace_id = sqlc.arg(namespace_id)
  AND a.workflow_run_id = sqlc.arg(workflow_run_id)
  AND a.status = 'running' AND a.kind = 'signal-wait'
  AND json_extract(a.context, '$.signal') = sqlc.arg(signal)
  AND NOT EXISTS (
    SELECT 1 FROM workflow_signals s WHERE s.namespace_id = a.namespace_id AND s.step_attempt_id = a.id)
ORDER BY a.created_at, a.id
LIMIT 1;

-- name: DeliverSignal :exec
INSERT INTO workflow_signals (
  namespace_id, id, signal, data, sender_idempotency_key, workflow_run_id, step_attempt_id, created_at
) VALUES (
  sqlc.arg(namespace_id), sqlc.arg(id), sqlc.arg(signal), sqlc.narg(data), sqlc.narg(sender_idempotency_key),
  sqlc.arg(workflow_run_id), sqlc.arg(step_attempt_id), sqlc.arg(created_at)
);

-- name: IsSignalDelivered :one
SELECT CAST(EXISTS (
  SELECT 1 FROM workflow_signals
  WHERE namespace_id = sqlc.arg(namespace_id) AND step_attempt_id = sqlc.arg(step_attempt_id)
) AS BOOLEAN) AS delivered;

-- What has been delivered to a run's open waits.
-- name: GetDeliveredSignals :many
SELECT a.id AS step_attempt_id, s.data FROM step_attempts a INDEXED BY step_attempts_open_idx
JOIN workflow_signals s ON s.namespace_id = a.namespace_id AND s.step_attempt_id = a.id
WHERE a.namespace_id = sqlc.arg(namespace_id) AND a.workflow_run_id = sqlc.arg(workflow_run_id)
  AND a.status = 'running' AND a.kind = 'signal-wait';

-- name: BufferSignal :exec
INSERT INTO workflow_signal_buffer (
  namespace_id, id, signal, data, sender_idempotency_key, workflow_run_id, created_at, expires_at
) VALUES (
  sqlc.arg(namespace_id), sqlc.arg(id), sqlc.arg(signal), sqlc.narg(data), sqlc.arg(sender_idempotency_key),
  sqlc.narg(workflow_run_id), sqlc.arg(created_at), sqlc.narg(expires_at)
);

-- The oldest signal that is kept for whatever run waits for it first.
-- name: GetBufferedSignal :one
SELECT seq, id, data, sender_idempotency_key FROM workflow_signal_buffer
WHERE namespace_id = sqlc.arg(namespace_id)
  AND signal = sqlc.arg(signal)
  AND workflow_run_id IS NULL
  AND (expires_at IS NULL OR expires_at > sqlc.arg(now))
ORDER BY seq
LIMIT 1;

-- The oldest signal that is kept for this run.
-- name: GetBufferedSignalOfRun :one
SELECT seq, id, data, sender_idempotency_key FROM workflow_signal_buffer
WHERE namespace_id = sqlc.arg(namespace_id)
  AND workflow_run_id = sqlc.arg(workflow_run_id)
  AND signal = sqlc.arg(signal)
ORDER BY seq
LIMIT 1;

-- name: DeleteBufferedSignal :exec
DELETE FROM workflow_signal_buffer
WHERE seq = sqlc.arg(seq);

-- name: DeleteBufferedSignalsOfRuns :exec
DELETE FROM workflow_signal_buffer
WHERE namespace_id = sqlc.arg(namespace_id)
  AND workflow_run_id IN (SELECT json_each.value FROM json_each(sqlc.arg(workflow_run_ids)));
