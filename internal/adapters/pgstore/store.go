package pgstore

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var (
	_ ports.Backend   = (*Store)(nil)
	_ ports.Notifier  = (*Store)(nil)
	_ ports.Paced     = (*Store)(nil)
	_ ports.Inspector = (*Store)(nil)
	_ ports.Registry  = (*Store)(nil)
	_ ports.Announcer = (*Store)(nil)
	_ ports.Backend   = (*TxStore)(nil)
	_ ports.Inspector = (*TxStore)(nil)
)

// core is what the stores of one Open share, in all namespaces.
type core struct {
	schema   *schema
	pool     *pgxpool.Pool
	ownsPool bool
	typed    bool          // see typed
	beats    *pgxpool.Pool // heartbeats only: a saturated pool must not cost leases
	news     *notifier
	scan     scanLimits
	closed   atomic.Bool
	poll     time.Duration // how often idle workers look, if that was asked for
	once     sync.Once

	mu     sync.Mutex
	sweeps map[string]sweepPlace // by namespace
	paces  map[string]*pace      // likewise
}

// client does the client's verbs, in transactions of its own or in the caller's.
type client struct {
	namespace string
	core      *core
	runner    runner
}

// publish tells of what was written.
func (c *client) publish(ctx context.Context, e ports.Event) { c.runner.publish(ctx, c.namespace, e) }

// runAndTell runs a transaction, and tells e, which it brings.
func (c *client) runAndTell(ctx context.Context, e ports.Event, build func(*pipeline)) error {
	return c.runner.runAndTell(ctx, c.namespace, e, build)
}

// Namespace is the namespace that all methods act in.
func (c *client) Namespace() string { return c.namespace }

// key names a lock of this store's, of one kind.
func (c *client) key(kind, name string) string {
	raw, _ := json.Marshal([]string{"openworkflow", kind, c.core.schema.name, c.namespace, name}) // strings always marshal
	return string(raw)
}

// Store keeps the runs of one namespace. It is safe for concurrent use.
type Store struct {
	client
	tx    poolRunner
	beats poolRunner
	pace  *pace
}

func newStore(c *core, namespace string) *Store {
	s := &Store{tx: poolRunner{c, c.pool}, beats: poolRunner{c, c.beats}, pace: c.paceOf(namespace)}
	s.client = client{namespace: namespace, core: c, runner: s.tx}
	return s
}

// WithNamespace returns a store of another namespace on the same connections.
func (s *Store) WithNamespace(namespace string) *Store { return newStore(s.core, namespace) }

// WithTx returns a store whose client verbs act inside the caller's transaction: what they do is done iff
// the transaction commits. The worker's verbs return ports.ErrClientOnly. The transaction should be READ
// COMMITTED, as is the default: above that, what others committed meanwhile is not seen.
func (s *Store) WithTx(tx pgx.Tx) *TxStore {
	return &TxStore{client{namespace: s.namespace, core: s.core, runner: txRunner{s.core, tx}}}
}

// TxStore is a Store in a transaction of the caller's.
type TxStore struct{ client }

// ClaimRuns returns ports.ErrClientOnly.
func (*TxStore) ClaimRuns(context.Context, ports.ClaimRequest) (ports.ClaimResult, error) {
	return ports.ClaimResult{}, ports.ErrClientOnly
}

// ReclaimRun returns ports.ErrClientOnly.
func (*TxStore) ReclaimRun(context.Context, ports.ReclaimRequest) (ports.ReclaimResult, error) {
	return ports.ReclaimResult{}, ports.ErrClientOnly
}

// LoadHistories returns ports.ErrClientOnly.
func (*TxStore) LoadHistories(context.Context, ports.HistoryRequest) (ports.HistoryResult, error) {
	return ports.HistoryResult{}, ports.ErrClientOnly
}

// Commit returns ports.ErrClientOnly.
func (*TxStore) Commit(context.Context, []domain.Transition) ([]domain.Verdict, error) {
	return nil, ports.ErrClientOnly
}

// ExtendLeases returns ports.ErrClientOnly.
func (*TxStore) ExtendLeases(context.Context, ports.LeaseRequest) (ports.LeaseResult, error) {
	return ports.LeaseResult{}, ports.ErrClientOnly
}

// Sweep returns ports.ErrClientOnly.
func (*TxStore) Sweep(context.Context, ports.SweepRequest) (ports.SweepResult, error) {
	return ports.SweepResult{}, ports.ErrClientOnly
}
