package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Diagnosis is what a look at the server, the database and the tables finds. It judges nothing.
type Diagnosis struct {
	ServerVersion    string // as the server writes it
	ServerVersionNum int    // 150003 is 15.3
	Database, Role   string
	Schema           string
	ReadOnly         bool // a standby, or set to be read only
	Connections      int
	MaxConnections   int
	RoundTrip        time.Duration
	// ClockOffset is the server's clock minus this machine's, right within RoundTrip.
	ClockOffset time.Duration
	// Pooled: a pooler is between; PooledTransactions: it gives each transaction another server session.
	Pooled, PooledTransactions bool
	// NotifyError is why notifications do not arrive; nil if they do.
	NotifyError error
	// SchemaExists, and whether the role may use it and make tables in it, or make it.
	SchemaExists, SchemaUsage, SchemaCreate bool
	Tables                                  []TableDiagnosis
	// OldestTransaction is nil if there is no other; HidesOthers: the role is not shown those of other roles.
	OldestTransaction *TransactionDiagnosis
	HidesOthers       bool
}

// TableDiagnosis is what the server knows about a table. Live and Dead are its estimates.
type TableDiagnosis struct {
	Name       string
	Live, Dead int64
	Bytes      int64     // with indexes
	VacuumedAt time.Time // the last time; zero is never
	Missing    []string  // of SELECT, INSERT, UPDATE, DELETE, what the role may not do
}

// TransactionDiagnosis is a transaction that is open.
type TransactionDiagnosis struct {
	PID               int    // 0 of a prepared one
	Prepared          string // its name
	Role, Application string
	State             string // "active", "idle in transaction", "prepared", …
	Age               time.Duration
}

// Diagnose looks at the database of a connection string, migrated or not. It changes nothing.
func Diagnose(ctx context.Context, dsn, schemaName string) (*Diagnosis, error) {
	sc, pc, err := migrationTarget(dsn, schemaName)
	if err != nil {
		return nil, err
	}
	return diagnose(ctx, pc, sc)
}

// Diagnose is Diagnose of the store's database, over connections of its own.
func (s *Store) Diagnose(ctx context.Context) (*Diagnosis, error) {
	return diagnose(ctx, s.core.pool.Config(), s.core.schema)
}

func diagnose(ctx context.Context, pc *pgxpool.Config, sc *schema) (*Diagnosis, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	conn, err := diagnosisConn(ctx, pc)
	if err != nil {
		return nil, interpretError(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	d := &Diagnosis{Schema: sc.name}
	for _, look := range []func(context.Context, *pgx.Conn, *schema) error{
		d.server, d.clock, d.tables, d.transactions,
	} {
		if err := look(ctx, conn, sc); err != nil {
			return nil, interpretError(err)
		}
	}
	other, err := diagnosisConn(ctx, pc)
	if err != nil {
		return nil, interpretError(err)
	}
	defer other.Close(context.WithoutCancel(ctx))
	if err := d.pooler(ctx, conn, other); err != nil {
		return nil, interpretError(err)
	}
	d.NotifyError = interpretError(echoes(ctx, conn, other))
	return d, nil
}

// diagnosisConn makes a connection whose statements pass any pooler: they are not prepared.
func diagnosisConn(ctx context.Context, pc *pgxpool.Config) (*pgx.Conn, error) {
	cc := pc.ConnConfig.Copy()
	if pc.BeforeConnect != nil {
		if err := pc.BeforeConnect(ctx, cc); err != nil {
			return nil, err
		}
	}
	cc.DefaultQueryExecMode = pgx.QueryExecModeExec
	return pgx.ConnectConfig(ctx, cc)
}

func (d *Diagnosis) server(ctx context.Context, conn *pgx.Conn, sc *schema) error {
	return conn.QueryRow(ctx, sqlServerFacts, sc.quoted()).Scan(&d.ServerVersion, &d.ServerVersionNum, &d.Database, &d.Role,
		&d.ReadOnly, &d.MaxConnections, &d.Connections, &d.SchemaExists, &d.SchemaUsage, &d.SchemaCreate, &d.HidesOthers)
}

// clock compares the clocks as the quickest of a few questions sees them.
func (d *Diagnosis) clock(ctx context.Context, conn *pgx.Conn, _ *schema) error {
	const tries = 5
	for range tries {
		var theirs time.Time
		sent := time.Now()
		if err := conn.QueryRow(ctx, sqlClock).Scan(&theirs); err != nil {
			return err
		}
		took := time.Since(sent)
		if d.RoundTrip == 0 || took < d.RoundTrip {
			d.RoundTrip, d.ClockOffset = took, theirs.Sub(sent.Add(took/2))
		}
	}
	return nil
}

func (d *Diagnosis) tables(ctx context.Context, conn *pgx.Conn, sc *schema) error {
	rows, err := conn.Query(ctx, sqlTableFacts, sc.quoted())
	if err != nil {
		return err
	}
	d.Tables, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t TableDiagnosis, err error) {
		var vacuumed pgtype.Timestamptz
		err = row.Scan(&t.Name, &t.Live, &t.Dead, &t.Bytes, &vacuumed, &t.Missing)
		t.VacuumedAt = vacuumed.Time.UTC()
		if !vacuumed.Valid {
			t.VacuumedAt = time.Time{}
		}
		return t, err
	})
	return err
}

func (d *Diagnosis) transactions(ctx context.Context, conn *pgx.Conn, _ *schema) error {
	var t TransactionDiagnosis
	err := conn.QueryRow(ctx, sqlOldestTransaction).Scan(&t.PID, &t.Role, &t.Application, &t.State, &t.Prepared, &t.Age)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	d.OldestTransaction = &t
	return err
}

// pooler finds out what is between: a pooler makes up the process id that it greets with; and one that pools
// transactions gives the server session of this idle connection to the other one's transaction.
func (d *Diagnosis) pooler(ctx context.Context, conn, other *pgx.Conn) error {
	before, err := backendPID(ctx, conn)
	if err != nil {
		return err
	}
	d.Pooled = before != conn.PgConn().PID()
	if !d.Pooled {
		return nil
	}
	tx, err := other.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // there is nothing to keep, and the connection is closed next
	held, err := backendPID(ctx, tx)
	if err != nil {
		return err
	}
	after, err := backendPID(ctx, conn)
	d.PooledTransactions = held == before || after != before
	return err
}

func backendPID(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (pid uint32, err error) {
	err = db.QueryRow(ctx, sqlBackendPID).Scan(&pid)
	return pid, err
}

// echoes finds out whether what one connection notifies reaches another that listens.
func echoes(ctx context.Context, listener, sender *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, echoTimeout)
	defer cancel()
	channel := "openworkflow:" + domain.NewID() // of nobody else
	if _, err := listener.Exec(ctx, sqlListen(channel)); err != nil {
		return err
	}
	if _, err := sender.Exec(ctx, sqlNotify, channel); err != nil {
		return err
	}
	_, err := listener.WaitForNotification(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errDeaf
	}
	return err
}
