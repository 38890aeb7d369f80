package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var (
	_ ports.Backend   = (*Tx)(nil)
	_ ports.Inspector = (*Tx)(nil)
)

// Tx is a store inside a transaction of the caller's: what its client methods do exists if and only if the
// caller commits. Its worker methods return ports.ErrClientOnly.
type Tx struct {
	verbs
}

// WithTx acts in the caller's transaction, which must be on the same database. A call that fails leaves
// nothing behind and the transaction usable.
func (s *Store) WithTx(tx *sql.Tx) *Tx {
	return &Tx{verbs{ns: s.ns, on: &callersTx{tx: tx, db: s.db}}}
}

// callersTx runs work inside the caller's transaction. News are not spread: only the caller knows when it
// commits, and then the change of the file is noticed.
type callersTx struct {
	tx *sql.Tx
	db *database
}

func (c *callersTx) limits() scanLimits { return c.db.scan }

func (c *callersTx) write(ctx context.Context, namespace string, fn func(*work) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.db.closed.Load() {
		return ports.ErrClosed
	}
	x := newWork(dbsqlc.New(c.tx), c.tx, namespace)
	if err := x.exec(sqlSavepointCall); err != nil {
		return interpretError(c.db.name, err)
	}
	err := fn(x)
	if err != nil {
		_ = x.exec(sqlRollbackToCall) // fails only if SQLite has rolled back everything, which undoes more
	}
	return interpretError(c.db.name, first(err, x.exec(sqlReleaseCall)))
}

func (c *callersTx) read(ctx context.Context, namespace string, fn func(*work) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.db.closed.Load() {
		return ports.ErrClosed
	}
	return interpretError(c.db.name, fn(newWork(dbsqlc.New(c.tx), c.tx, namespace)))
}

// ClaimRuns is not for transactions.
func (*Tx) ClaimRuns(context.Context, ports.ClaimRequest) (ports.ClaimResult, error) {
	return ports.ClaimResult{}, ports.ErrClientOnly
}

// ReclaimRun is not for transactions.
func (*Tx) ReclaimRun(context.Context, ports.ReclaimRequest) (ports.ReclaimResult, error) {
	return ports.ReclaimResult{}, ports.ErrClientOnly
}

// LoadHistories is not for transactions.
func (*Tx) LoadHistories(context.Context, ports.HistoryRequest) (ports.HistoryResult, error) {
	return ports.HistoryResult{}, ports.ErrClientOnly
}

// Commit is not for transactions.
func (*Tx) Commit(context.Context, []domain.Transition) ([]domain.Verdict, error) {
	return nil, ports.ErrClientOnly
}

// ExtendLeases is not for transactions.
func (*Tx) ExtendLeases(context.Context, ports.LeaseRequest) (ports.LeaseResult, error) {
	return ports.LeaseResult{}, ports.ErrClientOnly
}

// Sweep is not for transactions.
func (*Tx) Sweep(context.Context, ports.SweepRequest) (ports.SweepResult, error) {
	return ports.SweepResult{}, ports.ErrClientOnly
}
