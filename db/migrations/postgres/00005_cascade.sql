-- The foreign key from step attempts to their runs costs a quarter of what writing a step costs the server, and
-- keeps out nothing that could happen: whoever writes an attempt holds a lock on its run. What it did besides,
-- deleting the attempts of deleted runs, a trigger does that costs nothing while runs are not deleted.

-- +goose Up
ALTER TABLE openworkflow.step_attempts DROP CONSTRAINT step_attempts_workflow_run_fk;

-- +goose StatementBegin
CREATE FUNCTION openworkflow.delete_step_attempts() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
  DELETE FROM openworkflow.step_attempts a USING deleted d
  WHERE a.namespace_id = d.namespace_id AND a.workflow_run_id = d.id;
  RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER workflow_runs_delete_attempts
  AFTER DELETE ON openworkflow.workflow_runs
  REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION openworkflow.delete_step_attempts();

-- +goose Down
DROP TRIGGER workflow_runs_delete_attempts ON openworkflow.workflow_runs;
DROP FUNCTION openworkflow.delete_step_attempts();
DELETE FROM openworkflow.step_attempts a WHERE NOT EXISTS (
  SELECT FROM openworkflow.workflow_runs r WHERE r.namespace_id = a.namespace_id AND r.id = a.workflow_run_id
);
ALTER TABLE openworkflow.step_attempts ADD CONSTRAINT step_attempts_workflow_run_fk
  FOREIGN KEY (namespace_id, workflow_run_id)
  REFERENCES openworkflow.workflow_runs (namespace_id, id) ON DELETE CASCADE;
