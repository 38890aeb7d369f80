package pgstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// openAs opens a store as a role that has these rights in a new, migrated schema.
func openAs(t *testing.T, rights ...string) *pgstore.Store {
	t.Helper()
	admin, schema := connect(t), newSchema(t)
	migrate(t, schema)
	role := "ow_" + strings.ToLower(domain.NewID())
	execute(t, admin, `create role `+role)
	t.Cleanup(func() {
		_, _ = admin.Exec(context.Background(), `drop owned by `+role)
		_, _ = admin.Exec(context.Background(), `drop role `+role)
	})
	execute(t, admin, `grant usage on schema "`+schema+`" to `+role)
	for _, right := range rights {
		execute(t, admin, strings.ReplaceAll(right, "SCHEMA", `"`+schema+`"`)+role)
	}
	s, err := pgstore.Open(testContext(t), withParam(t, "options", "-c role="+role), pgstore.Config{Schema: schema, SkipMigrations: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A role that may read is all that looking needs.
func TestLookingNeedsToReadOnly(t *testing.T) {
	t.Parallel()
	s := openAs(t, `grant select on all tables in schema SCHEMA to `)
	looks(t, s)
	if err := s.Ping(testContext(t)); err != nil {
		t.Error(err)
	}
	if _, err := s.WorkflowStats(testContext(t), ports.StatsRequest{Window: time.Hour, Buckets: 1}); err != nil {
		t.Error(err)
	}
	if _, err := s.CreateRuns(testContext(t), []domain.NewRun{{ID: domain.NewID(), WorkflowName: "w"}}); err == nil || !strings.Contains(err.Error(), "privilege") {
		t.Errorf("creating a run: %v", err)
	}
}

// A role whose rights are older than the table of workers can do all else.
func TestRightsOlderThanTheTableOfWorkers(t *testing.T) {
	t.Parallel()
	s := openAs(t, `grant select, insert, update, delete on all tables in schema SCHEMA to `, `revoke all on SCHEMA.workflow_workers from `)
	live(t, s)
	if err := s.Ping(testContext(t)); err != nil {
		t.Error(err)
	}
	_, listed := s.ListWorkers(testContext(t), time.Minute)
	for what, err := range map[string]error{
		"registering": s.RegisterWorker(testContext(t), domain.WorkerRecord{ID: "w"}), "listing workers": listed,
	} {
		if err == nil || !strings.Contains(err.Error(), "privilege") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A database that lacks the table of workers is not migrated.
func TestOpeningWithoutTheTableOfWorkers(t *testing.T) {
	t.Parallel()
	s, schema := open(t)
	if err := s.Ping(testContext(t)); err != nil {
		t.Fatal(err)
	}
	execute(t, connect(t), `drop table "`+schema+`".workflow_workers`)
	if _, err := pgstore.Open(testContext(t), databaseURL(t), pgstore.Config{Schema: schema, SkipMigrations: true}); !errors.Is(err, ports.ErrNotMigrated) {
		t.Errorf("opened: %v", err)
	}
}
