package pgstore_test

import (
	"context"
	"database/sql"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

const urlVariable = "OPENWORKFLOW_TEST_POSTGRES_URL"

func databaseURL(tb testing.TB) string {
	tb.Helper()
	url := os.Getenv(urlVariable)
	if url == "" {
		tb.Skip(urlVariable + " is not set: scripts/with-postgres.sh sets it")
	}
	return url
}

func testContext(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	tb.Cleanup(cancel)
	return ctx
}

// connect opens a connection of the test's own.
func connect(tb testing.TB) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(testContext(tb), databaseURL(tb))
	if err != nil {
		tb.Fatalf("connecting: %v", err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func execute(tb testing.TB, conn *pgx.Conn, sql string, args ...any) {
	tb.Helper()
	if _, err := conn.Exec(testContext(tb), sql, args...); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}

func scalar[T any](tb testing.TB, conn *pgx.Conn, sql string, args ...any) (out T) {
	tb.Helper()
	if err := conn.QueryRow(testContext(tb), sql, args...).Scan(&out); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return out
}

// newSchema names a schema of the test's own, and drops it afterwards.
func newSchema(tb testing.TB) string {
	tb.Helper()
	conn := connect(tb)
	name := "Test_" + strings.ToLower(domain.NewID())
	tb.Cleanup(func() { _, _ = conn.Exec(context.Background(), `drop schema if exists "`+name+`" cascade`) })
	return name
}

func openIn(tb testing.TB, schema, namespace string) *pgstore.Store {
	tb.Helper()
	s, err := pgstore.Open(testContext(tb), databaseURL(tb), pgstore.Config{Schema: schema, Namespace: namespace})
	if err != nil {
		tb.Fatalf("opening schema %s: %v", schema, err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func open(tb testing.TB) (*pgstore.Store, string) {
	tb.Helper()
	schema := newSchema(tb)
	return openIn(tb, schema, "default"), schema
}

// poolOf is a pool of the test's own, changed before it is made.
func poolOf(tb testing.TB, dsn string, change func(*pgxpool.Config)) *pgxpool.Pool {
	tb.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	change(cfg)
	pool, err := pgxpool.NewWithConfig(testContext(tb), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

func openSQL(tb testing.TB, cfg *pgx.ConnConfig) *sql.DB {
	tb.Helper()
	db := stdlib.OpenDB(*cfg)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func subFS(tb testing.TB, files fs.FS, dir string) fs.FS {
	tb.Helper()
	sub, err := fs.Sub(files, dir)
	if err != nil {
		tb.Fatal(err)
	}
	return sub
}

// otherDatabase is the test's URL with another database.
func otherDatabase(tb testing.TB, name string) string {
	tb.Helper()
	u, err := url.Parse(databaseURL(tb))
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
