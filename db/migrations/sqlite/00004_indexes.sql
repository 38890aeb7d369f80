-- Fewer and better indexes: each one costs every write of its table. The partial ones leave out what has
-- ended, so that finished runs never slow claiming. TypeScript's claim, signal-wait, idempotency and
-- parent-step look-ups each keep an index.

-- +goose NO TRANSACTION

-- +goose Up
DROP INDEX IF EXISTS "workflow_runs_status_available_at_created_at_idx";
DROP INDEX IF EXISTS "workflow_runs_workflow_name_idempotency_key_created_at_idx";
DROP INDEX IF EXISTS "workflow_runs_created_at_desc_idx";
DROP INDEX IF EXISTS "workflow_runs_status_created_at_desc_idx";
DROP INDEX IF EXISTS "workflow_runs_workflow_name_status_created_at_desc_idx";
DROP INDEX IF EXISTS "step_attempts_workflow_run_created_at_idx";
DROP INDEX IF EXISTS "step_attempts_workflow_run_step_name_created_at_idx";

-- Due runs of one workflow and version, in due order.
CREATE INDEX "workflow_runs_claim_idx"
ON "workflow_runs" ("namespace_id", "workflow_name", coalesce("version", ''), "available_at")
WHERE "status" IN ('pending', 'running', 'sleeping');

-- TypeScript claims whatever is due in its namespace.
CREATE INDEX "workflow_runs_due_idx"
ON "workflow_runs" ("namespace_id", "available_at")
WHERE "status" IN ('pending', 'running', 'sleeping');

CREATE INDEX "workflow_runs_deadline_idx"
ON "workflow_runs" ("namespace_id", "deadline_at")
WHERE "deadline_at" IS NOT NULL AND "status" IN ('pending', 'running', 'sleeping');

CREATE INDEX "workflow_runs_idempotency_idx"
ON "workflow_runs" ("namespace_id", "workflow_name", "idempotency_key", "created_at")
WHERE "idempotency_key" IS NOT NULL;

-- Lists, newest first, with their cursor.
CREATE INDEX "workflow_runs_list_idx"
ON "workflow_runs" ("namespace_id", "created_at", "id");

-- Histories, oldest first, with their cursor.
CREATE INDEX "step_attempts_history_idx"
ON "step_attempts" ("namespace_id", "workflow_run_id", "created_at", "id");

-- The open attempts of a run, however long its history.
CREATE INDEX "step_attempts_open_idx"
ON "step_attempts" ("namespace_id", "workflow_run_id", "id")
WHERE "status" = 'running';

-- +goose Down
DROP INDEX "step_attempts_open_idx";
DROP INDEX "step_attempts_history_idx";
DROP INDEX "workflow_runs_list_idx";
DROP INDEX "workflow_runs_idempotency_idx";
DROP INDEX "workflow_runs_deadline_idx";
DROP INDEX "workflow_runs_due_idx";
DROP INDEX "workflow_runs_claim_idx";

CREATE INDEX "workflow_runs_status_available_at_created_at_idx"
ON "workflow_runs" ("namespace_id", "status", "available_at", "created_at");
CREATE INDEX "workflow_runs_workflow_name_idempotency_key_created_at_idx"
ON "workflow_runs" ("namespace_id", "workflow_name", "idempotency_key", "created_at");
CREATE INDEX "workflow_runs_created_at_desc_idx"
ON "workflow_runs" ("namespace_id", "created_at" DESC);
CREATE INDEX "workflow_runs_status_created_at_desc_idx"
ON "workflow_runs" ("namespace_id", "status", "created_at" DESC);
CREATE INDEX "workflow_runs_workflow_name_status_created_at_desc_idx"
ON "workflow_runs" ("namespace_id", "workflow_name", "status", "created_at" DESC);
CREATE INDEX "step_attempts_workflow_run_created_at_idx"
ON "step_attempts" ("namespace_id", "workflow_run_id", "created_at");
CREATE INDEX "step_attempts_workflow_run_step_name_created_at_idx"
ON "step_attempts" ("namespace_id", "workflow_run_id", "step_name", "created_at");
