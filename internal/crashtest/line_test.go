//go:build unix

package crashtest_test

import (
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// line is the connection of one place to a database server. It can be held: what a worker sends meanwhile arrives
// later, perhaps when the worker is dead and others have its runs.
type line struct {
	url      string
	listener net.Listener

	mu     sync.Mutex
	server string
	free   chan struct{} // closed unless the line is held
	open   map[net.Conn]struct{}
}

// newLine lays a line to the server that a URL names.
func newLine(t *testing.T, raw string) *line {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		t.Fatalf("OPENWORKFLOW_TEST_POSTGRES_URL has to be a URL with a host: %v", err)
	}
	server := u.Host
	if u.Port() == "" {
		server = net.JoinHostPort(u.Hostname(), "5432")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = listener.Addr().String()
	l := &line{url: u.String(), server: server, listener: listener, free: make(chan struct{}), open: map[net.Conn]struct{}{}}
	close(l.free)
	t.Cleanup(l.close)
	go l.accept()
	return l
}

func (l *line) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.connect(conn)
	}
}

func (l *line) connect(conn net.Conn) {
	l.mu.Lock()
	address := l.server
	l.mu.Unlock()
	server, err := net.Dial("tcp", address)
	if err != nil {
		conn.Close()
		return
	}
	l.mu.Lock()
	l.open[conn], l.open[server] = struct{}{}, struct{}{}
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.carry(server, conn) })
	both.Go(func() { l.carry(conn, server) })
	both.Wait()
	l.mu.Lock()
	delete(l.open, conn)
	delete(l.open, server)
	l.mu.Unlock()
}

// carry copies one way until that way ends.
func (l *line) carry(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		free := l.free
		l.mu.Unlock()
		<-free
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// move leads connections to another server from now on, as the address of a database does when another server takes over.
func (l *line) move(server string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = server
}

// hold lets nothing through for so long.
func (l *line) hold(d time.Duration) {
	free := make(chan struct{})
	l.mu.Lock()
	l.free = free
	l.mu.Unlock()
	<-time.After(d)
	close(free)
}

func (l *line) close() {
	l.listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.open {
		conn.Close()
	}
}
