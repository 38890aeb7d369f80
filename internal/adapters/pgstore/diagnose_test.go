package pgstore_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
)

func diagnose(t *testing.T, dsn, schema string) *pgstore.Diagnosis {
	t.Helper()
	d, err := pgstore.Diagnose(t.Context(), dsn, schema)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDiagnose(t *testing.T) {
	t.Parallel()
	dsn, schema := databaseURL(t), newSchema(t)
	d := diagnose(t, dsn, schema)
	if d.ServerVersionNum < 140000 || d.Role == "" || d.Database == "" || d.Schema != schema || d.ReadOnly || d.Connections < 1 || d.MaxConnections < d.Connections {
		t.Errorf("%+v", d)
	}
	if d.Pooled || d.PooledTransactions || d.NotifyError != nil {
		t.Errorf("without a pooler: %+v", d)
	}
	// The server is on this machine.
	if d.RoundTrip <= 0 || d.ClockOffset.Abs() > time.Second {
		t.Errorf("%v there and back, %v between the clocks", d.RoundTrip, d.ClockOffset)
	}
	if d.SchemaExists || !d.SchemaCreate || len(d.Tables) != 0 {
		t.Errorf("before there is a schema: %+v", d)
	}
	if err := pgstore.MigrateUp(t.Context(), dsn, schema); err != nil {
		t.Fatal(err)
	}
	d = diagnose(t, dsn, schema)
	names := make([]string, len(d.Tables))
	for i, table := range d.Tables {
		names[i] = table.Name
		if len(table.Missing) > 0 || table.Bytes <= 0 {
			t.Errorf("%+v", table)
		}
	}
	if !d.SchemaExists || !d.SchemaUsage || !slices.Contains(names, "workflow_runs") || !slices.Contains(names, "step_attempts") || !slices.IsSorted(names) {
		t.Errorf("the tables are %v in %+v", names, d)
	}
	store, err := pgstore.Open(t.Context(), dsn, pgstore.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if own, err := store.Diagnose(t.Context()); err != nil || len(own.Tables) != len(d.Tables) || own.Schema != schema {
		t.Errorf("through the store: %+v, %v", own, err)
	}
}

func TestDiagnoseRoles(t *testing.T) {
	t.Parallel()
	dsn, schema := databaseURL(t), newSchema(t)
	if err := pgstore.MigrateUp(t.Context(), dsn, schema); err != nil {
		t.Fatal(err)
	}
	admin := connect(t)
	role := "role_" + strings.ToLower(schema)
	execute(t, admin, `CREATE ROLE `+role+` LOGIN PASSWORD 'secret'`)
	t.Cleanup(func() {
		for _, drop := range []string{"DROP OWNED BY ", "DROP ROLE "} {
			if _, err := admin.Exec(context.Background(), drop+role); err != nil {
				t.Error(err)
			}
		}
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "secret")
	if d := diagnose(t, u.String(), schema); d.SchemaUsage || d.SchemaCreate || d.Role != role || !d.HidesOthers {
		t.Errorf("without rights: %+v", d)
	}
	execute(t, admin, `GRANT USAGE ON SCHEMA "`+schema+`" TO `+role)
	execute(t, admin, `GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA "`+schema+`" TO `+role)
	d := diagnose(t, u.String(), schema)
	if !d.SchemaUsage || d.SchemaCreate {
		t.Errorf("with few rights: %+v", d)
	}
	for _, table := range d.Tables {
		if !slices.Equal(table.Missing, []string{"UPDATE", "DELETE"}) {
			t.Errorf("%s lacks %v", table.Name, table.Missing)
		}
	}
}

func TestDiagnoseTransactions(t *testing.T) {
	t.Parallel()
	dsn, schema := databaseURL(t), newSchema(t)
	idle := connect(t)
	tx, err := idle.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	if _, err := tx.Exec(t.Context(), "select 1"); err != nil {
		t.Fatal(err)
	}
	// Other tests have transactions too, older ones perhaps; there is one in any case.
	d := diagnose(t, dsn, schema)
	if o := d.OldestTransaction; o == nil || o.PID == 0 || o.Age <= 0 || o.State == "" || o.Role == "" || d.HidesOthers {
		t.Errorf("%+v", d.OldestTransaction)
	}
}

func TestDiagnoseDeadRows(t *testing.T) {
	t.Parallel()
	dsn, schema := databaseURL(t), newSchema(t)
	if err := pgstore.MigrateUp(t.Context(), dsn, schema); err != nil {
		t.Fatal(err)
	}
	admin := connect(t)
	execute(t, admin, `ALTER TABLE "`+schema+`".openworkflow_migrations SET (autovacuum_enabled = off)`)
	execute(t, admin, `INSERT INTO "`+schema+`".openworkflow_migrations SELECT generate_series(100, 599)`)
	execute(t, admin, `DELETE FROM "`+schema+`".openworkflow_migrations WHERE version >= 200`)
	dead := func() int64 {
		execute(t, admin, "SELECT 1") // Postgres 14 reports what a session did with one of its next statements
		for _, table := range diagnose(t, dsn, schema).Tables {
			if table.Name == "openworkflow_migrations" {
				return table.Dead
			}
		}
		return -1
	}
	within(t, 20*time.Second, func() bool { return dead() == 400 }) // the server counts when it finds the time
	execute(t, admin, `VACUUM "`+schema+`".openworkflow_migrations`)
	within(t, 20*time.Second, func() bool { return dead() == 0 })
}

// within looks again and again at what the server does in its own time.
func within(t *testing.T, d time.Duration, done func() bool) {
	t.Helper()
	end := time.After(d)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-end:
			t.Error("it did not come about in time")
			return
		}
	}
}

func TestDiagnoseFails(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u:hunter22@127.0.0.1:1/db?connect_timeout=2": "cannot be reached",
		"postgres://u:hunter22@127.0.0.1:x/db":                   "cannot be read",
	} {
		if _, err := pgstore.Diagnose(t.Context(), dsn, ""); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
	if _, err := pgstore.Diagnose(t.Context(), "postgres://h/db", "no schema"); err == nil {
		t.Error("a bad schema is no error")
	}
}

// TestDiagnosePooler looks through poolers of either kind.
func TestDiagnosePooler(t *testing.T) {
	t.Parallel()
	dsn, schema := databaseURL(t), newSchema(t)
	for _, perTransaction := range []bool{false, true} {
		through := pooler(t, dsn, perTransaction)
		d := diagnose(t, through, schema)
		if !d.Pooled || d.PooledTransactions != perTransaction || (d.NotifyError != nil) != perTransaction {
			t.Errorf("per transaction %v: pooled %v, per transaction %v, notifications: %v", perTransaction, d.Pooled, d.PooledTransactions, d.NotifyError)
		}
		if perTransaction && !strings.Contains(d.NotifyError.Error(), "notifications do not arrive") {
			t.Errorf("%v", d.NotifyError)
		}
	}
}
