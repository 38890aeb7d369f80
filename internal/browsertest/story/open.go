package story

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// Backend is a database of the story's, as a client takes it.
type Backend interface {
	openworkflow.Backend
	Close() error
}

// Open migrates a database that is empty, and tells the story in it. Where is the URL of a Postgres server, in which the
// schema is made, or the path of a SQLite file.
func Open(ctx context.Context, where, schema string, now time.Time) (Backend, *Told, error) {
	var b Backend
	var err error
	db := DB{}
	if strings.HasPrefix(where, "postgres") {
		db.Schema = schema
		if b, err = postgres.Open(ctx, where, postgres.WithSchema(schema)); err == nil {
			db.SQL, err = sql.Open("pgx", where)
		}
	} else if b, err = sqlite.Open(ctx, where); err == nil {
		db.SQL, err = sql.Open("sqlite", where+"?_pragma=busy_timeout(10000)")
	}
	if err != nil {
		return nil, nil, err
	}
	defer db.SQL.Close()
	told, err := Tell(ctx, db, now)
	if err != nil {
		_ = b.Close()
		return nil, nil, fmt.Errorf("the story: %w", err)
	}
	return b, told, nil
}
