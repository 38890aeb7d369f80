package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// get asks the program.
func get(ctx context.Context, t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// until asks until the answer is so.
func until(t *testing.T, url string, so func(status int, body string) bool) {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		status, body := get(t.Context(), t, url)
		if so(status, body) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s answers %d: %s", url, status, body)
		}
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var spans bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, &spans, listener, filepath.Join(t.TempDir(), "observability.db"), 50*time.Millisecond, time.Second)
	}()
	url := "http://" + listener.Addr().String()
	until(t, url+"/readyz", func(status int, _ string) bool { return status == http.StatusOK })
	if status, _ := get(t.Context(), t, url+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz answers %d", status)
	}
	for _, sample := range []string{
		`openworkflow_run_slices_total{outcome="completed",workflow="process-order"} [1-9]`,
		`openworkflow_step_retries_total{workflow="process-order"} [1-9]`,
		`openworkflow_run_slices_total{outcome="failed",workflow="process-order"} [1-9]`,
		`openworkflow_runs{status="completed",workflow="ship-parcel"} [0-9]`,
		`openworkflow_database_up 1`,
	} {
		line := regexp.MustCompile("(?m)^" + strings.NewReplacer("{", `\{`, "}", `\}`).Replace(sample))
		until(t, url+"/metrics", func(_ int, body string) bool { return line.MatchString(body) })
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, name := range []string{"POST /orders", "workflow_run.create", "workflow_run.execute", "step_attempt.execute", "carrier"} {
		if !strings.Contains(spans.String(), `"Name":"`+name+`"`) {
			t.Errorf("no span %q was exported", name)
		}
	}
}
