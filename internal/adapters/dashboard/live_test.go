package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// counting counts the looks at the list.
type counting struct {
	*memory.Backend

	lists atomic.Int64
}

func (c *counting) ListRuns(ctx context.Context, f backend.RunFilter, p backend.PageRequest) (backend.Page[backend.Run], error) {
	c.lists.Add(1)
	return c.Backend.ListRuns(ctx, f, p)
}

// listener reads server-sent events.
type listener struct {
	t    *testing.T
	body io.ReadCloser
	scan *bufio.Scanner
}

func listen(t *testing.T, srv *httptest.Server, path string) *listener {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, %s", a.StatusCode, a.Header.Get("Content-Type"))
	}
	t.Cleanup(func() { _ = a.Body.Close() })
	scan := bufio.NewScanner(a.Body)
	scan.Buffer(nil, 4<<20)
	return &listener{t, a.Body, scan}
}

// next returns the next event and its parts; "" if the stream has ended.
func (l *listener) next() (event string, parts map[string]string) {
	l.t.Helper()
	for l.scan.Scan() {
		line := l.scan.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if data != "" {
				if err := json.Unmarshal([]byte(data), &parts); err != nil {
					l.t.Fatal(err)
				}
			}
			return event, parts
		}
	}
	return "", nil
}

// until reads events until a part has the text.
func (l *listener) until(part, text string) {
	l.t.Helper()
	for {
		event, parts := l.next()
		if event == "" {
			l.t.Fatalf("the stream ended before %q came", text)
		}
		if strings.Contains(parts[part], text) {
			return
		}
	}
}

func TestLiveList(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{Refresh: 100 * time.Millisecond})
	srv := httptest.NewServer(s.h)
	t.Cleanup(srv.Close)
	l := listen(t, srv, "/live/runs?")
	l.until("list", "No runs yet")
	id := s.start("order", "", `{}`)
	l.until("list", id)
}

func TestLiveRunEndsWithTheRun(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{Refresh: 100 * time.Millisecond})
	srv := httptest.NewServer(s.h)
	t.Cleanup(srv.Close)
	id := s.start("order", "", `{}`)
	l := listen(t, srv, "/live/runs/"+id)
	l.until("head", "pending")
	h := s.claim("order", "")
	h.finish("charge", `1`)
	l.until("timeline", "charge")
	h.complete(`"the result"`)
	l.until("output", "the result")
	event, _ := l.next()
	for event == "same" || event == "parts" {
		event, _ = l.next()
	}
	if event != "final" {
		t.Errorf("the last event is %q", event)
	}
	if event, _ = l.next(); event != "" {
		t.Errorf("after the end came %q", event)
	}
}

// TestViewersShareOneLook: fifty open pages ask the database no more often than one.
func TestViewersShareOneLook(t *testing.T) {
	t.Parallel()
	b := &counting{Backend: memory.New()}
	t.Cleanup(func() { _ = b.Close() })
	s := openOn(t, b, dashboard.Options{Refresh: 100 * time.Millisecond})
	srv := httptest.NewServer(s.h)
	t.Cleanup(srv.Close)
	var all []*listener
	for range 50 {
		all = append(all, listen(t, srv, "/live/runs?status=pending"))
	}
	id := s.start("order", "", `{}`)
	before := b.lists.Load()
	began := time.Now()
	for _, l := range all {
		l.until("list", id)
	}
	most := int64(time.Since(began)/(100*time.Millisecond)) + 3
	if n := b.lists.Load() - before; n > most {
		t.Errorf("%d looks in %v, for one page", n, time.Since(began))
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{MaxLive: 2, Refresh: 100 * time.Millisecond})
	srv := httptest.NewServer(s.h)
	t.Cleanup(srv.Close)
	listen(t, srv, "/live/runs")
	listen(t, srv, "/live/workers")
	a, err := srv.Client().Get(srv.URL + "/live/runs")
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", a.StatusCode, a.Header.Get("Retry-After"))
	}
}

// TestShutdownEndsLivePages: http.Server.Shutdown waits for busy connections, and would wait for these for ever.
func TestShutdownEndsLivePages(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{Refresh: 100 * time.Millisecond})
	srv := httptest.NewServer(s.h)
	l := listen(t, srv, "/live/runs")
	l.until("list", "No runs yet")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := srv.Config.Shutdown(ctx); err != nil {
		t.Fatalf("shutdown: %v", err)
	}
	for {
		if event, _ := l.next(); event == "" {
			return
		}
	}
}

// TestReadTimeoutLeavesLivePagesAlone: a server's timeouts are for requests, not for pages that stay open.
func TestTimeoutsLeaveLivePagesAlone(t *testing.T) {
	t.Parallel()
	s := open(t, dashboard.Options{Refresh: 100 * time.Millisecond})
	srv := httptest.NewUnstartedServer(s.h)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond
	srv.Start()
	t.Cleanup(srv.Close)
	l := listen(t, srv, "/live/runs")
	for began := time.Now(); time.Since(began) < time.Second; {
		if event, _ := l.next(); event == "" {
			t.Fatal("the connection was cut")
		}
	}
}

// flaky fails when it is told to.
type flaky struct {
	*memory.Backend

	fails atomic.Bool
}

func (f *flaky) ListRuns(ctx context.Context, x backend.RunFilter, p backend.PageRequest) (backend.Page[backend.Run], error) {
	if f.fails.Load() {
		return backend.Page[backend.Run]{}, errors.New("down")
	}
	return f.Backend.ListRuns(ctx, x, p)
}

func TestLivePagesOutliveTheDatabase(t *testing.T) {
	t.Parallel()
	b := &flaky{Backend: memory.New()}
	t.Cleanup(func() { _ = b.Close() })
	s := openOn(t, b, dashboard.Options{Refresh: 100 * time.Millisecond})
	srv := httptest.NewServer(s.h)
	t.Cleanup(srv.Close)
	l := listen(t, srv, "/live/runs")
	l.until("list", "No runs yet")
	b.fails.Store(true)
	for event := ""; event != "trouble"; {
		if event, _ = l.next(); event == "" {
			t.Fatal("the stream ended with the database")
		}
	}
	b.fails.Store(false)
	id := s.start("order", "", `{}`)
	l.until("list", id)
}
