-- Signals that wait for their wait: workflow_signals cannot hold them, as its rows name a waiting attempt.
-- A delivered one leaves this table for workflow_signals, which keeps the sender's key for good.

-- +goose NO TRANSACTION

-- +goose Up
CREATE TABLE "workflow_signal_buffer" (
  "seq" INTEGER PRIMARY KEY,
  "namespace_id" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  --
  "signal" TEXT NOT NULL,
  "data" TEXT,
  "sender_idempotency_key" TEXT NOT NULL,
  "workflow_run_id" TEXT,
  "created_at" TEXT NOT NULL,
  "expires_at" TEXT,
  UNIQUE ("namespace_id", "id"),
  FOREIGN KEY ("namespace_id", "workflow_run_id")
    REFERENCES "workflow_runs" ("namespace_id", "id")
    ON DELETE CASCADE
);

-- A repeated sender key finds the first signal here.
CREATE UNIQUE INDEX "workflow_signal_buffer_sender_idx"
ON "workflow_signal_buffer" ("namespace_id", "signal", "sender_idempotency_key");

-- A wait that opens takes the oldest of these, or of its run's own.
CREATE INDEX "workflow_signal_buffer_common_idx"
ON "workflow_signal_buffer" ("namespace_id", "signal", "seq")
WHERE "workflow_run_id" IS NULL;

CREATE INDEX "workflow_signal_buffer_run_idx"
ON "workflow_signal_buffer" ("namespace_id", "workflow_run_id", "signal", "seq")
WHERE "workflow_run_id" IS NOT NULL;

CREATE INDEX "workflow_signal_buffer_expiry_idx"
ON "workflow_signal_buffer" ("namespace_id", "expires_at")
WHERE "expires_at" IS NOT NULL;

-- +goose Down
DROP TABLE "workflow_signal_buffer";
