package postgres

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
)

// Diagnosis is what Diagnose finds. It judges nothing: `openworkflow doctor` does.
type Diagnosis struct {
	// ServerVersion is as the server writes it; ServerVersionNum is a number: 150003 is 15.3.
	ServerVersion    string
	ServerVersionNum int
	// Database, Role and Schema are what the connection string and WithSchema lead to.
	Database, Role, Schema string
	// ReadOnly: the server is a standby, or set to be read only.
	ReadOnly bool
	// Connections are those of all clients of the server.
	Connections, MaxConnections int
	// RoundTrip is the time of a question to the server, the quickest of a few.
	RoundTrip time.Duration
	// ClockOffset is the server's clock minus this machine's, right within RoundTrip.
	ClockOffset time.Duration
	// Pooled: a pooler such as PgBouncer is between. PooledTransactions: it gives each transaction another
	// session of the server.
	Pooled, PooledTransactions bool
	// NotifyError is why notifications do not arrive; nil if they do.
	NotifyError error
	// SchemaExists; SchemaUsage: the role may use it; SchemaCreate: the role may make tables in it, or the
	// schema if there is none.
	SchemaExists, SchemaUsage, SchemaCreate bool
	// Tables are OpenWorkflow's in the schema, by name.
	Tables []TableDiagnosis
	// OldestTransaction is the other transaction that has been open for longest; nil if there is none.
	OldestTransaction *TransactionDiagnosis
	// HidesOthers: the role is not shown what other roles' sessions do (it lacks pg_read_all_stats).
	HidesOthers bool
}

// TableDiagnosis is what the server knows about a table.
type TableDiagnosis struct {
	Name string
	// Live and Dead are the server's estimates of the rows that are there, and of those that a vacuum will
	// remove.
	Live, Dead int64
	// Bytes is the size with indexes.
	Bytes int64
	// VacuumedAt is when it was vacuumed last, zero if never.
	VacuumedAt time.Time
	// Missing is what of SELECT, INSERT, UPDATE and DELETE the role may not do.
	Missing []string
}

// TransactionDiagnosis is a transaction that is open.
type TransactionDiagnosis struct {
	// PID is the process id of its session, 0 if it is prepared; then Prepared is its name.
	PID      int
	Prepared string
	// Role and Application are the session's.
	Role, Application string
	// State is the session's: "active", "idle in transaction", …; or "prepared".
	State string
	// Age is since the transaction began.
	Age time.Duration
}

// Diagnose looks at the database of a connection string, migrated or not, and changes nothing. Without a
// deadline of its own, ctx gives it 30 seconds.
func Diagnose(ctx context.Context, dsn string, opts ...MigrateOption) (*Diagnosis, error) {
	return diagnosisOf(pgstore.Diagnose(ctx, dsn, schemaOf(opts)))
}

// Diagnose looks at the backend's database, over two connections of its own.
func (b *Backend) Diagnose(ctx context.Context) (*Diagnosis, error) {
	return diagnosisOf(b.store.Diagnose(ctx))
}

func diagnosisOf(d *pgstore.Diagnosis, err error) (*Diagnosis, error) {
	if err != nil {
		return nil, err
	}
	out := &Diagnosis{
		ServerVersion: d.ServerVersion, ServerVersionNum: d.ServerVersionNum,
		Database: d.Database, Role: d.Role, Schema: d.Schema, ReadOnly: d.ReadOnly,
		Connections: d.Connections, MaxConnections: d.MaxConnections,
		RoundTrip: d.RoundTrip, ClockOffset: d.ClockOffset,
		Pooled: d.Pooled, PooledTransactions: d.PooledTransactions, NotifyError: d.NotifyError,
		SchemaExists: d.SchemaExists, SchemaUsage: d.SchemaUsage, SchemaCreate: d.SchemaCreate,
		HidesOthers: d.HidesOthers,
	}
	for _, t := range d.Tables {
		out.Tables = append(out.Tables, TableDiagnosis(t))
	}
	if d.OldestTransaction != nil {
		t := TransactionDiagnosis(*d.OldestTransaction)
		out.OldestTransaction = &t
	}
	return out, nil
}
