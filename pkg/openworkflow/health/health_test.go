package health_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/health"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	if cache := rec.Header().Get("Cache-Control"); cache != "no-store" {
		t.Errorf("%s may be cached: %q", path, cache)
	}
	return rec.Code, strings.TrimSpace(rec.Body.String())
}

func want(t *testing.T, h http.Handler, path string, status int, body string) {
	t.Helper()
	if code, got := get(t, h, path); code != status || got != body {
		t.Errorf("%s: %d %s; want %d %s", path, code, got, status, body)
	}
}

// database is a Pinger that a test breaks.
type database struct {
	pings atomic.Int32
	hangs atomic.Bool
	fault atomic.Pointer[error]
}

func (d *database) Ping(ctx context.Context) error {
	d.pings.Add(1)
	if d.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if err := d.fault.Load(); err != nil {
		return *err
	}
	return nil
}

func TestReadinessOfAWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := memory.New()
		ow, err := openworkflow.New(db)
		if err != nil {
			t.Fatal(err)
		}
		wf := openworkflow.Define("wf", func(openworkflow.Context, openworkflow.None) (int, error) { return 0, nil })
		w, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: openworkflow.Workflows(wf)})
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		health.New(health.Options{Database: ow, Workers: []*openworkflow.Worker{w}}).Register(mux)
		want(t, mux, "/healthz", 200, `{"status":"ok"}`)
		want(t, mux, "/readyz", 503, `{"status":"failed","checks":{"database":"ok","workers":"failed"}}`)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		want(t, mux, "/readyz", 200, `{"status":"ok","checks":{"database":"ok","workers":"ok"}}`)
		if err := w.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		want(t, mux, "/readyz", 503, `{"status":"failed","checks":{"database":"ok","workers":"failed"}}`)
		if err := errors.Join(ow.Close(), db.Close()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		want(t, mux, "/readyz", 503, `{"status":"failed","checks":{"database":"failed","workers":"failed"}}`)
		want(t, mux, "/healthz", 200, `{"status":"ok"}`)
	})
}

// A database that hangs is not ready after the timeout, and is asked once an interval, however many ask.
func TestDatabaseThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &database{}
		db.hangs.Store(true)
		c := health.New(health.Options{Database: db, Timeout: 3 * time.Second})
		start := time.Now()
		var asking sync.WaitGroup
		for range 10 {
			asking.Go(func() { want(t, c.Handler(), "/readyz", 503, `{"status":"failed","checks":{"database":"failed"}}`) })
		}
		asking.Wait()
		if took := time.Since(start); took != 3*time.Second || db.pings.Load() != 1 {
			t.Errorf("%d pings in %v", db.pings.Load(), took)
		}
		db.hangs.Store(false)
		want(t, c.Handler(), "/readyz", 503, `{"status":"failed","checks":{"database":"failed"}}`)
		time.Sleep(health.DefaultInterval)
		want(t, c.Handler(), "/readyz", 200, `{"status":"ok","checks":{"database":"ok"}}`)
		if db.pings.Load() != 2 {
			t.Errorf("%d pings", db.pings.Load())
		}
	})
}

// Why a check fails is for the log and for the program, not for whoever asks.
func TestReasons(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		secret := errors.New("dial 10.0.0.7: user=admin")
		db := &database{}
		db.fault.Store(&secret)
		c := health.New(health.Options{
			Database: db, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Checks: map[string]func(context.Context) error{"mail": func(context.Context) error { return nil }},
		})
		for range 3 {
			want(t, c.Handler(), "/readyz", 503, `{"status":"failed","checks":{"database":"failed","mail":"ok"}}`)
			time.Sleep(time.Second)
		}
		if err := c.Ready(t.Context()); !errors.Is(err, secret) || !strings.HasPrefix(err.Error(), "database: ") {
			t.Error(err)
		}
		db.fault.Store(nil)
		time.Sleep(time.Second)
		if err := c.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "user=admin") || !strings.Contains(lines[1], "ready again") {
			t.Errorf("%q", lines)
		}
	})
}

// A backend that cannot be asked is not down.
func TestDatabaseThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	db := &database{}
	unsupported := fmt.Errorf("no Inspector: %w", openworkflow.ErrUnsupported)
	db.fault.Store(&unsupported)
	if err := health.New(health.Options{Database: db}).Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// The probe that gives up does not spoil the answer for the others.
func TestProbeThatGivesUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := health.New(health.Options{Database: &database{}})
	if err := c.Ready(ctx); err != nil {
		t.Error(err)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	for _, h := range []http.Handler{health.Live(), health.New(health.Options{}).Handler()} {
		for method, status := range map[string]int{http.MethodHead: 200, http.MethodGet: 200, http.MethodPost: 405} {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, "/", http.NoBody))
			if body, _ := io.ReadAll(rec.Body); rec.Code != status || len(body) == 0 {
				t.Errorf("%s: %d %s", method, rec.Code, body)
			}
		}
	}
}
