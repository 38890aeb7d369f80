package main

import "github.com/google/uuid"

// layout is a way to keep runs and steps in Postgres without OpenWorkflow, and the statements of an engine that
// does nothing but what is necessary.
type layout struct {
	batch         int    // runs that a claim takes
	runs          string // the table of runs
	tables, seed  string
	claim, insert string
	complete      string
	newID         func() string
	what          string // for the settings of a result
}

// leanLayout is the least that a durable engine needs: rows of several namespaces, a history that can be read by its run,
// and ids that anybody makes. The targets are set by it. ownLayout are OpenWorkflow's own tables, with all their columns and
// indexes: what is left to it is the engine's own.
const (
	leanLayout = "lean"
	ownLayout  = "own"
)

var layouts = map[string]*layout{
	leanLayout: {
		batch: 200,
		runs:  "lean_runs",
		what:  "lean tables: random ids, steps indexed by run, 200 runs a claim",
		tables: `
			CREATE TABLE $schema.lean_runs (namespace text NOT NULL, id text NOT NULL, status text NOT NULL, attempts int NOT NULL,
				output jsonb, worker_id text, available_at timestamptz, updated_at timestamptz NOT NULL, PRIMARY KEY (namespace, id));
			CREATE TABLE $schema.lean_steps (namespace text NOT NULL, id text NOT NULL, run_id text NOT NULL, name text NOT NULL, kind text NOT NULL,
				status text NOT NULL, output jsonb, started_at timestamptz, finished_at timestamptz, created_at timestamptz NOT NULL,
				updated_at timestamptz NOT NULL, PRIMARY KEY (namespace, id));
			CREATE INDEX ON $schema.lean_runs (namespace, available_at) WHERE status IN ('pending', 'running');
			CREATE INDEX ON $schema.lean_steps (namespace, run_id, created_at)`,
		seed: `INSERT INTO $schema.lean_runs SELECT 'default', gen_random_uuid(), 'pending', 0, NULL, NULL, now(), now() FROM generate_series(1, $1)`,
		claim: `
			WITH due AS MATERIALIZED (
				SELECT id FROM $schema.lean_runs WHERE namespace = 'default' AND status IN ('pending', 'running') AND available_at <= now()
				ORDER BY available_at LIMIT $1 FOR UPDATE SKIP LOCKED)
			UPDATE $schema.lean_runs r SET status = 'running', attempts = attempts + 1, worker_id = 'w', available_at = now() + interval '30 s', updated_at = now()
			FROM due WHERE r.namespace = 'default' AND r.id = due.id RETURNING r.id`,
		insert: `INSERT INTO $schema.lean_steps
			SELECT 'default', id, run, name, 'function', 'completed', output::jsonb, now(), now(), now(), now()
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS t (id, run, name, output)`,
		complete: `UPDATE $schema.lean_runs r SET status = 'completed', output = 'null', available_at = NULL, updated_at = now()
			FROM unnest($1::text[]) AS t (id) WHERE r.namespace = 'default' AND r.id = t.id AND r.worker_id = 'w'`,
		newID: uuid.NewString,
	},
	ownLayout: {
		batch: floorBatch,
		runs:  "workflow_runs",
		what:  "OpenWorkflow's own tables: ascending ids, 500 runs a claim",
		tables: `
			TRUNCATE $schema.workflow_runs CASCADE`,
		seed: `INSERT INTO $schema.workflow_runs
				(namespace_id, id, workflow_name, status, config, input, attempts, available_at, created_at, updated_at)
			SELECT 'default', to_char(n, 'FM00000000000000000000000000'), 'work', 'pending', '{}', 'null', 0, now(), now(), now()
			FROM generate_series(1, $1) AS n`,
		claim: `
			WITH due AS MATERIALIZED (
				SELECT id FROM $schema.workflow_runs WHERE namespace_id = 'default' AND status = 'pending' AND available_at <= now()
				ORDER BY available_at LIMIT $1 FOR UPDATE SKIP LOCKED)
			UPDATE $schema.workflow_runs SET status = 'running', attempts = attempts + 1, worker_id = 'w', available_at = now() + interval '30 s',
				started_at = now(), updated_at = now()
			WHERE namespace_id = 'default' AND id = ANY (ARRAY (SELECT id FROM due)) RETURNING id`,
		insert: `INSERT INTO $schema.step_attempts
				(namespace_id, id, workflow_run_id, step_name, kind, status, config, output, started_at, finished_at, created_at, updated_at)
			SELECT 'default', id, run, name, 'function', 'completed', '{}', output::jsonb, now(), now(), now(), now()
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS t (id, run, name, output)`,
		complete: `UPDATE $schema.workflow_runs SET status = 'completed', output = 'null', available_at = NULL, finished_at = now(), updated_at = now()
			WHERE namespace_id = 'default' AND id = ANY ($1::text[]) AND worker_id = 'w'`,
		newID: newULID,
	},
}
