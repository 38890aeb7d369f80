package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// maxBatch is how many bytes of payload go into one transaction, unless one item is larger.
const maxBatch = 8 << 20

// CreateRuns is ports.ClientBackend's. A batch of more than 8 MiB, or with an id twice, is cut into several transactions. If
// one run of a transaction is refused, none of it is made, and the error wraps domain.ErrRejected.
func (c *client) CreateRuns(ctx context.Context, runs []domain.NewRun) ([]string, error) {
	ids := make([]string, 0, len(runs))
	for i := range runs {
		if err := runs[i].CheckHistory(); err != nil {
			return nil, err
		}
	}
	for part := range cut(runs, newRunSize) {
		for batch := range apart(part) {
			created, err := c.createRuns(ctx, batch)
			if err != nil {
				return nil, err
			}
			ids = append(ids, created...)
		}
	}
	return ids, nil
}

// apart yields stretches of runs of which no two have one id.
func apart(runs []domain.NewRun) func(func([]domain.NewRun) bool) {
	return func(yield func([]domain.NewRun) bool) {
		if len(runs) == 1 {
			yield(runs)
			return
		}
		start, seen := 0, make(map[string]struct{}, len(runs))
		for i := range runs {
			if _, twice := seen[runs[i].ID]; twice {
				if !yield(runs[start:i]) {
					return
				}
				start = i
				clear(seen)
			}
			seen[runs[i].ID] = struct{}{}
		}
		if start < len(runs) {
			yield(runs[start:])
		}
	}
}

// cut yields stretches of items whose sizes do not sum up to more than maxBatch.
func cut[T any](items []T, size func(*T) int) func(func([]T) bool) {
	return func(yield func([]T) bool) {
		start, sum := 0, 0
		for i := range items {
			n := size(&items[i])
			if i > start && sum+n > maxBatch {
				if !yield(items[start:i]) {
					return
				}
				start, sum = i, 0
			}
			sum += n
		}
		if start < len(items) {
			yield(items[start:])
		}
	}
}

// createRuns makes the runs in one transaction. Where some of them exist, it makes the others in another, and so on, as more
// may exist by then.
func (c *client) createRuns(ctx context.Context, runs []domain.NewRun) ([]string, error) {
	keyed := keyedOf(runs)
	for attempt, missing := 0, runs; ; attempt++ {
		var standing []dbsqlc.GetStandingRunsRow
		var err error
		if attempt == 0 && len(runs) == 1 && len(keyed) == 0 {
			if err = c.createRun(ctx, &runs[0]); err == nil {
				return []string{runs[0].ID}, nil
			}
		} else {
			standing, err = c.insertRuns(ctx, missing, keyed)
		}
		switch {
		case err == nil:
			return c.created(ctx, runs, missing, standing)
		case !exists(err):
			return nil, refusal(err)
		case attempt == maxRetries:
			return nil, fmt.Errorf("openworkflow: a run that this transaction does not see has the id of a new one; begin the transaction anew, with READ COMMITTED: %w", err)
		}
		if missing, err = c.missing(ctx, runs); err != nil {
			return nil, err
		}
	}
}

// createRun makes one run that has no idempotency key. It fails if there is one with its id.
func (c *client) createRun(ctx context.Context, run *domain.NewRun) error {
	var n bulletin
	n.due(run.WorkflowName)
	return c.runAndTell(ctx, n.Event, func(p *pipeline) {
		exec(p, (*dbsqlc.Queries).InsertRun, c.insertOneParams(run))
		if past := historiesOf([]domain.NewRun{*run}); len(past) > 0 {
			exec(p, (*dbsqlc.Queries).InsertHistories, c.historyParams(past))
		}
	})
}

// insertRuns makes new runs, but for those whose idempotency keys bind to others, and finds the runs that stand for the
// keyed ones. It fails if a run with the id of a new one exists.
func (c *client) insertRuns(ctx context.Context, runs, keyed []domain.NewRun) (standing []dbsqlc.GetStandingRunsRow, err error) {
	if len(runs) == 0 && len(keyed) == 0 {
		return nil, nil
	}
	rounds, keys := spread(runs, c.creationKeyOf), c.creationKeys(keyed) // what one round makes, the next one finds
	err = c.runner.run(ctx, planOnce, func(p *pipeline) {
		if len(keys) > 0 {
			exec(p, (*dbsqlc.Queries).LockKeys, keys)
		}
		for _, round := range rounds {
			exec(p, (*dbsqlc.Queries).InsertRuns, c.insertParams(round))
		}
		if past := historiesOf(runs); len(past) > 0 {
			exec(p, (*dbsqlc.Queries).InsertHistories, c.historyParams(past))
		}
		if len(keyed) > 0 {
			rows(p, (*dbsqlc.Queries).GetStandingRuns, c.standingParams(keyed), &standing)
		}
	})
	return standing, err
}

// missing leaves out the runs that exist.
func (c *client) missing(ctx context.Context, runs []domain.NewRun) (left []domain.NewRun, err error) {
	found, err := c.RunStates(ctx, column(runs, func(n *domain.NewRun) string { return n.ID }))
	if err != nil {
		return nil, err
	}
	known := make(map[string]struct{}, len(found))
	for i := range found {
		known[found[i].ID] = struct{}{}
	}
	for i := range runs {
		if _, ok := known[runs[i].ID]; !ok {
			left = append(left, runs[i])
		}
	}
	return left, nil
}

// exists reports whether a run was refused because there is one with its id.
func exists(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == stateUniqueViolation && pg.TableName == "workflow_runs"
}

// refusal marks the error of a batch that cannot be answered by item.
func refusal(err error) error {
	if poison(err) {
		return rejected(err)
	}
	return err
}

// created tells of the runs that were made, which are among the new ones, and answers with the ids of all. A keyed run that its
// own id had made before counts as made: nobody is harmed by old news.
func (c *client) created(ctx context.Context, runs, fresh []domain.NewRun, standing []dbsqlc.GetStandingRunsRow) ([]string, error) {
	stands := make(map[string]string, len(standing))
	for _, s := range standing {
		stands[s.Asked] = s.ID
	}
	idOf := func(n *domain.NewRun) string {
		if n.IdempotencyKey != "" {
			return stands[n.ID]
		}
		return n.ID
	}
	var n bulletin
	for i := range fresh { // also those that start later: whoever hears of them learns when by the next claim
		if idOf(&fresh[i]) == fresh[i].ID {
			n.due(fresh[i].WorkflowName)
		}
	}
	c.publish(ctx, n.Event)
	ids := column(runs, idOf)
	if i := slices.Index(ids, ""); i >= 0 {
		return nil, fmt.Errorf("openworkflow: run %s was neither made nor found", runs[i].ID)
	}
	return ids, nil
}

func keyedOf(runs []domain.NewRun) []domain.NewRun {
	var out []domain.NewRun
	for i := range runs {
		if runs[i].IdempotencyKey != "" {
			out = append(out, runs[i])
		}
	}
	return out
}

// spread puts items into rounds, in order, so that no round has one key twice; "" is no key.
func spread[T any](items []T, key func(*T) string) (rounds [][]T) {
	if len(items) > 0 && !slices.ContainsFunc(items, func(item T) bool { return key(&item) != "" }) {
		return [][]T{items}
	}
	seen := make(map[string]int)
	for i := range items {
		round := 0
		if k := key(&items[i]); k != "" {
			round = seen[k]
			seen[k]++
		}
		if round == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[round] = append(rounds[round], items[i])
	}
	return rounds
}

// creationKeys are the locks that make concurrent creations with one idempotency key one, in the order in
// which everybody takes them.
func (c *client) creationKeys(runs []domain.NewRun) []string {
	var keys []string
	for i := range runs {
		if key := c.creationKeyOf(&runs[i]); key != "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// creationKeyOf is the lock of a run's idempotency key; "" of a run without one.
func (c *client) creationKeyOf(n *domain.NewRun) string {
	if n.IdempotencyKey == "" {
		return ""
	}
	return creationKey(c.namespace, n.WorkflowName, n.IdempotencyKey)
}

// creationKey is what TypeScript locks: JSON.stringify({ namespaceId, workflowName, idempotencyKey }).
func creationKey(namespace, workflow, key string) string {
	var b strings.Builder
	b.WriteString(`{"namespaceId":`)
	stringify(&b, namespace)
	b.WriteString(`,"workflowName":`)
	stringify(&b, workflow)
	b.WriteString(`,"idempotencyKey":`)
	stringify(&b, key)
	b.WriteByte('}')
	return b.String()
}

// stringify quotes as JavaScript does: unlike Go, it leaves <, >, & and the line separators as they are.
func stringify(b *strings.Builder, s string) {
	const hex = "0123456789abcdef"
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ':
			b.WriteString(`\u00`)
			b.WriteByte(hex[r>>4])
			b.WriteByte(hex[r&15])
		case r == utf8.RuneError:
			b.WriteString("\uFFFD")
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

func (c *client) insertParams(runs []domain.NewRun) dbsqlc.InsertRunsParams {
	return dbsqlc.InsertRunsParams{
		NamespaceID:        c.namespace,
		Ids:                column(runs, func(n *domain.NewRun) string { return n.ID }),
		WorkflowNames:      column(runs, func(n *domain.NewRun) string { return n.WorkflowName }),
		Versions:           column(runs, func(n *domain.NewRun) string { return n.Version }),
		IdempotencyKeys:    column(runs, func(n *domain.NewRun) string { return n.IdempotencyKey }),
		Windows:            column(runs, func(n *domain.NewRun) int64 { return micros(n.Window()) }),
		Configs:            column(runs, func(n *domain.NewRun) string { return orEmpty(n.Config) }),
		Contexts:           column(runs, func(n *domain.NewRun) string { return string(n.Context) }),
		Inputs:             column(runs, func(n *domain.NewRun) string { return orNull(n.Input) }),
		ParentNamespaceIds: column(runs, func(n *domain.NewRun) string { return n.ParentNamespaceID }),
		ParentAttemptIds:   column(runs, func(n *domain.NewRun) string { return n.ParentAttemptID }),
		StartAts:           column(runs, func(n *domain.NewRun) time.Time { return n.StartAt }),
		StartAfters:        column(runs, func(n *domain.NewRun) int64 { return micros(n.StartAfter) }),
		DeadlineAts:        column(runs, func(n *domain.NewRun) time.Time { return n.DeadlineAt }),
	}
}

func (c *client) insertOneParams(n *domain.NewRun) dbsqlc.InsertRunParams {
	return dbsqlc.InsertRunParams{
		NamespaceID: c.namespace, ID: n.ID, WorkflowName: n.WorkflowName, Version: optional(n.Version),
		Config: orEmpty(n.Config), Context: optional(string(n.Context)), Input: orNull(n.Input),
		ParentNamespaceID: optional(n.ParentNamespaceID), ParentAttemptID: optional(n.ParentAttemptID),
		StartAt: known(n.StartAt), StartAfter: micros(n.StartAfter), DeadlineAt: known(n.DeadlineAt),
	}
}

func (c *client) standingParams(runs []domain.NewRun) dbsqlc.GetStandingRunsParams {
	return dbsqlc.GetStandingRunsParams{
		NamespaceID:     c.namespace,
		Ids:             column(runs, func(n *domain.NewRun) string { return n.ID }),
		WorkflowNames:   column(runs, func(n *domain.NewRun) string { return n.WorkflowName }),
		IdempotencyKeys: column(runs, func(n *domain.NewRun) string { return n.IdempotencyKey }),
		Windows:         column(runs, func(n *domain.NewRun) int64 { return micros(n.Window()) }),
	}
}

// column makes the array of a column of items.
func column[T, V any](items []T, value func(*T) V) []V {
	out := make([]V, len(items))
	for i := range items {
		out[i] = value(&items[i])
	}
	return out
}
