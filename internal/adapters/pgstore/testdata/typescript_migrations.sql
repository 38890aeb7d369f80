-- What npm openworkflow 0.10.1 runs on Postgres, its migrations 0 to 5, each one after a line of dashes.
-- ------
BEGIN;

    CREATE SCHEMA IF NOT EXISTS "openworkflow";

    CREATE TABLE IF NOT EXISTS "openworkflow"."openworkflow_migrations" (
      "version" BIGINT NOT NULL PRIMARY KEY
    );

    INSERT INTO "openworkflow"."openworkflow_migrations" ("version")
    VALUES (0)
    ON CONFLICT DO NOTHING;

    COMMIT;
-- ------
BEGIN;

    CREATE TABLE IF NOT EXISTS "openworkflow"."workflow_runs" (
      "namespace_id" TEXT NOT NULL,
      "id" TEXT NOT NULL,
      --
      "workflow_name" TEXT NOT NULL,
      "version" TEXT,
      "status" TEXT NOT NULL,
      "idempotency_key" TEXT,
      "config" JSONB NOT NULL,
      "context" JSONB,
      "input" JSONB,
      "output" JSONB,
      "error" JSONB,
      "attempts" INTEGER NOT NULL,
      "parent_step_attempt_namespace_id" TEXT,
      "parent_step_attempt_id" TEXT,
      "worker_id" TEXT,
      "available_at" TIMESTAMPTZ,
      "deadline_at" TIMESTAMPTZ,
      "started_at" TIMESTAMPTZ,
      "finished_at" TIMESTAMPTZ,
      "created_at" TIMESTAMPTZ NOT NULL,
      "updated_at" TIMESTAMPTZ NOT NULL,
      PRIMARY KEY ("namespace_id", "id")
    );

    CREATE TABLE IF NOT EXISTS "openworkflow"."step_attempts" (
      "namespace_id" TEXT NOT NULL,
      "id" TEXT NOT NULL,
      --
      "workflow_run_id" TEXT NOT NULL,
      "step_name" TEXT NOT NULL,
      "kind" TEXT NOT NULL,
      "status" TEXT NOT NULL,
      "config" JSONB NOT NULL,
      "context" JSONB,
      "output" JSONB,
      "error" JSONB,
      "child_workflow_run_namespace_id" TEXT,
      "child_workflow_run_id" TEXT,
      "started_at" TIMESTAMPTZ,
      "finished_at" TIMESTAMPTZ,
      "created_at" TIMESTAMPTZ NOT NULL,
      "updated_at" TIMESTAMPTZ NOT NULL,
      PRIMARY KEY ("namespace_id", "id")
    );

    INSERT INTO "openworkflow"."openworkflow_migrations" ("version")
    VALUES (1)
    ON CONFLICT DO NOTHING;

    COMMIT;
-- ------
BEGIN;

    ALTER TABLE "openworkflow"."step_attempts"
    ADD CONSTRAINT "step_attempts_workflow_run_fk"
    FOREIGN KEY ("namespace_id", "workflow_run_id")
    REFERENCES "openworkflow"."workflow_runs" ("namespace_id", "id")
    ON DELETE CASCADE
    NOT VALID;

    ALTER TABLE "openworkflow"."workflow_runs"
    ADD CONSTRAINT "workflow_runs_parent_step_attempt_fk"
    FOREIGN KEY ("parent_step_attempt_namespace_id", "parent_step_attempt_id")
    REFERENCES "openworkflow"."step_attempts" ("namespace_id", "id")
    ON DELETE SET NULL
    NOT VALID;

    ALTER TABLE "openworkflow"."step_attempts"
    ADD CONSTRAINT "step_attempts_child_workflow_run_fk"
    FOREIGN KEY ("child_workflow_run_namespace_id", "child_workflow_run_id")
    REFERENCES "openworkflow"."workflow_runs" ("namespace_id", "id")
    ON DELETE SET NULL
    NOT VALID;

    INSERT INTO "openworkflow"."openworkflow_migrations" ("version")
    VALUES (2)
    ON CONFLICT DO NOTHING;

    COMMIT;
-- ------
BEGIN;

    ALTER TABLE "openworkflow"."step_attempts"
    VALIDATE CONSTRAINT "step_attempts_workflow_run_fk";

    ALTER TABLE "openworkflow"."workflow_runs" VALIDATE CONSTRAINT
    "workflow_runs_parent_step_attempt_fk";

    ALTER TABLE "openworkflow"."step_attempts"
    VALIDATE CONSTRAINT "step_attempts_child_workflow_run_fk";

    INSERT INTO "openworkflow"."openworkflow_migrations" ("version")
    VALUES (3)
    ON CONFLICT DO NOTHING;

    COMMIT;
-- ------
BEGIN;

    CREATE INDEX IF NOT EXISTS "workflow_runs_status_available_at_created_at_idx"
    ON "openworkflow"."workflow_runs" ("namespace_id", "status", "available_at", "created_at");

    CREATE INDEX IF NOT EXISTS "workflow_runs_workflow_name_idempotency_key_created_at_idx"
    ON "openworkflow"."workflow_runs" ("namespace_id", "workflow_name", "idempotency_key", "created_at");

    CREATE INDEX IF NOT EXISTS "workflow_runs_parent_step_idx"
    ON "openworkflow"."workflow_runs" ("parent_step_attempt_namespace_id", "parent_step_attempt_id")
    WHERE parent_step_attempt_namespace_id IS NOT NULL AND parent_step_attempt_id IS NOT NULL;

    CREATE INDEX IF NOT EXISTS "workflow_runs_created_at_desc_idx"
    ON "openworkflow"."workflow_runs" ("namespace_id", "created_at" DESC);

    CREATE INDEX IF NOT EXISTS "workflow_runs_status_created_at_desc_idx"
    ON "openworkflow"."workflow_runs" ("namespace_id", "status", "created_at" DESC);

    CREATE INDEX IF NOT EXISTS "workflow_runs_workflow_name_status_created_at_desc_idx"
    ON "openworkflow"."workflow_runs" ("namespace_id", "workflow_name", "status", "created_at" DESC);

    CREATE INDEX IF NOT EXISTS "step_attempts_workflow_run_created_at_idx"
    ON "openworkflow"."step_attempts" ("namespace_id", "workflow_run_id", "created_at");

    CREATE INDEX IF NOT EXISTS "step_attempts_workflow_run_step_name_created_at_idx"
    ON "openworkflow"."step_attempts" ("namespace_id", "workflow_run_id", "step_name", "created_at");

    CREATE INDEX IF NOT EXISTS "step_attempts_child_workflow_run_idx"
    ON "openworkflow"."step_attempts" ("child_workflow_run_namespace_id", "child_workflow_run_id")
    WHERE child_workflow_run_namespace_id IS NOT NULL AND child_workflow_run_id IS NOT NULL;

    INSERT INTO "openworkflow"."openworkflow_migrations"("version")
    VALUES (4)
    ON CONFLICT DO NOTHING;

    COMMIT;
-- ------
BEGIN;

    CREATE TABLE IF NOT EXISTS "openworkflow"."workflow_signals" (
      "namespace_id" TEXT NOT NULL,
      "id" TEXT NOT NULL,
      --
      "signal" TEXT NOT NULL,
      "data" JSONB,
      "sender_idempotency_key" TEXT,
      "workflow_run_id" TEXT NOT NULL,
      "step_attempt_id" TEXT NOT NULL,
      "created_at" TIMESTAMPTZ NOT NULL DEFAULT NOW(),
      PRIMARY KEY ("namespace_id", "id")
    );

    CREATE UNIQUE INDEX IF NOT EXISTS "workflow_signals_step_attempt_idx"
    ON "openworkflow"."workflow_signals" ("namespace_id", "step_attempt_id");

    CREATE INDEX IF NOT EXISTS "workflow_signals_idempotency_idx"
    ON "openworkflow"."workflow_signals" ("namespace_id", "signal", "sender_idempotency_key")
    WHERE "sender_idempotency_key" IS NOT NULL;

    CREATE INDEX IF NOT EXISTS "step_attempts_signal_wait_idx"
    ON "openworkflow"."step_attempts" ("namespace_id", ("context"->>'signal'))
    WHERE "kind" = 'signal-wait' AND "status" = 'running';

    INSERT INTO "openworkflow"."openworkflow_migrations"("version")
    VALUES (5)
    ON CONFLICT DO NOTHING;

    COMMIT;
