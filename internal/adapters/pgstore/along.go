package pgstore

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const (
	// ridePatience bounds how much later a transaction is answered for the news that go along.
	ridePatience = 2 * time.Millisecond
	// afterSlow is how long none go along after some that took longer than shortGap: many send, or the disk is slow.
	afterSlow = 100 * time.Millisecond
	// afterRefused is how long none go along after some that could not be sent.
	afterRefused = time.Second
)

// ride is a little news that goes along with the transaction that makes it: behind the commit and in its round trip, so
// that the others hear of it without another one. A NOTIFY within the transaction itself would hold its lock, which is the
// whole cluster's, until the commit is on the disk.
type ride struct {
	*notifier
	namespace string
	event     ports.Event
	began     time.Time
	told      bool
}

// board returns a ride where the news are few and nothing else is about to be sent; nil otherwise, or where sending
// fails or is slow: what is told of must not suffer from it.
func (n *notifier) board(namespace string, e ports.Event) *ride {
	if count := piecesOf(&e); count == 0 || count > few {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if n.stopped || !n.works || n.sending != nil || now.Before(n.quiet) || now.Before(n.apart) {
		return nil
	}
	n.spend(piecesOf(&e), 0)
	return &ride{notifier: n, namespace: namespace, event: e, began: now}
}

// queue has the news sent once the rest of the pipeline is committed.
func (r *ride) queue(p *pipeline) {
	p.afterwards(func(p *pipeline) {
		r.notifier.queue(p, encodeNews(r.nonce, r.namespace, &r.event), ridePatience)
	}, &r.told)
}

// landed is for after the transaction. News that were not sent, of what was committed or may have been, go by themselves.
func (r *ride) landed(err error) {
	switch {
	case r.told:
		if time.Since(r.began) > shortGap {
			r.stayApart(afterSlow)
		}
		r.subs.publish(r.namespace, r.event)
	case err != nil && sqlState(err) != "" && !connectionLost(err): // rolled back
	default:
		r.stayApart(afterRefused)
		r.publish(r.namespace, r.event)
	}
}

// stayApart has news go by themselves for a while.
func (n *notifier) stayApart(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.apart = time.Now().Add(d)
}
