package pgstore

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// ridePatience bounds what a transaction is answered later for the news that go along.
const ridePatience = 10 * time.Millisecond

// along runs a transaction that makes news, and tells them once it is committed. Where it is little, and nothing else
// is about to be sent, it goes along: behind the commit and in its round trip, so that the others hear of it without
// another one. A NOTIFY within the transaction itself would hold its lock, which is the whole cluster's, until the commit is on the
// disk.
func (n *notifier) along(namespace string, e ports.Event, run func(tell func(*pipeline)) error) error {
	if empty(&e) || !n.board(&e) {
		err := run(func(*pipeline) {})
		if err == nil {
			n.publish(namespace, e)
		}
		return err
	}
	var told bool
	err := run(func(p *pipeline) {
		p.afterwards(func(p *pipeline) { n.queue(p, encodeNews(n.nonce, namespace, &e), ridePatience) }, &told)
	})
	n.mu.Lock()
	n.works = told
	n.mu.Unlock()
	switch {
	case err != nil:
	case told:
		n.subs.publish(namespace, e)
	default:
		n.publish(namespace, e)
	}
	return err
}

// board reports whether news may go along with the transaction that makes them. After a sending that failed they may not:
// what is told of must not suffer from it.
func (n *notifier) board(e *ports.Event) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if pieces(e) > few || n.stopped || !n.works || n.sending != nil || time.Now().Before(n.quiet) {
		return false
	}
	n.pause(pieces(e))
	return true
}
