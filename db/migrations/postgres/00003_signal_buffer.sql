-- Signals that wait for their wait: workflow_signals cannot hold them, as its rows name a waiting attempt.
-- A delivered one leaves this table for workflow_signals, which keeps the sender's key for good.

-- +goose Up
CREATE TABLE openworkflow.workflow_signal_buffer (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace_id TEXT NOT NULL,
  id TEXT NOT NULL,
  --
  signal TEXT NOT NULL,
  data JSONB,
  sender_idempotency_key TEXT NOT NULL,
  workflow_run_id TEXT,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ,
  CONSTRAINT workflow_signal_buffer_workflow_run_fk
    FOREIGN KEY (namespace_id, workflow_run_id)
    REFERENCES openworkflow.workflow_runs (namespace_id, id) ON DELETE CASCADE
);

-- A repeated sender key finds the first signal here.
CREATE UNIQUE INDEX workflow_signal_buffer_sender_idx
  ON openworkflow.workflow_signal_buffer (signal, sender_idempotency_key, namespace_id);

-- A wait that opens takes the oldest of these.
CREATE INDEX workflow_signal_buffer_signal_idx
  ON openworkflow.workflow_signal_buffer (signal, namespace_id, seq);

CREATE INDEX workflow_signal_buffer_run_idx
  ON openworkflow.workflow_signal_buffer (workflow_run_id, namespace_id)
  WHERE workflow_run_id IS NOT NULL;

CREATE INDEX workflow_signal_buffer_expiry_idx
  ON openworkflow.workflow_signal_buffer (namespace_id, expires_at)
  WHERE expires_at IS NOT NULL;

-- +goose Down
DROP TABLE openworkflow.workflow_signal_buffer;
