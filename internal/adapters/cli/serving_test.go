package cli_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// served is a command that serves until it is stopped.
type served struct {
	t      *testing.T
	addr   string // the first address that it told
	cancel func()
	status chan int
}

// serve runs a command in a directory, and returns when it has said that Ctrl-C stops it.
func serve(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	said, stderr := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	s := &served{t: t, cancel: cancel, status: make(chan int, 1)}
	t.Cleanup(cancel)
	go func() {
		s.status <- cli.Run(ctx, cli.Program{Name: "shop", Workflows: openworkflow.Workflows(label)}, cli.Environment{
			Args: args, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: stderr,
			Getenv: func(string) string { return "" }, Dir: dir, Now: time.Now,
		})
		stderr.Close()
	}()
	var text strings.Builder
	for buf := make([]byte, 512); !strings.Contains(text.String(), "Ctrl-C stops it."); {
		n, err := said.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v after %s", err, text.String())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	m := regexp.MustCompile(`https?://(127\.0\.0\.1:\d+)/`).FindStringSubmatch(text.String())
	if m == nil {
		t.Fatalf("it says %s", text.String())
	}
	s.addr = m[1]
	return s
}

// get asks for a page.
func (s *served) get(path string, header ...string) (status int, body string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// stop is Ctrl-C: it ends well, and nothing is served any more.
func (s *served) stop() {
	s.t.Helper()
	s.cancel()
	if got := <-s.status; got != cli.ExitOK {
		s.t.Errorf("status %d", got)
	}
	if resp, err := http.Get("http://" + s.addr + "/healthz"); err == nil {
		resp.Body.Close()
		s.t.Error("it still serves")
	}
}
