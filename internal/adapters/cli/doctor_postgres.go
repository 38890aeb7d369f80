package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
)

// From where on something deserves a word.
const (
	oldestServer     = 140000
	skewNotable      = time.Second
	skewBad          = time.Minute
	transactionLong  = 5 * time.Minute
	transactionAges  = time.Hour
	deadRows         = 10_000
	deadShare        = 0.2
	connectionsShare = 0.8
)

func (a *app) examinePostgres(ctx context.Context, d *diagnosis, look func(context.Context) (*postgres.Diagnosis, error)) {
	pg, err := look(ctx)
	if err != nil {
		d.add("connection", faulty, err.Error(), "check the URL, that the server runs, and that this machine may connect")
		return
	}
	d.connection(pg)
	d.serverVersion(pg)
	d.clock(pg)
	d.permissions(pg)
	d.pooler(pg)
	d.transactions(pg)
	d.deadRows(pg)
	a.examineTables(ctx, d, pg.SchemaCreate)
}

func (d *diagnosis) connection(pg *postgres.Diagnosis) {
	text := fmt.Sprintf("database %s as role %s, schema %s, %s there and back", pg.Database, pg.Role, pg.Schema, roundTrip(pg.RoundTrip))
	used := fmt.Sprintf("%d of %d connections are in use", pg.Connections, pg.MaxConnections)
	switch {
	case pg.ReadOnly:
		d.add("connection", faulty, text+"; the server is read only", "connect to the primary: add target_session_attrs=read-write to the URL")
	case pg.MaxConnections > 0 && float64(pg.Connections) >= connectionsShare*float64(pg.MaxConnections):
		d.add("connection", warning, text+"; "+used, "lower pool_max_conns, raise max_connections, or put a pooler between")
	default:
		d.ok("connection", "%s; %s", text, used)
	}
}

func roundTrip(d time.Duration) string {
	if d < time.Millisecond {
		return "under 1ms"
	}
	return render.Duration(d)
}

func (d *diagnosis) serverVersion(pg *postgres.Diagnosis) {
	if pg.ServerVersionNum < oldestServer {
		d.add("server", faulty, "PostgreSQL "+pg.ServerVersion, "upgrade to PostgreSQL 14 or newer")
		return
	}
	d.ok("server", "PostgreSQL %s", pg.ServerVersion)
}

// clock: waits go by the database's clock; what this machine's clock does is deadlines and start times.
func (d *diagnosis) clock(pg *postgres.Diagnosis) {
	skew := pg.ClockOffset.Abs()
	if skew <= max(skewNotable, pg.RoundTrip) {
		d.ok("clock", "this machine's and the database's agree within %s", render.Duration(max(skew, pg.RoundTrip, time.Millisecond)))
		return
	}
	which := "behind"
	if pg.ClockOffset > 0 {
		which = "ahead of"
	}
	grade := warning
	if skew > skewBad {
		grade = faulty
	}
	d.add("clock", grade, fmt.Sprintf("the database's clock is %s %s this machine's: deadlines and start times that are set here are off by that", render.Duration(skew), which),
		"synchronise both with NTP (chrony, systemd-timesyncd)")
}

func (d *diagnosis) permissions(pg *postgres.Diagnosis) {
	schema := `"` + pg.Schema + `"`
	if !pg.SchemaExists {
		if pg.SchemaCreate {
			d.ok("permissions", "schema %s does not exist yet; the role may create it", pg.Schema)
			return
		}
		d.add("permissions", faulty, fmt.Sprintf("schema %s does not exist, and the role may not create it", pg.Schema),
			fmt.Sprintf("as a role that may: CREATE SCHEMA %s AUTHORIZATION %q", schema, pg.Role))
		return
	}
	if !pg.SchemaUsage {
		d.add("permissions", faulty, "the role may not use schema "+pg.Schema, fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %q", schema, pg.Role))
		return
	}
	var missing []string
	for _, t := range pg.Tables {
		lacks := t.Missing
		if strings.HasPrefix(t.Name, "openworkflow_") { // versions of the tables: services only read them
			lacks = only(lacks, "SELECT")
		}
		if len(lacks) > 0 {
			missing = append(missing, t.Name+" ("+strings.Join(lacks, ", ")+")")
		}
	}
	if len(missing) > 0 {
		d.add("permissions", faulty, "the role lacks rights on "+strings.Join(missing, ", "),
			fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO %q", schema, pg.Role))
		return
	}
	text := "the role may read and write the tables"
	if !pg.SchemaCreate {
		text += ", and not migrate them"
	}
	d.ok("permissions", "%s", text)
}

func only(words []string, wanted string) []string {
	for _, w := range words {
		if w == wanted {
			return []string{w}
		}
	}
	return nil
}

func (d *diagnosis) pooler(pg *postgres.Diagnosis) {
	const direct = "give services postgres.WithListenDSN with the server's own address, and migrate past the pooler"
	switch {
	case pg.PooledTransactions && pg.NotifyError != nil:
		d.add("pooler", warning, "a pooler is between (PgBouncer or the like, in transaction mode), and notifications do not pass it: workers poll", direct)
	case pg.Pooled && pg.NotifyError != nil:
		d.add("pooler", warning, "a pooler is between, and notifications do not pass it: workers poll", direct)
	case pg.PooledTransactions:
		d.ok("pooler", "a pooler is between, in transaction mode; notifications pass it")
	case pg.Pooled:
		d.ok("pooler", "a pooler is between, in session mode; notifications pass it")
	case pg.NotifyError != nil:
		d.add("notifications", warning, "LISTEN does not work: "+pg.NotifyError.Error(), "without notifications workers poll: see what is between this machine and the server")
	default:
		d.ok("notifications", "they arrive; no pooler is between")
	}
}

func (d *diagnosis) transactions(pg *postgres.Diagnosis) {
	hidden := ""
	if pg.HidesOthers {
		hidden = " (other roles' are hidden from this one: GRANT pg_read_all_stats)"
	}
	t := pg.OldestTransaction
	if t == nil || t.Age < transactionLong {
		d.ok("transactions", "none has been open for %d minutes or more%s", transactionLong/time.Minute, hidden)
		return
	}
	grade := warning
	if t.Age >= transactionAges {
		grade = faulty
	}
	if t.Prepared != "" {
		d.add("transactions", grade, fmt.Sprintf("prepared transaction %s of role %s has been open for %s: no vacuum can remove rows that died since", t.Prepared, t.Role, render.Duration(t.Age)),
			fmt.Sprintf("COMMIT PREPARED or ROLLBACK PREPARED '%s'", t.Prepared))
		return
	}
	d.add("transactions", grade, fmt.Sprintf("session %d (role %s, %s) has had a transaction open for %s, %s: no vacuum can remove rows that died since",
		t.PID, t.Role, orUnnamed(t.Application), render.Duration(t.Age), t.State),
		fmt.Sprintf("end it where it comes from, or SELECT pg_terminate_backend(%d); set idle_in_transaction_session_timeout", t.PID))
}

func orUnnamed(application string) string {
	if application == "" {
		return "an unnamed application"
	}
	return "application " + application
}

func (d *diagnosis) deadRows(pg *postgres.Diagnosis) {
	if len(pg.Tables) == 0 {
		return
	}
	var size int64
	bad := false
	for _, t := range pg.Tables {
		size += t.Bytes
		if t.Dead < deadRows || float64(t.Dead) < deadShare*float64(t.Live+t.Dead) {
			continue
		}
		bad = true
		vacuumed := "never vacuumed"
		if !t.VacuumedAt.IsZero() {
			vacuumed = "vacuumed last at " + render.Time(t.VacuumedAt)
		}
		d.add("dead rows", warning, fmt.Sprintf("%s has %s dead rows beside %s live ones, %s", t.Name, render.Count(t.Dead), render.Count(t.Live), vacuumed),
			fmt.Sprintf("VACUUM (ANALYZE) %q.%s; lower its autovacuum_vacuum_scale_factor, and look for long transactions", pg.Schema, t.Name))
	}
	if !bad {
		d.ok("dead rows", "few; the tables take %s", render.Bytes(size))
	}
}
