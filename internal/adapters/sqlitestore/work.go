package sqlitestore

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// work is one call's turn inside a transaction.
type work struct {
	ctx   context.Context // never ends: see session
	q     *dbsqlc.Queries
	db    dbsqlc.DBTX
	ns    string
	now   time.Time // what rows get: the present to the millisecond
	clock time.Time // the present
	heads map[rowKey]*head
	news  map[string]*ports.Event
}

func newWork(q *dbsqlc.Queries, db dbsqlc.DBTX, namespace string) *work {
	// Without the monotonic reading times compare as those read from the database do.
	clock := time.Now().Round(0).UTC()
	return &work{
		ctx: context.Background(), q: q, db: db, ns: namespace,
		now: clock.Truncate(time.Millisecond), clock: clock,
		heads: make(map[rowKey]*head),
	}
}

func (x *work) exec(query string) error {
	_, err := x.db.ExecContext(x.ctx, query)
	return err
}

// item runs fn under a savepoint of its own. If fn fails with an answer, nothing of it stays, and the answer
// is returned as refused; failed means that the transaction is lost.
func (x *work) item(fn func() error) (refused, failed error) {
	if err := x.exec(sqlSavepointItem); err != nil {
		return nil, err
	}
	err := fn()
	if err == nil {
		return nil, x.exec(sqlReleaseItem)
	}
	if !isAnswer(err) {
		return nil, err
	}
	clear(x.heads) // what fn did to them is undone
	if failed := first(x.exec(sqlRollbackToItem), x.exec(sqlReleaseItem)); failed != nil {
		return nil, failed
	}
	return err, nil
}

// event is where the news of a namespace are collected, to be spread after the commit.
func (x *work) event(namespace string) *bulletin {
	if x.news == nil {
		x.news = make(map[string]*ports.Event)
	}
	if x.news[namespace] == nil {
		x.news[namespace] = &ports.Event{}
	}
	return (*bulletin)(x.news[namespace])
}

func (x *work) nowText() string { return fact(x.now) }

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
