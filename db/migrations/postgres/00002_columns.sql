-- What Go keeps beside TypeScript's columns. All have defaults or allow NULL, so TypeScript's inserts still work.

-- +goose Up
ALTER TABLE openworkflow.workflow_runs ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE openworkflow.workflow_runs ADD COLUMN recoveries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE openworkflow.step_attempts ADD COLUMN final BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE openworkflow.step_attempts ADD COLUMN retry_at TIMESTAMPTZ;

-- +goose Down
ALTER TABLE openworkflow.step_attempts DROP COLUMN retry_at;
ALTER TABLE openworkflow.step_attempts DROP COLUMN final;
ALTER TABLE openworkflow.workflow_runs DROP COLUMN recoveries;
ALTER TABLE openworkflow.workflow_runs DROP COLUMN failures;
