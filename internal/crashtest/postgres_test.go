//go:build unix

package crashtest_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
)

func (s store) openPostgres(ctx context.Context) (backend, error) {
	return postgres.Open(ctx, s.URL, postgres.WithSchema(s.Schema))
}

// newPostgres is a schema of its own on the server that the environment names.
func newPostgres(t *testing.T) store {
	t.Helper()
	url := os.Getenv("OPENWORKFLOW_TEST_POSTGRES_URL")
	if url == "" {
		t.Skip("OPENWORKFLOW_TEST_POSTGRES_URL is not set")
	}
	s := store{Kind: "postgres", URL: url, Schema: fmt.Sprintf("crash_%d_%d", os.Getpid(), time.Now().UnixNano())}
	t.Cleanup(func() {
		if err := s.exec(`DROP SCHEMA IF EXISTS ` + s.Schema + ` CASCADE`); err != nil {
			t.Errorf("drop schema: %v", err)
		}
	})
	return s
}

// exec runs a statement of the test's own on the Postgres server.
func (s store) exec(sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql, args...)
	return err
}

// cut ends all the workers' connections, as a failover does.
func (s store) cut() error {
	return s.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`, s.Schema)
}
