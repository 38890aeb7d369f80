//go:build unix

package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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
	if os.Getenv("OPENWORKFLOW_TEST_POSTGRES_STANDBY") != "" {
		t.Skip("another test kills the server")
	}
	return schemaIn(t, url)
}

func schemaIn(t *testing.T, url string) store {
	t.Helper()
	s := store{Kind: "postgres", URL: url, Schema: fmt.Sprintf("crash_%d_%d", os.Getpid(), time.Now().UnixNano())}
	t.Cleanup(func() {
		if err := s.exec(`DROP SCHEMA IF EXISTS ` + s.Schema + ` CASCADE`); err != nil {
			t.Errorf("drop schema: %v", err)
		}
	})
	return s
}

// newPair is a schema on a server with a standby, and what lets the standby take the server's place. Whoever connects is led to the
// standby from just before the server dies: for a moment, it can only be read from.
func newPair(t *testing.T) (s store, failOver func(context.Context) error) {
	t.Helper()
	url, standby, command := os.Getenv("OPENWORKFLOW_TEST_POSTGRES_URL"), os.Getenv("OPENWORKFLOW_TEST_POSTGRES_STANDBY"), os.Getenv("OPENWORKFLOW_TEST_POSTGRES_FAILOVER")
	switch {
	case standby != "" && command != "":
	case os.Getenv("OPENWORKFLOW_TEST_POSTGRES_PAIR") != "":
		t.Fatal("a standby is wanted, and there is none")
	default:
		t.Skip("there is no standby: make test-failover starts one")
	}
	address := newLine(t, url)
	return schemaIn(t, address.url), func(ctx context.Context) error {
		address.move(standby)
		if out, err := exec.CommandContext(ctx, "bash", "-c", command).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
}

// exec runs a statement of the test's own on the Postgres server, again until one that serves has answered.
func (s store) exec(sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		err := s.once(ctx, sql, args)
		var answer *pgconn.PgError
		refused := errors.As(err, &answer) && answer.Code != "25006" && !strings.HasPrefix(answer.Code, "57P")
		if err == nil || refused || ctx.Err() != nil {
			return err
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func (s store) once(ctx context.Context, sql string, args []any) error {
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
