package pgstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const (
	// sendGap is the least time between two sendings: what happens meanwhile goes together, as NOTIFY takes a lock of
	// the whole cluster at commit, and wakes all who listen. Where there are few pieces of news at a time it is shortGap,
	// on average over sendGap: who starts a run, waits for its end and starts the next one waits for no timer. Where a
	// sending takes longer than shortGap, others send too, or the machine is busy: then it is slowFactor times as long.
	sendGap     = 5 * time.Millisecond
	shortGap    = time.Millisecond
	slowFactor  = 4
	few         = 8
	sendTimeout = 5 * time.Second
	// lastWords is how long Close waits for what is still to be sent.
	lastWords = 2 * time.Second
	// maxPending bounds what is kept while sending fails; beyond it, news are dropped.
	maxPending = 10000
)

// notifier spreads news: to this process at once, to the others through NOTIFY behind the commits, and
// from them through LISTEN. Sending never fails what it tells of, nor delays it by more than ridePatience.
type notifier struct {
	core    *core
	connect func(context.Context) (*pgx.Conn, error)
	nonce   string // marks what this process sent, and knows already
	subs    subscribers

	ctx    context.Context // of the goroutines
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	pending map[string]*ports.Event // by namespace
	size    int
	pieces  int           // how many pieces of news are pending
	sending chan struct{} // closed when nothing waits any more; nil when nothing does
	quiet   time.Time     // until then nothing is sent
	apart   time.Time     // until then no news go along with transactions
	works   bool          // the last sending by itself did
	stopped bool
	ready   chan struct{} // closed when the listener has tried for the first time; nil before it runs

	hearing atomic.Bool // the listener has heard itself, on a connection that stands as far as is known
}

func newNotifier(c *core, connect func(context.Context) (*pgx.Conn, error)) *notifier {
	ctx, cancel := context.WithCancel(context.Background())
	return &notifier{
		core: c, connect: connect, nonce: domain.NewID(), subs: newSubscribers(),
		ctx: ctx, cancel: cancel, pending: make(map[string]*ports.Event),
	}
}

// Subscribe is ports.Notifier's. Where notifications do not arrive, as behind a transaction pooler without
// WithListenDSN, the news are those of this process.
func (s *Store) Subscribe(ctx context.Context) (<-chan ports.Event, error) {
	n := s.core.news
	events, err := n.subs.add(ctx, s.namespace)
	if err != nil {
		return nil, err
	}
	select {
	case <-n.listening():
	case <-ctx.Done():
	}
	return events, nil
}

// publish tells the subscribers of this process, and has the others told.
func (n *notifier) publish(namespace string, e ports.Event) {
	if empty(&e) {
		return
	}
	n.subs.publish(namespace, e)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return
	}
	n.keep(namespace, &e)
	if n.sending == nil {
		n.sending = make(chan struct{})
		n.done.Add(1)
		go n.send()
	}
}

// keep adds an event to those that wait to be sent.
func (n *notifier) keep(namespace string, e *ports.Event) {
	n.pieces += piecesOf(e)
	p := n.pending[namespace]
	if p == nil {
		p = &ports.Event{}
		n.pending[namespace] = p
	}
	for _, name := range e.Due {
		if !slices.Contains(p.Due, name) {
			p.Due = append(p.Due, name)
		}
	}
	if n.size > maxPending {
		p.Missed = true
		return
	}
	p.Finished = append(p.Finished, e.Finished...)
	p.Touched = append(p.Touched, e.Touched...)
	n.size += len(e.Finished) + len(e.Touched)
}

// send sends what waits, until nothing does: at once when nothing has been sent just before.
func (n *notifier) send() {
	defer n.done.Done()
	for more := true; more; more = n.more() {
		n.rest()
		batch, pieces := n.take()
		began := time.Now()
		err := n.notify(batch)
		n.mu.Lock()
		n.works = err == nil
		n.spend(pieces, time.Since(began))
		n.mu.Unlock()
	}
}

func (n *notifier) take() (batch map[string]*ports.Event, pieces int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	batch, pieces = n.pending, n.pieces
	n.pending, n.size, n.pieces = make(map[string]*ports.Event), 0, 0
	return batch, pieces
}

// more reports whether something waits to be sent again; if not, sending is over.
func (n *notifier) more() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pending) > 0 && !n.stopped {
		return true
	}
	close(n.sending)
	n.sending = nil
	return false
}

// rest waits until news may be sent.
func (n *notifier) rest() {
	n.mu.Lock()
	gap := time.Until(n.quiet)
	n.mu.Unlock()
	if gap <= 0 {
		return
	}
	timer := time.NewTimer(gap)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.ctx.Done():
	}
}

// spend keeps the next sending apart from one of so many pieces of news, which took so long; with n.mu held.
func (n *notifier) spend(pieces int, took time.Duration) {
	now := time.Now()
	least := now.Add(shortGap - sendGap) // what was not used is there, for a while
	switch {
	case pieces > few:
		least = now.Add(sendGap)
	case took > shortGap:
		least = now.Add(min(sendGap, slowFactor*took))
	}
	if pieces > 0 {
		n.quiet = n.quiet.Add(shortGap)
	}
	if n.quiet.Before(least) {
		n.quiet = least
	}
}

// notify may fail: that costs the others latency.
func (n *notifier) notify(batch map[string]*ports.Event) error {
	ctx, cancel := context.WithTimeout(n.ctx, sendTimeout)
	defer cancel()
	var payloads []string
	for _, namespace := range slices.Sorted(maps.Keys(batch)) {
		payloads = append(payloads, encodeNews(n.nonce, namespace, batch[namespace])...)
	}
	return n.tell(ctx, payloads)
}

func (n *notifier) tell(ctx context.Context, payloads []string) error {
	r := poolRunner{n.core, n.core.pool}
	return r.run(ctx, planOnce, func(p *pipeline) { n.queue(p, payloads, sendTimeout) })
}

func (n *notifier) queue(p *pipeline, payloads []string, patience time.Duration) {
	exec(p, (*dbsqlc.Queries).Notify, dbsqlc.NotifyParams{
		Channel: n.core.schema.channel(), Payloads: payloads, Patience: strconv.FormatInt(patience.Milliseconds(), 10),
	})
}

// Announce is ports.Announcer's. Unlike other news it is sent before it returns: the process may end then.
func (s *Store) Announce(ctx context.Context, workflows []string) {
	n := s.core.news
	_ = n.tell(ctx, encodeNews(n.nonce, s.namespace, &ports.Event{Due: workflows}))
}

// publishWithin tells everybody, this process included, iff and when the caller's transaction commits.
func (n *notifier) publishWithin(ctx context.Context, r txRunner, namespace string, e ports.Event) {
	if empty(&e) {
		return
	}
	_ = r.run(ctx, planOnce, func(p *pipeline) {
		exec(p, (*dbsqlc.Queries).NotifyWithin, dbsqlc.NotifyWithinParams{
			Channel: n.core.schema.channel(), Payloads: encodeNews("", namespace, &e),
		})
	})
}

// tellRest waits, not for long, until what waits has been sent: a process that starts a run and ends should not leave
// those who execute it to find out by themselves.
func (n *notifier) tellRest() {
	n.mu.Lock()
	sending := n.sending
	n.mu.Unlock()
	if sending == nil {
		return
	}
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-sending:
	case <-timer.C:
	}
}

// close ends the subscriptions and waits for the goroutines.
func (n *notifier) close() {
	n.mu.Lock()
	n.stopped = true
	n.mu.Unlock()
	n.cancel()
	n.done.Wait()
	n.subs.closeAll()
}
