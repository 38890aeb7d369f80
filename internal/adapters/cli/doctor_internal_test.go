package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// sound is a database with which nothing is wrong.
func sound() *postgres.Diagnosis {
	return &postgres.Diagnosis{
		ServerVersion: "17.2", ServerVersionNum: 170002, Database: "app", Role: "app", Schema: "openworkflow",
		Connections: 12, MaxConnections: 100, RoundTrip: 3 * time.Millisecond, ClockOffset: -20 * time.Millisecond,
		SchemaExists: true, SchemaUsage: true, SchemaCreate: true,
		Tables:            []postgres.TableDiagnosis{{Name: "workflow_runs", Live: 1_000_000, Dead: 50_000, Bytes: 1 << 30}},
		OldestTransaction: &postgres.TransactionDiagnosis{PID: 7, State: "active", Age: time.Second},
	}
}

// TestPostgresFindings gives the checks a database that one thing is wrong with.
func TestPostgresFindings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		change          func(*postgres.Diagnosis)
		severity        severity // of the one that is not fine; "" is none
		message, remedy string   // parts
	}{
		{"nothing", func(*postgres.Diagnosis) {}, "", "", ""},
		{"standby", func(d *postgres.Diagnosis) { d.ReadOnly = true }, faulty, "the server is read only", "target_session_attrs=read-write"},
		{"full", func(d *postgres.Diagnosis) { d.Connections = 80 }, warning, "80 of 100 connections are in use", "pool_max_conns"},
		{"old server", func(d *postgres.Diagnosis) { d.ServerVersion, d.ServerVersionNum = "13.9", 130009 }, faulty, "PostgreSQL 13.9", "upgrade to PostgreSQL 14"},
		{"clock ahead", func(d *postgres.Diagnosis) { d.ClockOffset = 3200 * time.Millisecond }, warning, "the database's clock is 3.2s ahead of this machine's", "NTP"},
		{"clock far behind", func(d *postgres.Diagnosis) { d.ClockOffset = -2 * time.Minute }, faulty, "the database's clock is 2m00s behind this machine's", "NTP"},
		{"slow way", func(d *postgres.Diagnosis) { d.RoundTrip, d.ClockOffset = 3*time.Second, 2*time.Second }, "", "", ""},
		{"no schema", func(d *postgres.Diagnosis) { d.SchemaExists, d.Tables = false, nil }, "", "", ""},
		{"no schema, no right", func(d *postgres.Diagnosis) { d.SchemaExists, d.SchemaCreate, d.Tables = false, false, nil }, faulty,
			"schema openworkflow does not exist, and the role may not create it", `CREATE SCHEMA "openworkflow" AUTHORIZATION "app"`},
		{"no usage", func(d *postgres.Diagnosis) { d.SchemaUsage = false }, faulty, "may not use schema openworkflow", `GRANT USAGE ON SCHEMA "openworkflow" TO "app"`},
		{"few rights", func(d *postgres.Diagnosis) { d.Tables[0].Missing = []string{"UPDATE", "DELETE"} }, faulty,
			"the role lacks rights on workflow_runs (UPDATE, DELETE)", `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "openworkflow" TO "app"`},
		{"reads versions only", func(d *postgres.Diagnosis) {
			d.Tables = append(d.Tables, postgres.TableDiagnosis{Name: "openworkflow_migrations", Missing: []string{"INSERT", "UPDATE", "DELETE"}})
		}, "", "", ""},
		{"cannot read versions", func(d *postgres.Diagnosis) {
			d.Tables = append(d.Tables, postgres.TableDiagnosis{Name: "openworkflow_migrations", Missing: []string{"SELECT", "INSERT"}})
		}, faulty, "lacks rights on openworkflow_migrations (SELECT)", "GRANT"},
		{"cannot migrate", func(d *postgres.Diagnosis) { d.SchemaCreate = false }, "", "", ""},
		{"session pooler", func(d *postgres.Diagnosis) { d.Pooled = true }, "", "", ""},
		{"transaction pooler", func(d *postgres.Diagnosis) {
			d.Pooled, d.PooledTransactions, d.NotifyError = true, true, errors.New("deaf")
		}, warning, "in transaction mode), and notifications do not pass it: workers poll", "WithListenDSN"},
		{"deaf", func(d *postgres.Diagnosis) { d.NotifyError = errors.New("openworkflow: permission denied") }, warning, "LISTEN does not work: ", "workers poll"},
		{"long transaction", func(d *postgres.Diagnosis) {
			d.OldestTransaction = &postgres.TransactionDiagnosis{PID: 4711, Role: "bi", Application: "psql", State: "idle in transaction", Age: 25 * time.Minute}
		}, warning, "session 4711 (role bi, application psql) has had a transaction open for 25m00s, idle in transaction", "pg_terminate_backend(4711)"},
		{"very long transaction", func(d *postgres.Diagnosis) { d.OldestTransaction.Age = 2 * time.Hour }, faulty, "an unnamed application", "pg_terminate_backend(7)"},
		{"prepared transaction", func(d *postgres.Diagnosis) {
			d.OldestTransaction = &postgres.TransactionDiagnosis{Role: "xa", State: "prepared", Prepared: "tx-1", Age: 3 * time.Hour}
		}, faulty, "prepared transaction tx-1 of role xa has been open for 3h00m", "ROLLBACK PREPARED 'tx-1'"},
		{"dead rows", func(d *postgres.Diagnosis) { d.Tables[0].Dead = 400_000 }, warning,
			"workflow_runs has 400 000 dead rows beside 1 000 000 live ones, never vacuumed", `VACUUM (ANALYZE) "openworkflow".workflow_runs`},
		{"many dead rows of very many", func(d *postgres.Diagnosis) { d.Tables[0].Live, d.Tables[0].Dead = 100_000_000, 1_000_000 }, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pg := sound()
			tt.change(pg)
			d := &diagnosis{Worst: fine}
			for _, check := range []func(*postgres.Diagnosis){d.connection, d.serverVersion, d.clock, d.permissions, d.pooler, d.transactions, d.deadRows} {
				check(pg)
			}
			expectOne(t, d, tt.severity, tt.message, tt.remedy)
		})
	}
}

// expectOne expects one finding that is not fine, or none.
func expectOne(t *testing.T, d *diagnosis, s severity, message, remedy string) {
	t.Helper()
	var bad []finding
	for _, f := range d.Findings {
		if f.Severity != fine {
			bad = append(bad, f)
		} else if f.Remedy != "" {
			t.Errorf("%+v is fine, and has a remedy", f)
		}
	}
	if s == "" {
		if len(bad) > 0 || d.Worst != fine {
			t.Errorf("found %+v", bad)
		}
		return
	}
	if len(bad) != 1 || bad[0].Severity != s || d.Worst != s || !strings.Contains(bad[0].Message, message) || !strings.Contains(bad[0].Remedy, remedy) {
		t.Errorf("found %+v, want %s %q, remedy %q", bad, s, message, remedy)
	}
}

func TestSQLiteFindings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		file            sqlite.Diagnosis
		severity        severity
		message, remedy string
	}{
		{"nothing", sqlite.Diagnosis{JournalMode: "wal", Bytes: 1 << 20, WALBytes: 1 << 20}, "", "", ""},
		{"rollback journal", sqlite.Diagnosis{JournalMode: "delete"}, warning, "the journal mode is delete", "sets WAL"},
		{"large WAL", sqlite.Diagnosis{JournalMode: "wal", WALBytes: 1 << 30}, warning, "app.db-wal has grown to 1.0 GiB", "wal_checkpoint"},
		{"read only", sqlite.Diagnosis{JournalMode: "wal", WriteError: errors.New("attempt to write a readonly database")}, faulty, "readonly", "give this user the right"},
		{"locked for long", sqlite.Diagnosis{JournalMode: "wal", LockWait: 3 * time.Second}, warning, "it took 3s to get the write lock", "keeps transactions open"},
		{"much unused", sqlite.Diagnosis{JournalMode: "wal", Bytes: 1 << 30, FreeBytes: 600 << 20}, warning, "600.0 MiB of the file's 1.0 GiB are unused", "VACUUM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.file.Path = "app.db"
			d := &diagnosis{Worst: fine}
			d.sqliteFile(&tt.file, "openworkflow")
			expectOne(t, d, tt.severity, tt.message, tt.remedy)
		})
	}
}

func TestOrphans(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	a := &app{prog: Program{Name: "openworkflow"}, env: Environment{Now: func() time.Time { return now }}}
	workflow := func(pending int64, workers int, waiting time.Duration) workflowView {
		w := workflowView{Workers: workers}
		w.Name, w.Version = "import data", "v2"
		w.Counts.Pending, w.Counts.Limit = pending, 10_000
		if waiting > 0 {
			w.OldestDue = now.Add(-waiting)
		}
		return w
	}
	gopher, silent := openworkflow.WorkerInfo{Language: "go"}, openworkflow.WorkerInfo{}
	tests := []struct {
		name            string
		view            workflowView
		workers         []openworkflow.WorkerInfo
		severity        severity
		message, remedy string
	}{
		{"all is well", workflow(3, 1, time.Second), []openworkflow.WorkerInfo{gopher}, "", "", ""},
		{"nothing under way", workflow(0, 0, 0), []openworkflow.WorkerInfo{gopher}, "", "", ""},
		{"nobody at all", workflow(0, 0, 0), nil, warning, "none is alive", "start one"},
		{"just due", workflow(1, 0, time.Second), []openworkflow.WorkerInfo{gopher}, warning, "import data, version v2 has 1 run under way, and no worker that is alive has it", "runs cancel --workflow 'import data' --version v2 --dry-run"},
		{"waiting", workflow(2, 0, time.Minute), []openworkflow.WorkerInfo{gopher}, faulty, "one has been waiting for 1m00s", "start a worker"},
		{"waiting beside TypeScript", workflow(2, 0, time.Minute), []openworkflow.WorkerInfo{gopher, silent}, warning, "2 runs under way", "start a worker"},
		{"too few", workflow(2, 2, 5*time.Minute), []openworkflow.WorkerInfo{gopher, gopher}, warning, "has been waiting for a worker for 5m00s, though 2 workers have it", "--concurrency"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &diagnosis{Worst: fine}
			a.findOrphans(d, []workflowView{tt.view}, tt.workers)
			expectOne(t, d, tt.severity, tt.message, tt.remedy)
		})
	}
}

// TestDiagnosisForPeople shows all kinds of findings at once.
func TestDiagnosisForPeople(t *testing.T) {
	t.Parallel()
	d := &diagnosis{Worst: fine}
	d.ok("config", "fine")
	d.add("clock", warning, "a little off\x1b[2J", "NTP")
	d.add("migrations", faulty, "2 are pending", "migrate up")
	d.add("workers", skipped, "not looked at", "")
	var out bytes.Buffer
	if err := d.people(&page{w: &out}); err != nil {
		t.Fatal(err)
	}
	want := "✓ config      fine\n! clock       a little off\\x1b[2J\n              → NTP\n✗ migrations  2 are pending\n              → migrate up\n- workers     not looked at\n\n1 error, 1 warning.\n"
	if out.String() != want || d.Worst != faulty {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
