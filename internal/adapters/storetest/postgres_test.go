package storetest_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
)

const urlVariable = "OPENWORKFLOW_TEST_POSTGRES_URL"

// onPostgres is a schema of its own, dropped afterwards.
func onPostgres(t *testing.T) system {
	url := os.Getenv(urlVariable)
	if url == "" {
		t.Skip(urlVariable + " is not set: scripts/with-postgres.sh sets it")
	}
	schema := "storetest_" + strings.ToLower(domain.NewID())
	t.Cleanup(func() { dropSchema(t, url, schema) })
	store, err := postgres.Open(t.Context(), url, postgres.WithSchema(schema))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("closing the Postgres store: %v", err)
		}
	})
	return system{"postgres", func(ns string) ports.Backend { return store.WithNamespace(ns) }}
}

func dropSchema(t *testing.T, url, schema string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Errorf("connecting to drop schema %s: %v", schema, err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{schema}.Sanitize()+" CASCADE"); err != nil {
		t.Errorf("dropping schema %s: %v", schema, err)
	}
}

func TestPostgresAgreesWithMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, agree(t, inMemory(), onPostgres(t)))
}
