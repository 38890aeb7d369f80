package pgstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const (
	// echoTimeout is how long the listener waits to hear itself: a pooler accepts LISTEN and delivers nothing.
	echoTimeout = 2 * time.Second
	// silence is how long the listener hears nothing before it asks whether the connection still stands.
	silence = time.Minute
	// The listener's pauses after failures, and how long it leaves a way alone that delivers nothing.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 30 * time.Second
	deafPause  = 5 * time.Minute
)

var errDeaf = errors.New("openworkflow: LISTEN was accepted, but notifications do not arrive")

// listening starts the listener once, and returns what is closed when it has tried for the first time.
func (n *notifier) listening() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ready == nil {
		n.ready = make(chan struct{})
		if n.stopped {
			close(n.ready)
			return n.ready
		}
		n.done.Add(1)
		go n.listen(n.ready)
	}
	return n.ready
}

// listen keeps one connection listening until the store is closed.
func (n *notifier) listen(ready chan struct{}) {
	defer n.done.Done()
	tried := func() {
		if ready != nil {
			close(ready)
			ready = nil
		}
	}
	defer tried()
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		heard, err := n.hear(tried)
		tried()
		switch {
		case n.ctx.Err() != nil:
			return
		case errors.Is(err, errDeaf):
			backoff = deafPause
		case heard:
			n.subs.all(ports.Event{Missed: true}) // from now on, until it listens again
			backoff = minBackoff
		}
		timer := time.NewTimer(backoff/2 + rand.N(backoff))
		select {
		case <-timer.C:
		case <-n.ctx.Done():
			timer.Stop()
			return
		}
		backoff = min(backoff, maxBackoff/2)
	}
}

// hear listens on one connection until it breaks. heard says whether it ever worked.
func (n *notifier) hear(working func()) (heard bool, err error) {
	conn, err := n.attach()
	if err != nil {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(n.ctx), cleanupTimeout)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if err := n.echo(conn); err != nil {
		return false, err
	}
	n.hearing.Store(true)
	defer n.hearing.Store(false)
	n.subs.all(ports.Event{Missed: true}) // what was sent before
	working()
	for {
		payload, err := next(n.ctx, conn, silence)
		switch {
		case err == nil:
			n.receive(payload)
		case pgconn.Timeout(err) && n.ctx.Err() == nil:
			if err := n.ping(conn); err != nil {
				return true, err
			}
		default:
			return true, err
		}
	}
}

// attach connects and listens.
func (n *notifier) attach() (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(n.ctx, connectTimeout)
	defer cancel()
	conn, err := n.connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, sqlListen(n.core.schema.channel())); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// echo sends a word through the pool and waits to hear it.
func (n *notifier) echo(conn *pgx.Conn) error {
	word := "echo " + domain.NewID()
	ctx, cancel := context.WithTimeout(n.ctx, echoTimeout)
	defer cancel()
	if err := n.tell(ctx, []string{word}); err != nil {
		return err
	}
	for {
		payload, err := next(ctx, conn, echoTimeout)
		switch {
		case err != nil && n.ctx.Err() == nil && ctx.Err() != nil:
			return errDeaf
		case err != nil:
			return err
		case payload == word:
			return nil
		}
	}
}

func (n *notifier) ping(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(n.ctx, cleanupTimeout)
	defer cancel()
	return conn.Ping(ctx)
}

func next(ctx context.Context, conn *pgx.Conn, patience time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := conn.WaitForNotification(ctx)
	if err != nil {
		return "", err
	}
	return got.Payload, nil
}

// receive passes on what other processes sent.
func (n *notifier) receive(payload string) {
	if sender, namespace, e, ok := decodeNews(payload); ok && sender != n.nonce {
		n.subs.publish(namespace, e)
	}
}
