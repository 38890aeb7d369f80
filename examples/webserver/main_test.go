package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// site is the running program.
type site struct {
	t    *testing.T
	url  string
	stop func()
}

// open starts the program; its stop ends it and waits until it has ended.
func open(t *testing.T, database string, pause time.Duration) *site {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, io.Discard, listener, database, pause) }()
	s := &site{t: t, url: "http://" + listener.Addr().String()}
	stopped := false
	s.stop = func() {
		t.Helper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(s.stop)
	return s
}

// ask sends a request and returns the answer; it follows no redirects.
func (s *site) ask(method, path, body string) (status int, location, answer string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location"), string(text)
}

// create starts a report and returns its path.
func (s *site) create(body string) string {
	s.t.Helper()
	status, location, answer := s.ask("POST", "/reports", body)
	if status != http.StatusSeeOther {
		s.t.Fatalf("POST answers %d: %s", status, answer)
	}
	return location
}

// until asks for a report until it is no longer under way.
func (s *site) until(path string) (status int, answer string) {
	s.t.Helper()
	for {
		if status, _, answer = s.ask("GET", path, ""); status != http.StatusAccepted {
			return status, answer
		}
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "web.db"), 200*time.Millisecond)
	path := s.create(`{"id":"1","city":"Lisbon"}`)
	if again := s.create(`{"id":"1","city":"Lisbon"}`); again != path {
		t.Errorf("the same request made %s and %s", path, again)
	}
	if status, _, _ := s.ask("GET", path, ""); status != http.StatusAccepted {
		t.Errorf("while it is under way the report answers %d", status)
	}
	if status, answer := s.until(path); status != http.StatusOK || answer != `{"text":"It is sunny in Lisbon."}`+"\n" {
		t.Errorf("the report answers %d: %s", status, answer)
	}
	if status, answer := s.until(s.create(`{"id":"2","city":"Atlantis"}`)); status != http.StatusUnprocessableEntity {
		t.Errorf("the report of an unknown city answers %d: %s", status, answer)
	}
	_, _, answer := s.ask("GET", "/reports", "")
	var list struct{ Runs []struct{ ID, Status string } }
	if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list.Runs) != 2 || list.Runs[1].Status != "completed" {
		t.Errorf("the list is %s, %v", answer, err)
	}
	for path, want := range map[string]int{"/reports/nobody": http.StatusNotFound, "/reports?after=rubbish": http.StatusBadRequest} {
		if status, _, answer := s.ask("GET", path, ""); status != want {
			t.Errorf("GET %s answers %d: %s", path, status, answer)
		}
	}
	for _, body := range []string{"", "{}", `{"id":1}`} {
		if status, _, _ := s.ask("POST", "/reports", body); status != http.StatusBadRequest {
			t.Errorf("POST of %q answers %d", body, status)
		}
	}
}

// A report that was under way when the server stopped goes on after the next start.
func TestRestart(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "web.db")
	first := open(t, database, time.Second)
	path := first.create(`{"id":"1","city":"Bergen"}`)
	first.stop()
	second := open(t, database, time.Second)
	if status, answer := second.until(path); status != http.StatusOK || !strings.Contains(answer, "raining in Bergen") {
		t.Errorf("the report answers %d: %s", status, answer)
	}
}
