package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/oklog/ulid/v2"
)

type barePostgres struct {
	pool   *pgxpool.Pool
	schema string
	run    string
}

func newBarePostgres(ctx context.Context, p place, writers int) (*barePostgres, error) {
	cfg, err := pgxpool.ParseConfig(p.URL)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(writers)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	b := &barePostgres{pool: pool, schema: p.Schema, run: ulid.Make().String()}
	err = b.insert(ctx, b.run, "done")
	return b, err
}

// sql writes the schema's name into a statement.
func (b *barePostgres) sql(s string) string { return strings.ReplaceAll(s, "$schema", b.schema) }

func (b *barePostgres) insertRun(ctx context.Context) error {
	return b.insert(ctx, ulid.Make().String(), "pending")
}

func (b *barePostgres) insert(ctx context.Context, id, status string) error {
	_, err := b.pool.Exec(ctx, b.sql(`INSERT INTO $schema.workflow_runs
		(namespace_id, id, workflow_name, status, config, input, attempts, available_at, created_at, updated_at)
		VALUES ('default', $1, 'work', $2, '{}', 'null', 0, now(), now(), now())`), id, status)
	return err
}

func (b *barePostgres) insertSteps(ctx context.Context) error {
	ids, names, outputs := steps(floorBatch, 0)
	_, err := b.pool.Exec(ctx, b.sql(`INSERT INTO $schema.step_attempts
		(namespace_id, id, workflow_run_id, step_name, kind, status, config, output, started_at, finished_at, created_at, updated_at)
		SELECT 'default', id, $4, name, 'function', 'completed', '{}', output::jsonb, now(), now(), now(), now()
		FROM unnest($1::text[], $2::text[], $3::text[]) AS t (id, name, output)`), ids, names, outputs, b.run)
	return err
}

// steps makes the columns of n step rows.
func steps(n, number int) (ids, names, outputs []string) {
	for range n {
		ids = append(ids, ulid.Make().String())
		names = append(names, fmt.Sprintf("step-%d", number+1))
		outputs = append(outputs, `{"ok":true}`)
	}
	return ids, names, outputs
}

func (b *barePostgres) lean(ctx context.Context, n int) error {
	_, err := b.pool.Exec(ctx, b.sql(`
		DROP TABLE IF EXISTS $schema.lean_steps, $schema.lean_runs;
		CREATE TABLE $schema.lean_runs (id text PRIMARY KEY, name text NOT NULL, status text NOT NULL, attempts int NOT NULL,
			input jsonb, output jsonb, worker_id text, available_at timestamptz, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
		CREATE TABLE $schema.lean_steps (id text PRIMARY KEY, run_id text NOT NULL, name text NOT NULL, status text NOT NULL,
			output jsonb, started_at timestamptz, finished_at timestamptz);
		CREATE INDEX ON $schema.lean_runs (name, available_at) WHERE status IN ('pending', 'running')`))
	if err != nil {
		return err
	}
	_, err = b.pool.Exec(ctx, b.sql(`INSERT INTO $schema.lean_runs
		SELECT gen_random_uuid(), 'work', 'pending', 0, 'null', NULL, NULL, now(), now(), now() FROM generate_series(1, $1)`), n)
	return err
}

func (b *barePostgres) cycle(ctx context.Context, count int) (int, error) {
	rows, err := b.pool.Query(ctx, b.sql(`
		WITH due AS MATERIALIZED (
			SELECT id FROM $schema.lean_runs WHERE name = 'work' AND status IN ('pending', 'running') AND available_at <= now()
			ORDER BY available_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		UPDATE $schema.lean_runs SET status = 'running', attempts = attempts + 1, worker_id = 'w', available_at = now() + interval '30 s', updated_at = now()
		WHERE id = ANY (ARRAY (SELECT id FROM due)) RETURNING id`), floorBatch)
	if err != nil {
		return 0, err
	}
	runs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(runs) == 0 {
		return 0, err
	}
	for i := range count {
		ids, names, outputs := steps(len(runs), i)
		var batch pgx.Batch
		batch.Queue(b.sql(`INSERT INTO $schema.lean_steps
			SELECT id, run, name, 'completed', output::jsonb, now(), now()
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS t (id, run, name, output)`), ids, runs, names, outputs)
		if i == count-1 {
			batch.Queue(b.sql(`UPDATE $schema.lean_runs SET status = 'completed', output = 'null', available_at = NULL, updated_at = now()
				WHERE id = ANY ($1::text[]) AND worker_id = 'w'`), runs)
		}
		if err := b.pool.SendBatch(ctx, &batch).Close(); err != nil {
			return 0, err
		}
	}
	return len(runs), nil
}

func (b *barePostgres) close() { b.pool.Close() }
