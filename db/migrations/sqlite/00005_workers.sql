-- Workers say here that they live, once a minute. Nothing depends on a row: it is for people to look at.

-- +goose NO TRANSACTION

-- +goose Up
CREATE TABLE "workflow_workers" (
  "namespace_id" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  --
  "host" TEXT NOT NULL,
  "pid" INTEGER NOT NULL,
  "language" TEXT NOT NULL,
  "workflows" TEXT NOT NULL,
  "concurrency" INTEGER NOT NULL,
  "started_at" TEXT NOT NULL,
  "seen_at" TEXT NOT NULL,
  PRIMARY KEY ("namespace_id", "id")
);

-- Those that went wrong are the ones that people look for among many that did not, and only they pay for it.
CREATE INDEX "workflow_runs_unsuccessful_idx"
ON "workflow_runs" ("namespace_id", "created_at", "id")
WHERE "status" IN ('failed', 'canceled');

-- +goose Down
DROP INDEX "workflow_runs_unsuccessful_idx";
DROP TABLE "workflow_workers";
