package story

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"
)

// Told names the runs of the story that pages are shown of.
type Told struct {
	Order    string // completed: parallel steps, retries, a sleep, a signal, a child
	Shipment string // its child
	Expense  string // waits for a signal
	Digest   string // asleep for days
	Import   string // under way, held by a worker
	Payout   string // failed, with a stack
	Retrying string // between two attempts of a step
	Due      string // pending, and nobody serves its workflow
	Later    string // pending, scheduled
	Canceled string
	Long     string // 700 steps
	Rerun    string // of Payout
}

// teller collects rows.
type teller struct {
	now      time.Time
	ids      ids
	rng      *rand.Rand
	runs     []Run
	attempts []Attempt
	workers  []Worker
}

// ago is an instant before now.
func (t *teller) ago(d time.Duration) time.Time { return t.now.Add(-d) }

// Tell writes the story into an empty, migrated database.
func Tell(ctx context.Context, db DB, now time.Time) (*Told, error) {
	t := &teller{now: now.Truncate(time.Millisecond), rng: rand.New(rand.NewPCG(7, 11))}
	told := &Told{}
	t.crowd()
	t.heroes(told)
	t.crew()
	return told, t.write(ctx, db)
}

func (t *teller) write(ctx context.Context, db DB) error {
	tx, err := db.SQL.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	for i := range t.runs {
		r := t.runs[i]
		r.Parent = "" // is an attempt, which has to exist, as its run has to
		if err := db.run(ctx, tx, r); err != nil {
			return err
		}
	}
	for _, a := range t.attempts {
		if err := db.attempt(ctx, tx, a); err != nil {
			return err
		}
	}
	for i := range t.runs {
		if parent := t.runs[i].Parent; parent != "" {
			if err := db.link(ctx, tx, t.runs[i].ID, parent); err != nil {
				return err
			}
		}
	}
	for _, w := range t.workers {
		if err := db.worker(ctx, tx, w); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// link names the parent in its child.
func (d DB) link(ctx context.Context, tx *sql.Tx, child, parent string) error {
	table, places := "workflow_runs", []any{"?", "?", "?"}
	if d.Schema != "" {
		table, places = d.Schema+".workflow_runs", []any{"$1", "$2", "$3"}
	}
	query := fmt.Sprintf("UPDATE "+table+" SET parent_step_attempt_namespace_id = %s, parent_step_attempt_id = %s WHERE id = %s", places...)
	_, err := tx.ExecContext(ctx, query, Namespace, parent, child)
	return err
}

func (d DB) worker(ctx context.Context, tx *sql.Tx, w Worker) error {
	return d.insert(ctx, tx, "workflow_workers",
		"namespace_id", Namespace, "id", w.ID, "host", w.Host, "pid", w.PID, "language", "go", "workflows", document(w.Workflows),
		"concurrency", w.Slots, "started_at", d.time(w.Started), "seen_at", d.time(w.Seen))
}
