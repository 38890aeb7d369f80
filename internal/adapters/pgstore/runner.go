package pgstore

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// defaultTimeout bounds calls whose context has no deadline, and every statement on the server.
const defaultTimeout = 30 * time.Second

// cleanupTimeout bounds what is done for a connection after an error.
const cleanupTimeout = 5 * time.Second

// maxRetries bounds how often a transaction is tried again after a deadlock or a serialization failure. One
// that gave up waiting for a lock goes on until its context ends: it only waits in pieces.
const maxRetries = 20

// planning says how the statements of a transaction are planned.
type planning dbsqlc.SetPlanningParams

var (
	planOnce = planning{EnableScans: "off", PlanCacheMode: "force_generic_plan", StatementTimeout: statementTimeout}
	planEach = planning{EnableScans: "on", PlanCacheMode: "force_custom_plan", StatementTimeout: statementTimeout}

	statementTimeout = strconv.FormatInt(defaultTimeout.Milliseconds(), 10)
)

// runner runs pipelines: as transactions of their own, or within the caller's. build may be called again
// when the transaction is.
type runner interface {
	run(ctx context.Context, plan planning, build func(*pipeline)) error
	// runAndTell is run with planOnce, and tells e when it is committed, or may be and the answer was lost.
	runAndTell(ctx context.Context, namespace string, e ports.Event, build func(*pipeline)) error
	// publish tells of what was written.
	publish(ctx context.Context, namespace string, e ports.Event)
}

// runThenTell tells by itself what was written.
func runThenTell(ctx context.Context, r runner, namespace string, e ports.Event, build func(*pipeline)) error {
	err := r.run(ctx, planOnce, build)
	if err == nil {
		r.publish(ctx, namespace, e)
	}
	return err
}

// withTimeout bounds a context that has no bound; one that has is returned as it is, and there is nothing to cancel.
func withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, defaultTimeout)
}

// pingAfter is how long a connection may lie idle before it is asked whether it still stands.
const pingAfter = time.Second

type askedAgain struct{}

// repeated marks a call that its caller makes again and again, after an error too: it is not worth another round
// trip to find out first whether the connection still stands.
func repeated(ctx context.Context) context.Context { return context.WithValue(ctx, askedAgain{}, true) }

func shouldPing(ctx context.Context, p pgxpool.ShouldPingParams) bool {
	return p.IdleDuration > pingAfter && ctx.Value(askedAgain{}) == nil
}

// poolRunner runs each pipeline as a transaction of its own.
type poolRunner struct {
	core *core
	pool *pgxpool.Pool
}

func (r poolRunner) run(ctx context.Context, plan planning, build func(*pipeline)) error {
	return r.transact(ctx, plan, func(ctx context.Context, tx *transaction) error {
		return tx.commit(ctx, build)
	})
}

func (r poolRunner) runAndTell(ctx context.Context, namespace string, e ports.Event, build func(*pipeline)) error {
	aboard := r.core.news.board(namespace, e)
	if aboard == nil {
		return runThenTell(ctx, r, namespace, e, build)
	}
	err := r.run(ctx, planOnce, func(p *pipeline) {
		build(p)
		aboard.queue(p)
	})
	aboard.landed(err)
	return err
}

func (r poolRunner) publish(_ context.Context, namespace string, e ports.Event) {
	r.core.news.publish(namespace, e)
}

// transact does a transaction of one or more pipelines, again after a deadlock or serialization failure.
// do must end with commit, or leave it to be rolled back.
func (r poolRunner) transact(ctx context.Context, plan planning, do func(context.Context, *transaction) error) error {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	for attempt := 0; ; attempt++ {
		if r.core.closed.Load() {
			return ports.ErrClosed
		}
		err := r.try(ctx, plan, do)
		if err == nil || !transient(err) || (attempt >= maxRetries && sqlState(err) != stateLockTimeout) {
			return interpretError(err)
		}
		if err := pause(ctx, attempt); err != nil {
			return interpretError(err)
		}
	}
}

// pause waits before another try, longer each time, and never so that two callers keep step.
func pause(ctx context.Context, attempt int) error {
	most := min(time.Millisecond<<min(attempt, 6), 50*time.Millisecond)
	timer := time.NewTimer(rand.N(most) + time.Millisecond/2)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r poolRunner) try(ctx context.Context, plan planning, do func(context.Context, *transaction) error) error {
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // destroys a connection that is broken or still in a transaction
	tx := &transaction{conn: conn, core: r.core, plan: plan}
	err = do(ctx, tx)
	tx.end(ctx, err)
	return err
}

// transaction is one on a connection of the pool.
type transaction struct {
	conn  *pgxpool.Conn
	core  *core
	plan  planning
	begun bool
}

// send runs a pipeline and leaves the transaction open.
func (t *transaction) send(ctx context.Context, build func(*pipeline)) error {
	return t.pass(ctx, t.pipeline(build, false))
}

// commit runs a pipeline that ends the transaction.
func (t *transaction) commit(ctx context.Context, build func(*pipeline)) error {
	return t.pass(ctx, t.pipeline(build, true))
}

func (t *transaction) pass(ctx context.Context, p *pipeline) error {
	if p.size > enoughRoom {
		t.conn.Conn().PgConn().Frontend().Send(vacancy(p.size))
	}
	return p.send(ctx, t.conn)
}

func (t *transaction) pipeline(build func(*pipeline), commit bool) *pipeline {
	p := &pipeline{schema: t.core.schema, typed: t.core.typed}
	if p.typed {
		learnRoom(t.conn.Conn())
	}
	build(p)
	t.frame(p, settled(t.conn.Conn()), commit)
	return p
}

// frame puts around the statements of a pipeline what begins and ends the transaction; by itself a pipeline is one.
func (t *transaction) frame(p *pipeline, settled, commit bool) {
	settled = settled && t.plan == planOnce
	if settled && commit && !t.begun && len(p.then) == 0 {
		return
	}
	items := p.items
	p.items = nil
	if !t.begun {
		t.begun = true
		p.raw(sqlBegin)
		if !settled {
			exec(p, (*dbsqlc.Queries).SetPlanning, dbsqlc.SetPlanningParams(t.plan))
		}
	}
	p.items = append(p.items, items...)
	if commit {
		p.raw(sqlCommit)
	}
}

// end leaves the connection fit for the pool, or closes it.
func (t *transaction) end(ctx context.Context, err error) {
	conn := t.conn.Conn()
	if conn.IsClosed() {
		return
	}
	if connectionLost(err) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		_ = conn.Close(ctx)
		return
	}
	if conn.PgConn().TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		_, _ = conn.Exec(ctx, sqlRollback)
	}
}

// txRunner runs pipelines within the caller's transaction, each under a savepoint, so that what fails here
// leaves the caller's transaction usable.
type txRunner struct {
	core *core
	tx   pgx.Tx
}

func (r txRunner) run(ctx context.Context, _ planning, build func(*pipeline)) error {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	if r.core.closed.Load() {
		return ports.ErrClosed
	}
	p := &pipeline{schema: r.core.schema}
	p.raw(sqlSavepoint)
	build(p)
	p.raw(sqlReleaseSavepoint)
	err := p.send(ctx, r.tx)
	if err != nil && !connectionLost(err) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		_, _ = r.tx.Exec(ctx, sqlRollbackSavepoint)
	}
	return interpretError(err)
}

func (r txRunner) runAndTell(ctx context.Context, namespace string, e ports.Event, build func(*pipeline)) error {
	return runThenTell(ctx, r, namespace, e, build)
}

func (r txRunner) publish(ctx context.Context, namespace string, e ports.Event) {
	r.core.news.publishWithin(ctx, r, namespace, e)
}
