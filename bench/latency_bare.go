package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Bare SQL from start to result, between two processes: a client inserts a run and notifies, in one commit; a worker claims it, in
// another; inserts its step, completes it and notifies, in a third; the client has heard of it. Nothing else happens.
const (
	bareStart = `WITH started AS (
			INSERT INTO $schema.lean_runs VALUES ('default', $1, 'pending', 0, NULL, NULL, now(), now()) RETURNING id)
		SELECT pg_notify('$schema_due', id) FROM started`
	bareClaim = `UPDATE $schema.lean_runs SET status = 'running', attempts = attempts + 1, worker_id = 'w', available_at = now() + interval '30 s', updated_at = now()
		WHERE namespace = 'default' AND id = (
			SELECT id FROM $schema.lean_runs WHERE namespace = 'default' AND status IN ('pending', 'running') AND available_at <= now()
			ORDER BY available_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING id`
	bareStep = `INSERT INTO $schema.lean_steps
		VALUES ('default', $1, $2, 'step-1', 'function', 'completed', '{"ok":true}', now(), now(), now(), now())`
	bareComplete = `UPDATE $schema.lean_runs SET status = 'completed', output = 'null', available_at = NULL, updated_at = now()
		WHERE namespace = 'default' AND id = $1 AND worker_id = 'w'`
	bareFinished = `SELECT pg_notify('$schema_done', $1)`
)

// bareParty is the client or the worker: one connection that listens and asks.
type bareParty struct {
	conn   *pgx.Conn
	schema string
}

func newBareParty(ctx context.Context, p place, channel string) (*bareParty, error) {
	conn, err := pgx.Connect(ctx, p.URL)
	if err != nil {
		return nil, err
	}
	b := &bareParty{conn, p.Schema}
	if _, err := conn.Exec(ctx, b.sql("LISTEN "+channel)); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return b, nil
}

func (b *bareParty) sql(s string) string { return strings.ReplaceAll(s, "$schema", b.schema) }

// startToResult starts a run and waits until it has ended.
func (b *bareParty) startToResult(ctx context.Context) error {
	id := uuid.NewString()
	if _, err := b.conn.Exec(ctx, b.sql(bareStart), id); err != nil {
		return err
	}
	for {
		n, err := b.conn.WaitForNotification(ctx)
		if err != nil || n.Payload == id {
			return err
		}
	}
}

// beBareWorker works until its standard input ends.
func beBareWorker(ctx context.Context, p place) error {
	b, err := newBareParty(ctx, p, "$schema_due")
	if err != nil {
		return err
	}
	defer b.conn.Close(context.WithoutCancel(ctx))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	for { // the first time for what came before it listened
		if err := b.work(ctx); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if _, err := b.conn.WaitForNotification(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// work claims a run, does its step, which is nothing, and completes it.
func (b *bareParty) work(ctx context.Context) error {
	var id string
	if err := b.conn.QueryRow(ctx, b.sql(bareClaim)).Scan(&id); err != nil {
		return err
	}
	var batch pgx.Batch
	batch.Queue(b.sql(bareStep), uuid.NewString(), id)
	batch.Queue(b.sql(bareComplete), id)
	batch.Queue(b.sql(bareFinished), id)
	return b.conn.SendBatch(ctx, &batch).Close()
}
