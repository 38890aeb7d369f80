-- Signals whose sender's key left nothing behind go to every open wait for their name that has none yet. The
-- runs are locked already, so only a TypeScript sender can hold a wait, and it may want the run: to wait for it
-- would be a deadlock.
-- name: DeliverSignals :many
WITH target AS MATERIALIZED (
  SELECT f.signal, f.key, f.data, w.id AS attempt_id, w.workflow_run_id
  FROM (
    SELECT t.signal, t.key, t.data
    FROM (
      SELECT unnest(sqlc.arg(signals)::text[]) AS signal, unnest(sqlc.arg(keys)::text[]) AS key,
        unnest(sqlc.arg(datas)::text[]) AS data
    ) t
    WHERE (SELECT d.id FROM openworkflow.workflow_signals d
        WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.signal = t.signal AND d.sender_idempotency_key = t.key
        LIMIT 1) IS NULL
      AND (SELECT b.id FROM openworkflow.workflow_signal_buffer b
        WHERE b.namespace_id = sqlc.arg(namespace_id) AND b.signal = t.signal AND b.sender_idempotency_key = t.key
        LIMIT 1) IS NULL
    OFFSET 0
  ) f
  CROSS JOIN LATERAL (
    SELECT a.id, a.workflow_run_id FROM openworkflow.step_attempts a
    WHERE a.namespace_id = sqlc.arg(namespace_id) AND a.kind = 'signal-wait' AND a.status = 'running'
      AND (a.context ->> 'signal') = f.signal
      AND (SELECT d.id FROM openworkflow.workflow_signals d
        WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.step_attempt_id = a.id LIMIT 1) IS NULL
      AND (SELECT r.status FROM openworkflow.workflow_runs r
        WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = a.workflow_run_id LIMIT 1)
        IN ('pending', 'running', 'sleeping')
    ORDER BY a.created_at, a.id COLLATE "C"
    FOR NO KEY UPDATE OF a NOWAIT
  ) w
), delivered AS (
  INSERT INTO openworkflow.workflow_signals (
    namespace_id, id, signal, data, sender_idempotency_key, workflow_run_id, step_attempt_id, created_at
  )
  SELECT sqlc.arg(namespace_id), gen_random_uuid()::text, t.signal, t.data::jsonb, t.key, t.workflow_run_id, t.attempt_id, now()
  FROM target t
  ON CONFLICT (namespace_id, step_attempt_id) DO NOTHING
  RETURNING workflow_run_id
), woken AS (
  INSERT INTO openworkflow.workflow_runs AS r (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
  SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, w.status, '{}'::jsonb, w.attempts, w.created_at, now()
  FROM (SELECT DISTINCT d.workflow_run_id AS id FROM delivered d) n
  CROSS JOIN LATERAL (
    SELECT x.* FROM openworkflow.workflow_runs x
    WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = n.id
      AND (x.status || '') IN ('running', 'sleeping') AND x.worker_id IS NULL
    LIMIT 1
    FOR NO KEY UPDATE
  ) w
  ON CONFLICT (namespace_id, id) DO UPDATE SET
    available_at = LEAST(COALESCE(r.available_at, now()), now()), updated_at = now()
  RETURNING r.id, r.workflow_name
)
SELECT DISTINCT d.workflow_run_id AS id, COALESCE(w.workflow_name, '')::text AS woken
FROM delivered d LEFT JOIN woken w ON w.id = d.workflow_run_id;

-- The same for signals to one run: to the oldest such wait of that run.
-- name: DeliverSignalsToRuns :many
WITH target AS MATERIALIZED (
  SELECT f.signal, f.key, f.data, w.id AS attempt_id, w.workflow_run_id
  FROM (
    SELECT t.signal, t.key, t.data, t.run_id
    FROM (
      SELECT unnest(sqlc.arg(signals)::text[]) AS signal, unnest(sqlc.arg(keys)::text[]) AS key,
        unnest(sqlc.arg(datas)::text[]) AS data, unnest(sqlc.arg(run_ids)::text[]) AS run_id
    ) t
    WHERE (SELECT d.id FROM openworkflow.workflow_signals d
        WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.signal = t.signal AND d.sender_idempotency_key = t.key
        LIMIT 1) IS NULL
      AND (SELECT b.id FROM openworkflow.workflow_signal_buffer b
        WHERE b.namespace_id = sqlc.arg(namespace_id) AND b.signal = t.signal AND b.sender_idempotency_key = t.key
        LIMIT 1) IS NULL
    OFFSET 0
  ) f
  CROSS JOIN LATERAL (
    SELECT a.id, a.workflow_run_id FROM openworkflow.step_attempts a
    WHERE a.namespace_id COLLATE "C" = sqlc.arg(namespace_id)::text AND a.workflow_run_id COLLATE "C" = f.run_id
      AND a.kind || '' = 'signal-wait' AND a.status = 'running' AND (a.context ->> 'signal') = f.signal
      AND (SELECT d.id FROM openworkflow.workflow_signals d
        WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.step_attempt_id = a.id LIMIT 1) IS NULL
      AND (SELECT r.status FROM openworkflow.workflow_runs r
        WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = a.workflow_run_id LIMIT 1)
        IN ('pending', 'running', 'sleeping')
    ORDER BY a.created_at, a.id COLLATE "C"
    LIMIT 1
    FOR NO KEY UPDATE OF a NOWAIT
  ) w
), delivered AS (
  INSERT INTO openworkflow.workflow_signals (
    namespace_id, id, signal, data, sender_idempotency_key, workflow_run_id, step_attempt_id, created_at
  )
  SELECT sqlc.arg(namespace_id), gen_random_uuid()::text, t.signal, t.data::jsonb, t.key, t.workflow_run_id, t.attempt_id, now()
  FROM target t
  ON CONFLICT (namespace_id, step_attempt_id) DO NOTHING
  RETURNING workflow_run_id
), woken AS (
  INSERT INTO openworkflow.workflow_runs AS r (namespace_id, id, workflow_name, status, config, attempts, created_at, updated_at)
  SELECT sqlc.arg(namespace_id), w.id, w.workflow_name, w.status, '{}'::jsonb, w.attempts, w.created_at, now()
  FROM (SELECT DISTINCT d.workflow_run_id AS id FROM delivered d) n
  CROSS JOIN LATERAL (
    SELECT x.* FROM openworkflow.workflow_runs x
    WHERE x.namespace_id = sqlc.arg(namespace_id) AND x.id = n.id
      AND (x.status || '') IN ('running', 'sleeping') AND x.worker_id IS NULL
    LIMIT 1
    FOR NO KEY UPDATE
  ) w
  ON CONFLICT (namespace_id, id) DO UPDATE SET
    available_at = LEAST(COALESCE(r.available_at, now()), now()), updated_at = now()
  RETURNING r.id, r.workflow_name
)
SELECT DISTINCT d.workflow_run_id AS id, COALESCE(w.workflow_name, '')::text AS woken
FROM delivered d LEFT JOIN woken w ON w.id = d.workflow_run_id;

-- Keeps the signals that were delivered to nobody and may wait: unaddressed ones for ttl, addressed ones
-- until their run ends.
-- name: BufferSignals :exec
INSERT INTO openworkflow.workflow_signal_buffer (
  namespace_id, id, signal, data, sender_idempotency_key, workflow_run_id, created_at, expires_at
)
SELECT sqlc.arg(namespace_id), t.id, t.signal, t.data::jsonb, t.key, NULLIF(t.run_id, ''), now(),
  CASE WHEN t.run_id = '' THEN now() + t.ttl * INTERVAL '1 microsecond' END
FROM (
  SELECT unnest(sqlc.arg(ids)::text[]) AS id, unnest(sqlc.arg(signals)::text[]) AS signal,
    unnest(sqlc.arg(keys)::text[]) AS key, unnest(sqlc.arg(datas)::text[]) AS data,
    unnest(sqlc.arg(run_ids)::text[]) AS run_id, unnest(sqlc.arg(ttls)::bigint[]) AS ttl
) t
WHERE (SELECT d.id FROM openworkflow.workflow_signals d
    WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.signal = t.signal AND d.sender_idempotency_key = t.key
    LIMIT 1) IS NULL
  AND CASE WHEN t.run_id = '' THEN t.ttl > 0 ELSE COALESCE((
    SELECT r.status FROM openworkflow.workflow_runs r
    WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = t.run_id LIMIT 1) IN ('pending', 'running', 'sleeping'), false) END
ON CONFLICT (signal, sender_idempotency_key, namespace_id) DO NOTHING;

-- What became of signals, by their sender's keys.
-- name: GetSignalAnswers :many
SELECT t.ord::int AS ord,
  ARRAY (SELECT d.workflow_run_id FROM openworkflow.workflow_signals d
    WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.signal = t.signal AND d.sender_idempotency_key = t.key)::text[] AS run_ids,
  ((SELECT b.id FROM openworkflow.workflow_signal_buffer b
    WHERE b.namespace_id = sqlc.arg(namespace_id) AND b.signal = t.signal AND b.sender_idempotency_key = t.key
    LIMIT 1) IS NOT NULL)::boolean AS buffered,
  COALESCE((SELECT r.status FROM openworkflow.workflow_runs r
    WHERE r.namespace_id = sqlc.arg(namespace_id) AND r.id = t.run_id LIMIT 1), '')::text AS run_status
FROM (
  SELECT unnest(sqlc.arg(ords)::int[]) AS ord, unnest(sqlc.arg(signals)::text[]) AS signal,
    unnest(sqlc.arg(keys)::text[]) AS key, unnest(sqlc.arg(run_ids)::text[]) AS run_id
) t;

-- Gives open waits that have none yet the oldest signal that was kept for them, one each. No two of the
-- waits may be for one name.
-- name: TakeBufferedSignals :many
WITH taken AS MATERIALIZED (
  SELECT a.id AS attempt_id, a.workflow_run_id, b.seq, b.id, b.signal, b.data, b.sender_idempotency_key
  FROM (
    SELECT unnest(sqlc.arg(attempt_ids)::text[]) AS attempt_id, unnest(sqlc.arg(signals)::text[]) AS signal
  ) t
  CROSS JOIN LATERAL (
    SELECT s.id, s.workflow_run_id FROM openworkflow.step_attempts s
    WHERE s.namespace_id = sqlc.arg(namespace_id) AND s.id = t.attempt_id AND (s.status || '') = 'running'
      AND (SELECT d.id FROM openworkflow.workflow_signals d
        WHERE d.namespace_id = sqlc.arg(namespace_id) AND d.step_attempt_id = t.attempt_id LIMIT 1) IS NULL
    LIMIT 1
    FOR NO KEY UPDATE OF s
  ) a
  CROSS JOIN LATERAL (
    SELECT f.seq, f.id, f.signal, f.data, f.sender_idempotency_key FROM openworkflow.workflow_signal_buffer f
    WHERE f.namespace_id = sqlc.arg(namespace_id) AND f.signal = t.signal
      AND (f.workflow_run_id IS NULL OR f.workflow_run_id = a.workflow_run_id)
      AND (f.expires_at IS NULL OR f.expires_at > now())
    ORDER BY f.seq
    LIMIT 1
    FOR UPDATE SKIP LOCKED
  ) b
), delivered AS (
  INSERT INTO openworkflow.workflow_signals (
    namespace_id, id, signal, data, sender_idempotency_key, workflow_run_id, step_attempt_id, created_at
  )
  SELECT sqlc.arg(namespace_id), t.id, t.signal, t.data, t.sender_idempotency_key, t.workflow_run_id, t.attempt_id, now()
  FROM taken t
  ON CONFLICT (namespace_id, step_attempt_id) DO NOTHING
  RETURNING id, step_attempt_id, workflow_run_id
), gone AS (
  DELETE FROM openworkflow.workflow_signal_buffer
  WHERE seq = ANY (ARRAY (SELECT t.seq FROM taken t WHERE t.id = ANY (ARRAY (SELECT d.id FROM delivered d))))
)
SELECT delivered.step_attempt_id, delivered.workflow_run_id FROM delivered;

-- The buffered signals of the runs that this transaction ended.
-- name: DeleteBufferedSignalsOfRuns :exec
DELETE FROM openworkflow.workflow_signal_buffer u
WHERE u.seq = ANY (ARRAY (
  SELECT b.seq
  FROM (SELECT unnest(sqlc.arg(run_ids)::text[]) AS id) t
  CROSS JOIN LATERAL (
    SELECT f.seq, f.workflow_run_id FROM openworkflow.workflow_signal_buffer f
    WHERE (f.namespace_id || '') = sqlc.arg(namespace_id) AND f.workflow_run_id = t.id
    OFFSET 0
  ) b
  CROSS JOIN LATERAL (
    SELECT w.id FROM openworkflow.workflow_runs w
    WHERE w.namespace_id = sqlc.arg(namespace_id) AND w.id = b.workflow_run_id AND w.finished_at = now()
    LIMIT 1
  ) r
));

-- Of one run.
-- name: DeleteBufferedSignalsOfRun :exec
DELETE FROM openworkflow.workflow_signal_buffer u
WHERE (u.namespace_id || '') = sqlc.arg(namespace_id)::text AND u.workflow_run_id = sqlc.arg(run_id)::text AND (
  SELECT w.finished_at FROM openworkflow.workflow_runs w
  WHERE w.namespace_id = sqlc.arg(namespace_id)::text AND w.id = u.workflow_run_id
  LIMIT 1
) = now();
