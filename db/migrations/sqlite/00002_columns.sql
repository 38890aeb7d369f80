-- What Go keeps beside TypeScript's columns. All have defaults or allow NULL, so TypeScript's inserts still work.

-- +goose NO TRANSACTION

-- +goose Up
ALTER TABLE workflow_runs ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workflow_runs ADD COLUMN recoveries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE step_attempts ADD COLUMN final BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE step_attempts ADD COLUMN retry_at TEXT;

-- +goose Down
ALTER TABLE step_attempts DROP COLUMN retry_at;
ALTER TABLE step_attempts DROP COLUMN final;
ALTER TABLE workflow_runs DROP COLUMN recoveries;
ALTER TABLE workflow_runs DROP COLUMN failures;
