package story

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Namespace is where the rows go.
const Namespace = "default"

// DB is the database that is written to.
type DB struct {
	SQL    *sql.DB
	Schema string // of Postgres; "" is SQLite
}

// Run is a row of workflow_runs.
type Run struct {
	ID, Workflow, Version, Status, Key, Worker string
	Config                                     any
	Input, Output, Context                     any
	Error                                      map[string]any
	Attempts, Failures, Recoveries             int
	Parent                                     string
	Created, Started, Finished, Due, Deadline  time.Time
}

// Attempt is a row of step_attempts.
type Attempt struct {
	ID, RunID, Step, Kind, Status, Child string
	Output                               any
	Context                              map[string]any
	Error                                map[string]any
	Final                                bool
	Started, Finished, RetryAt           time.Time
}

// Worker is a row of workflow_workers.
type Worker struct {
	ID, Host      string
	PID, Slots    int
	Workflows     []map[string]string
	Started, Seen time.Time
}

func (d DB) time(t time.Time) any {
	switch {
	case t.IsZero():
		return nil
	case d.Schema == "":
		return t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return t.UTC()
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func document(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		if v == nil {
			return nil
		}
	case json.RawMessage:
		return string(v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error() // and the insert fails
	}
	return string(raw)
}

// insert writes a row; columns and values are pairs.
func (d DB) insert(ctx context.Context, tx *sql.Tx, table string, pairs ...any) error {
	var columns, places []string
	var values []any
	for i := 0; i < len(pairs); i += 2 {
		columns = append(columns, pairs[i].(string))
		if d.Schema == "" {
			places = append(places, "?")
		} else {
			places = append(places, fmt.Sprintf("$%d", len(places)+1))
		}
		values = append(values, pairs[i+1])
	}
	if d.Schema != "" {
		table = d.Schema + "." + table
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(places, ", ")+")", values...) //nolint:gosec // names of ours
	if err != nil {
		return fmt.Errorf("%s: %w", table, err)
	}
	return nil
}

func (d DB) run(ctx context.Context, tx *sql.Tx, r Run) error {
	config := r.Config
	if config == nil {
		config = map[string]any{}
	}
	updated := r.Created
	for _, t := range []time.Time{r.Started, r.Finished} {
		if t.After(updated) {
			updated = t
		}
	}
	return d.insert(ctx, tx, "workflow_runs",
		"namespace_id", Namespace, "id", r.ID, "workflow_name", r.Workflow, "version", text(r.Version), "status", r.Status,
		"idempotency_key", text(r.Key), "config", document(config), "context", document(r.Context), "input", document(r.Input),
		"output", document(r.Output), "error", document(r.Error), "attempts", r.Attempts, "failures", r.Failures,
		"recoveries", r.Recoveries,
		"worker_id", text(r.Worker), "available_at", d.time(r.Due), "deadline_at", d.time(r.Deadline),
		"started_at", d.time(r.Started), "finished_at", d.time(r.Finished), "created_at", d.time(r.Created), "updated_at", d.time(updated))
}

func (d DB) attempt(ctx context.Context, tx *sql.Tx, a Attempt) error {
	childNamespace := any(nil)
	if a.Child != "" {
		childNamespace = Namespace
	}
	return d.insert(ctx, tx, "step_attempts",
		"namespace_id", Namespace, "id", a.ID, "workflow_run_id", a.RunID, "step_name", a.Step, "kind", a.Kind, "status", a.Status,
		"config", "{}", "context", document(a.Context), "output", document(a.Output), "error", document(a.Error),
		"child_workflow_run_namespace_id", childNamespace, "child_workflow_run_id", text(a.Child), "final", a.Final,
		"retry_at", d.time(a.RetryAt), "started_at", d.time(a.Started), "finished_at", d.time(a.Finished),
		"created_at", d.time(a.Started), "updated_at", d.time(a.Started))
}

// ids makes ULIDs that are the same every time for the same instant.
type ids struct{ n uint64 }

func (i *ids) at(t time.Time) string {
	i.n++
	var id ulid.ULID
	_ = id.SetTime(uint64(t.UnixMilli()))
	entropy := make([]byte, 10)
	x := i.n * 0x9e3779b97f4a7c15
	for k := range entropy {
		x ^= x >> 27
		x *= 0x94d049bb133111eb
		entropy[k] = byte(x >> 32)
	}
	_ = id.SetEntropy(entropy)
	return id.String()
}
