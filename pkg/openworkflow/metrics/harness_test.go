package metrics_test

import (
	"bufio"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/metrics"
)

// newClient makes an observed client over a backend; nil is one in memory.
func newClient(t *testing.T, m *metrics.Metrics, b openworkflow.Backend) *openworkflow.Client {
	t.Helper()
	db := memory.New()
	if b == nil {
		b = db
	}
	c, err := openworkflow.New(b, openworkflow.WithObserver(m.Observer()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		db.Close()
	})
	return c
}

// work executes workflows until stop is called.
func work(t *testing.T, c *openworkflow.Client, ws ...openworkflow.AnyWorkflow) (stop func()) {
	t.Helper()
	w, err := c.NewWorker(openworkflow.WorkerOptions{Workflows: ws})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
}

// samples are what /metrics serves: values by name and labels, as they are written there.
type samples map[string]float64

func scrape(t *testing.T, m *metrics.Metrics) samples {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if rec.Code != http.StatusOK {
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	out := samples{}
	for lines := bufio.NewScanner(rec.Body); lines.Scan(); {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		n, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out[line[:at]] = n
	}
	return out
}

// of are the samples of one metric.
func (s samples) of(metric string) samples {
	out := samples{}
	for key, n := range s {
		if key == metric || strings.HasPrefix(key, metric+"{") {
			out[key] = n
		}
	}
	return out
}

func (s samples) want(t *testing.T, want samples) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got, ok := s[key]; !ok || got != want[key] {
			t.Errorf("%s is %v (there: %v), want %v", key, got, ok, want[key])
		}
	}
}
