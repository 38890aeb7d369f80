package pgstore_test

import (
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// pooler starts what PgBouncer is seen as from outside: it greets with a process id of its own making, and in
// transaction mode gives the session that was free last to whoever begins a transaction. What the server says
// outside of one, notifications among it, is lost.
func pooler(t *testing.T, dsn string, perTransaction bool) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &fakePooler{server: u.Host, perTransaction: perTransaction}
	p.done.Add(1)
	go func() {
		defer p.done.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.done.Add(1)
			go func() { defer p.done.Done(); p.serve(conn) }()
		}
	}()
	t.Cleanup(func() { l.Close(); p.close(); p.done.Wait() })
	u.Host = l.Addr().String()
	return u.String()
}

type fakePooler struct {
	server         string
	perTransaction bool
	done           sync.WaitGroup

	mu   sync.Mutex
	free []*pooled
	all  []net.Conn
}

type pooled struct {
	conn     net.Conn
	frontend *pgproto3.Frontend
}

func (p *fakePooler) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.all {
		c.Close()
	}
}

func (p *fakePooler) track(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, c)
}

// take returns the session that was free last, or a new one.
func (p *fakePooler) take(startup *pgproto3.StartupMessage) (*pooled, error) {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		return s, nil
	}
	p.mu.Unlock()
	conn, err := net.Dial("tcp", p.server)
	if err != nil {
		return nil, err
	}
	p.track(conn)
	s := &pooled{conn, pgproto3.NewFrontend(conn, conn)}
	s.frontend.Send(startup)
	if err := s.frontend.Flush(); err != nil {
		return nil, err
	}
	for {
		m, err := s.frontend.Receive()
		if err != nil {
			return nil, err
		}
		if _, ready := m.(*pgproto3.ReadyForQuery); ready {
			return s, nil
		}
	}
}

func (p *fakePooler) serve(conn net.Conn) {
	p.track(conn)
	defer conn.Close()
	client := pgproto3.NewBackend(conn, conn)
	first, err := client.ReceiveStartupMessage()
	if _, ssl := first.(*pgproto3.SSLRequest); ssl && err == nil {
		if _, err = conn.Write([]byte{'N'}); err == nil {
			first, err = client.ReceiveStartupMessage()
		}
	}
	startup, ok := first.(*pgproto3.StartupMessage)
	if err != nil || !ok {
		return // a request to cancel
	}
	client.Send(&pgproto3.AuthenticationOk{})
	client.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	client.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	client.Send(&pgproto3.BackendKeyData{ProcessID: 4242, SecretKey: []byte{1, 2, 3, 4}})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if client.Flush() != nil {
		return
	}
	if p.perTransaction {
		p.transactions(client, startup)
		return
	}
	p.session(client, startup)
}

// session joins a client and a session for good.
func (p *fakePooler) session(client *pgproto3.Backend, startup *pgproto3.StartupMessage) {
	s, err := p.take(startup)
	if err != nil {
		return
	}
	p.done.Add(1)
	go func() {
		defer p.done.Done()
		for {
			m, err := s.frontend.Receive()
			if err != nil {
				return
			}
			client.Send(m)
			if client.Flush() != nil {
				return
			}
		}
	}()
	defer s.conn.Close()
	for {
		m, err := client.Receive()
		if err != nil {
			return
		}
		s.frontend.Send(m)
		if s.frontend.Flush() != nil {
			return
		}
	}
}

// transactions gives the client a session whenever it sends something, until the transaction has ended.
func (p *fakePooler) transactions(client *pgproto3.Backend, startup *pgproto3.StartupMessage) {
	var s *pooled
	for {
		m, err := client.Receive()
		if _, bye := m.(*pgproto3.Terminate); err != nil || bye {
			return
		}
		if s == nil {
			if s, err = p.take(startup); err != nil {
				return
			}
		}
		s.frontend.Send(m)
		_, sync := m.(*pgproto3.Sync)
		_, query := m.(*pgproto3.Query)
		if !sync && !query {
			continue
		}
		if s.frontend.Flush() != nil {
			return
		}
		status := byte(0)
		for status == 0 {
			answer, err := s.frontend.Receive()
			if err != nil {
				return
			}
			if _, notification := answer.(*pgproto3.NotificationResponse); notification {
				continue
			}
			client.Send(answer)
			if ready, ok := answer.(*pgproto3.ReadyForQuery); ok {
				status = ready.TxStatus
			}
		}
		if client.Flush() != nil {
			return
		}
		if status == 'I' {
			p.mu.Lock()
			p.free = append(p.free, s)
			p.mu.Unlock()
			s = nil
		}
	}
}
