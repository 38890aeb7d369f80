package pgstore_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// A connection of our own keeps its settings, so that a transaction of one pipeline needs nothing around it.
// Behind a transaction pooler each transaction brings them along, and leaves none behind.
func TestSettledSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		url    func(t *testing.T) string
		commit bool
	}{
		{"own session", databaseURLOf, false},
		{"transaction pooler", throughPooler, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			name := "settled " + domain.NewID()
			dsn := parameter(t, c.url(t), "application_name", name)
			s, err := pgstore.Open(testContext(t), parameter(t, dsn, "pool_max_conns", "1"), pgstore.Config{Schema: newSchema(t)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			live(t, s)
			if _, err := s.GetRuns(testContext(t), []string{domain.NewID()}); err != nil { // unlike a start, it is told to nobody
				t.Fatal(err)
			}
			last := scalar[[]string](t, connect(t), `select array_agg(query) from pg_stat_activity where application_name = $1`, name)
			if got := slices.Contains(last, "commit"); got != c.commit {
				t.Errorf("the last statements were %q; a commit among them: %v, want %v", last, got, c.commit)
			}
		})
	}
}

func databaseURLOf(t *testing.T) string { return databaseURL(t) }

func parameter(t *testing.T, dsn, key, value string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

// throughPooler leads to the server through a relay that, as poolers do, tells clients another process id
// than their server session has.
func throughPooler(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(databaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	l, err := (&net.ListenConfig{}).Listen(testContext(t), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go relay(client, server)
		}
	}()
	u.Host = l.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	return u.String()
}

func relay(client net.Conn, address string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
	buf := make([]byte, 64<<10)
	for told := false; ; {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		if at := bytes.Index(buf[:n], []byte{'K', 0, 0, 0, 12}); !told && at >= 0 { // BackendKeyData
			told = true
			binary.BigEndian.PutUint32(buf[at+5:], 1)
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}
