package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	_ "modernc.org/sqlite" // the driver that the store uses too
)

const sqliteTime = "2006-01-02T15:04:05.000Z"

type bareSQLite struct {
	db         *sql.DB
	run        string
	statements map[string]*sql.Stmt // closed with the database
}

func newBareSQLite(ctx context.Context, p place) (*bareSQLite, error) {
	db, err := sql.Open("sqlite", "file:"+p.URL+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	b := &bareSQLite{db: db, run: ulid.Make().String(), statements: map[string]*sql.Stmt{}}
	err = b.insert(ctx, b.run, "done")
	return b, err
}

func now() string { return time.Now().UTC().Format(sqliteTime) }

// statement prepares once.
func (b *bareSQLite) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := b.statements[text]; s != nil {
		return s, nil
	}
	s, err := b.db.PrepareContext(ctx, text)
	if err == nil {
		b.statements[text] = s
	}
	return s, err
}

func (b *bareSQLite) insertRun(ctx context.Context) error {
	return b.insert(ctx, ulid.Make().String(), "pending")
}

func (b *bareSQLite) insert(ctx context.Context, id, status string) error {
	//nolint:sqlclosecheck // it is used again; close closes it
	s, err := b.statement(ctx, `INSERT INTO workflow_runs
		(namespace_id, id, workflow_name, status, config, input, attempts, available_at, created_at, updated_at)
		VALUES ('default', ?, 'work', ?, '{}', 'null', 0, ?, ?, ?)`)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx, id, status, now(), now(), now())
	return err
}

// values is so many rows of a multi-row insert.
func values(row string, n int) string { return strings.TrimSuffix(strings.Repeat(row+", ", n), ", ") }

// sqliteRows is how many rows a statement takes; a commit has several.
const sqliteRows = 50

func (b *bareSQLite) insertSteps(ctx context.Context) error {
	s, err := b.statement(ctx, `INSERT INTO step_attempts
		(namespace_id, id, workflow_run_id, step_name, kind, status, config, output, started_at, finished_at, created_at, updated_at)
		VALUES `+values(`('default', ?, ?, ?, 'function', 'completed', '{}', ?, ?, ?, ?, ?)`, sqliteRows))
	if err != nil {
		return err
	}
	return b.commit(ctx, func(tx *sql.Tx) error {
		inside := tx.StmtContext(ctx, s)
		defer inside.Close()
		for range floorBatch / sqliteRows {
			ids, names, outputs := steps(sqliteRows, 0, newULID)
			at := now()
			var args []any
			for i := range ids {
				args = append(args, ids[i], b.run, names[i], outputs[i], at, at, at, at)
			}
			if _, err := inside.ExecContext(ctx, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bareSQLite) commit(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

func (b *bareSQLite) prepare(ctx context.Context, _ string, n int) error {
	_, err := b.db.ExecContext(ctx, `
		DROP TABLE IF EXISTS lean_steps; DROP TABLE IF EXISTS lean_runs;
		CREATE TABLE lean_runs (id text PRIMARY KEY, name text NOT NULL, status text NOT NULL, attempts int NOT NULL,
			input text, output text, worker_id text, available_at text, created_at text NOT NULL, updated_at text NOT NULL);
		CREATE TABLE lean_steps (id text PRIMARY KEY, run_id text NOT NULL, name text NOT NULL, status text NOT NULL,
			output text, started_at text, finished_at text);
		CREATE INDEX lean_claim ON lean_runs (name, available_at) WHERE status IN ('pending', 'running')`)
	if err != nil {
		return err
	}
	_, err = b.db.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO lean_runs SELECT hex(randomblob(16)), 'work', 'pending', 0, 'null', NULL, NULL, ?, ?, ? FROM n`, n, now(), now(), now())
	return err
}

func (b *bareSQLite) cycle(ctx context.Context, count int) (int, error) {
	var runs []string
	err := b.commit(ctx, func(tx *sql.Tx) (err error) {
		runs, err = b.claim(ctx, tx)
		return err
	})
	if err != nil || len(runs) == 0 {
		return 0, err
	}
	for i := range max(1, count) {
		err := b.commit(ctx, func(tx *sql.Tx) error {
			if count > 0 {
				if err := b.leanSteps(ctx, tx, runs, i); err != nil || i < count-1 {
					return err
				}
			}
			return b.complete(ctx, tx, runs)
		})
		if err != nil {
			return 0, err
		}
	}
	return len(runs), nil
}

func (b *bareSQLite) claim(ctx context.Context, tx *sql.Tx) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `UPDATE lean_runs SET status = 'running', attempts = attempts + 1, worker_id = 'w', available_at = ?, updated_at = ?
		WHERE id IN (SELECT id FROM lean_runs WHERE name = 'work' AND status IN ('pending', 'running') AND available_at <= ? ORDER BY available_at LIMIT ?)
		RETURNING id`, time.Now().Add(time.Minute).UTC().Format(sqliteTime), now(), now(), floorBatch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (b *bareSQLite) leanSteps(ctx context.Context, tx *sql.Tx, runs []string, number int) error {
	for len(runs) > 0 {
		some := runs[:min(sqliteRows, len(runs))]
		runs = runs[len(some):]
		ids, names, outputs := steps(len(some), number, newULID)
		at := now()
		var args []any
		for i := range ids {
			args = append(args, ids[i], some[i], names[i], outputs[i], at, at)
		}
		text := `INSERT INTO lean_steps VALUES ` + values(`(?, ?, ?, 'completed', ?, ?, ?)`, len(some)) //nolint:gosec // adds parameters only
		if _, err := tx.ExecContext(ctx, text, args...); err != nil {
			return fmt.Errorf("insert steps: %w", err)
		}
	}
	return nil
}

func (b *bareSQLite) complete(ctx context.Context, tx *sql.Tx, runs []string) error {
	s, err := tx.PrepareContext(ctx, `UPDATE lean_runs SET status = 'completed', output = 'null', available_at = NULL, updated_at = ? WHERE id = ? AND worker_id = 'w'`)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, id := range runs {
		if _, err := s.ExecContext(ctx, now(), id); err != nil {
			return err
		}
	}
	return nil
}

func (b *bareSQLite) close() {
	for _, s := range b.statements {
		_ = s.Close()
	}
	_ = b.db.Close()
}
