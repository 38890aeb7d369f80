-- Workers say here that they live, once a minute. Nothing depends on a row: it is for people to look at.

-- +goose Up
CREATE TABLE openworkflow.workflow_workers (
  namespace_id TEXT NOT NULL,
  id TEXT NOT NULL,
  --
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  language TEXT NOT NULL,
  workflows JSONB NOT NULL,
  concurrency INTEGER NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  seen_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (namespace_id, id)
);

-- +goose Down
DROP TABLE openworkflow.workflow_workers;
