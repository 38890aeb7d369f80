package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// wiretap stands between clients and the Postgres server and notes what the clients ask. It counts on the wire,
// whatever connection it is that asks: the server's own counters hold its vacuuming too, which an idle worker does not drown out.
type wiretap struct {
	listener net.Listener
	network  string
	address  string // of the server
	pipes    sync.WaitGroup

	mu         sync.Mutex
	conns      []net.Conn
	statements []time.Time // executed
	trips      []time.Time // asked for and waited for
}

// tap makes a wiretap and the URL that leads through it. The server must allow connections without TLS.
func tap(serverURL string) (*wiretap, string, error) {
	cfg, err := pgx.ParseConfig(serverURL)
	if err != nil {
		return nil, "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return nil, "", err
	}
	t := &wiretap{listener: l}
	t.network, t.address = pgconn.NetworkAddress(cfg.Host, cfg.Port)
	t.pipes.Go(t.accept)
	through := url.URL{
		Scheme: "postgres", User: url.UserPassword(cfg.User, cfg.Password), Host: l.Addr().String(), Path: "/" + cfg.Database,
		RawQuery: "sslmode=disable",
	}
	return t, through.String(), nil
}

func (t *wiretap) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(context.Background(), t.network, t.address)
		if err != nil {
			_ = client.Close()
			continue
		}
		t.mu.Lock()
		t.conns = append(t.conns, client, server)
		t.mu.Unlock()
		t.pipes.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
		t.pipes.Go(func() {
			_ = t.forward(server, client)
			_ = server.Close()
		})
	}
}

// forward passes a client's messages on, a byte for the kind and four for the length, after a first one that has no kind.
func (t *wiretap) forward(server io.Writer, client io.Reader) error {
	head := make([]byte, 5)
	if _, err := io.ReadFull(client, head[1:]); err != nil {
		return err
	}
	if err := pass(server, client, head[1:]); err != nil {
		return err
	}
	for {
		if _, err := io.ReadFull(client, head); err != nil {
			return err
		}
		t.note(head[0])
		if err := pass(server, client, head); err != nil {
			return err
		}
	}
}

var errShortMessage = errors.New("a message shorter than its length")

// pass passes on one message, whose length are the last four bytes of its head and counts these.
func pass(server io.Writer, client io.Reader, head []byte) error {
	n := int64(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
	if n < 0 {
		return errShortMessage
	}
	if _, err := server.Write(head); err != nil {
		return err
	}
	_, err := io.CopyN(server, client, n)
	return err
}

// note counts a simple query as both; of the extended protocol, each execution as a statement and each sync as a round trip.
func (t *wiretap) note(kind byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if kind == 'Q' || kind == 'E' {
		t.statements = append(t.statements, now)
	}
	if kind == 'Q' || kind == 'S' {
		t.trips = append(t.trips, now)
	}
}

// perMinute is how many there were in a minute since then.
func (t *wiretap) perMinute(of *[]time.Time, since time.Time) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, at := range *of {
		if at.After(since) {
			n++
		}
	}
	return float64(n) / time.Since(since).Minutes()
}

func (t *wiretap) close() {
	_ = t.listener.Close()
	t.mu.Lock()
	for _, c := range t.conns {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.pipes.Wait()
}
