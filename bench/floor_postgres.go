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
	layout *layout // that was prepared last
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
	ids, names, outputs := steps(floorBatch, 0, newULID)
	_, err := b.pool.Exec(ctx, b.sql(`INSERT INTO $schema.step_attempts
		(namespace_id, id, workflow_run_id, step_name, kind, status, config, output, started_at, finished_at, created_at, updated_at)
		SELECT 'default', id, $4, name, 'function', 'completed', '{}', output::jsonb, now(), now(), now(), now()
		FROM unnest($1::text[], $2::text[], $3::text[]) AS t (id, name, output)`), ids, names, outputs, b.run)
	return err
}

// steps makes the columns of n step rows.
func steps(n, number int, newID func() string) (ids, names, outputs []string) {
	for range n {
		ids = append(ids, newID())
		names = append(names, fmt.Sprintf("step-%d", number+1))
		outputs = append(outputs, `{"ok":true}`)
	}
	return ids, names, outputs
}

func newULID() string { return ulid.Make().String() }

func (b *barePostgres) prepare(ctx context.Context, kind string, n int) error {
	b.layout = layouts[kind]
	if _, err := b.pool.Exec(ctx, b.sql(`DROP TABLE IF EXISTS $schema.lean_steps, $schema.lean_runs;`+b.layout.tables)); err != nil {
		return err
	}
	if _, err := b.pool.Exec(ctx, b.sql(b.layout.seed), n); err != nil {
		return err
	}
	_, err := b.pool.Exec(ctx, b.sql(`VACUUM ANALYZE $schema.`+b.layout.runs))
	return err
}

// cycle claims in one commit, and commits the steps of all claimed runs together, the last with the runs' ends.
func (b *barePostgres) cycle(ctx context.Context, count int) (int, error) {
	rows, err := b.pool.Query(ctx, b.sql(b.layout.claim), b.layout.batch)
	if err != nil {
		return 0, err
	}
	runs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(runs) == 0 {
		return 0, err
	}
	for i := range max(1, count) {
		var batch pgx.Batch
		if count > 0 {
			ids, names, outputs := steps(len(runs), i, b.layout.newID)
			batch.Queue(b.sql(b.layout.insert), ids, runs, names, outputs)
		}
		if i >= count-1 {
			batch.Queue(b.sql(b.layout.complete), runs)
		}
		if err := b.pool.SendBatch(ctx, &batch).Close(); err != nil {
			return 0, err
		}
	}
	return len(runs), nil
}

func (b *barePostgres) close() { b.pool.Close() }
