package pgstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
)

// pipeline gathers statements that go to the server together. Queries are queued through the generated
// methods, so that their names, arguments and rows are checked by the compiler.
type pipeline struct {
	schema *schema
	typed  bool // pgx knows the types of the parameters, and the connection those of ours (learnRoom)
	size   int  // of all arguments in bytes, or a little more; if typed
	items  []queued
	then   []queued // they run when the items have been committed, and harm nobody if they fail
	done   *bool    // becomes whether then did what it should
}

type queued struct {
	sql  string
	args []any
	read func(results) error
}

// rows queues a query; *out holds its rows once the pipeline has run.
func rows[P, R any](p *pipeline, query func(*dbsqlc.Queries, context.Context, P) ([]R, error), params P, out *[]R) {
	rowsAs(p, query, params, itself, out)
}

// rowsAs queues a query; *out holds what becomes of its rows.
func rowsAs[P, R, T any](p *pipeline, query func(*dbsqlc.Queries, context.Context, P) ([]R, error), params P, as func(*R) T, out *[]T) {
	p.record(func(q *dbsqlc.Queries) error {
		_, err := query(q, context.Background(), params)
		return err
	}, func(res results) (err error) {
		found, err := res.Query()
		if err != nil {
			return err
		}
		*out, err = collect(found, as)
		return err
	})
}

func itself[R any](row *R) R { return *row }

// exec queues a statement without an answer.
func exec[P any](p *pipeline, query func(*dbsqlc.Queries, context.Context, P) error, params P) {
	p.record(func(q *dbsqlc.Queries) error { return query(q, context.Background(), params) }, readNothing)
}

// affected queues a statement that answers with a number of rows.
func affected[P any](p *pipeline, query func(*dbsqlc.Queries, context.Context, P) (int64, error), params P, out *int64) {
	p.record(func(q *dbsqlc.Queries) error {
		_, err := query(q, context.Background(), params)
		return err
	}, func(res results) error {
		tag, err := res.Exec()
		*out = tag.RowsAffected()
		return err
	})
}

// one queues a query that gives one row.
func one[P, R any](p *pipeline, query func(*dbsqlc.Queries, context.Context, P) (R, error), params P, out *R) {
	p.record(func(q *dbsqlc.Queries) error {
		_, err := query(q, context.Background(), params)
		return err
	}, func(res results) error {
		found, err := res.Query()
		if err != nil {
			return err
		}
		all, err := collect(found, itself[R])
		if err == nil && len(all) != 1 {
			err = fmt.Errorf("a query for one row gave %d", len(all))
		}
		if err == nil {
			*out = all[0]
		}
		return err
	})
}

// now queues the question what time the transaction has.
func (p *pipeline) now(out *time.Time) {
	one(p, func(q *dbsqlc.Queries, ctx context.Context, _ struct{}) (time.Time, error) { return q.GetNow(ctx) }, struct{}{}, out)
}

// probe queues the look at the tables.
func (p *pipeline) probe() {
	exec(p, func(q *dbsqlc.Queries, ctx context.Context, _ struct{}) error { return q.ProbeTables(ctx) }, struct{}{})
}

// raw queues a statement of sql.go.
func (p *pipeline) raw(sql string) {
	p.items = append(p.items, queued{sql: sql, read: readNothing})
}

func readNothing(res results) error {
	_, err := res.Exec()
	return err
}

// afterwards queues what is to run once the rest has been committed, in the same round trip. *done holds whether it did.
func (p *pipeline) afterwards(build func(*pipeline), done *bool) {
	q := &pipeline{schema: p.schema, typed: p.typed}
	build(q)
	p.then, p.done, p.size = q.items, done, p.size+q.size
}

func (p *pipeline) record(call func(*dbsqlc.Queries) error, read func(results) error) {
	rec := &recorder{}
	_ = call(dbsqlc.New(rec)) // always errRecorded, or what follows from it
	if p.typed {
		size := lean(rec.args)
		if size > enoughRoom {
			withRoom(rec.args, size)
		}
		p.size += size
	}
	p.items = append(p.items, queued{sql: p.schema.statement(rec.sql), args: rec.args, read: read})
}

// sender is a connection or a transaction.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// results gives the answers to statements, one after the other.
type results interface {
	Exec() (pgconn.CommandTag, error)
	Query() (pgx.Rows, error)
}

// alone is the one statement of a pipeline: it goes by itself, without what a batch keeps of its statements.
type alone struct {
	ctx  context.Context
	to   sender
	sql  string
	args []any
}

func (a alone) Exec() (pgconn.CommandTag, error) { return a.to.Exec(a.ctx, a.sql, a.args...) }
func (a alone) Query() (pgx.Rows, error)         { return a.to.Query(a.ctx, a.sql, a.args...) }

// send runs the pipeline: one round trip, and one more for statements that this connection never prepared.
func (p *pipeline) send(ctx context.Context, to sender) error {
	if len(p.items) == 1 && len(p.then) == 0 {
		only := &p.items[0]
		return only.read(alone{ctx: ctx, to: to, sql: only.sql, args: only.args})
	}
	var batch pgx.Batch
	for _, items := range [][]queued{p.items, p.then} {
		for i := range items {
			batch.Queue(items[i].sql, items[i].args...)
		}
	}
	res := to.SendBatch(ctx, &batch)
	for i := range p.items {
		if err := p.items[i].read(res); err != nil {
			_ = res.Close() // repeats the error
			return err
		}
	}
	if len(p.then) > 0 {
		*p.done = p.readThen(res) == nil
		return nil
	}
	return res.Close()
}

func (p *pipeline) readThen(res pgx.BatchResults) error {
	for i := range p.then {
		if err := p.then[i].read(res); err != nil {
			_ = res.Close()
			return err
		}
	}
	return res.Close()
}

// collect reads all rows, column by column into the fields of R in their order, or into an R that is no struct, and keeps
// what as makes of them. Unlike pgx.RowToStructByPos it looks at the type once, not for each row.
func collect[R, T any](found pgx.Rows, as func(*R) T) ([]T, error) {
	defer found.Close()
	var row R
	fields := fieldsOf(&row)
	out := []T{}
	for found.Next() {
		if err := found.Scan(fields...); err != nil {
			return nil, err
		}
		out = append(out, as(&row))
	}
	return out, found.Err()
}

func fieldsOf[R any](row *R) []any {
	v := reflect.ValueOf(row).Elem()
	if _, scalar := any(row).(*time.Time); scalar || v.Kind() != reflect.Struct {
		return []any{row}
	}
	fields := make([]any, v.NumField())
	for i := range fields {
		fields[i] = v.Field(i).Addr().Interface()
	}
	return fields
}

// recorder stands in for a connection: it keeps the statement instead of sending it.
type recorder struct {
	sql  string
	args []any
}

var errRecorded = errors.New("openworkflow: recorded, not run")

func (r *recorder) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	r.sql, r.args = sql, args
	return pgconn.CommandTag{}, errRecorded
}

func (r *recorder) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	r.sql, r.args = sql, args
	return nil, errRecorded
}

func (r *recorder) QueryRow(_ context.Context, sql string, args ...any) pgx.Row {
	r.sql, r.args = sql, args
	return noRow{}
}

type noRow struct{}

func (noRow) Scan(...any) error { return errRecorded }
