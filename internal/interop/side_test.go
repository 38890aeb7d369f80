package interop_test

import (
	"encoding/json"
	"testing"
	"time"
)

// side is a service in one of the languages: a client, and a worker once it works.
type side interface {
	start(t *testing.T, workflow string, input any, o startOptions) (run string)
	// result waits for the end of a run and returns its output, or the error that the client gives.
	result(t *testing.T, workflow, run string) (any, error)
	read(t *testing.T, run string) record
	list(t *testing.T, workflow string, pageSize int) (runs []string)
	steps(t *testing.T, run string, pageSize int) (names []string)
	counts(t *testing.T) counts
	cancel(run string) error
	signal(t *testing.T, name string, value any, key string) (runs []string)
	work(t *testing.T, o workOptions)
	stop(t *testing.T) // working, in order
	crash()            // without a word to the database
	open(t *testing.T) // the gates
	// spans are the ended ones of a run that this side made.
	spans(t *testing.T, run string) []span
}

type startOptions struct {
	version  string
	key      string
	deadline time.Duration
	after    time.Duration
}

type workOptions struct {
	workflows   []registration
	concurrency int           // 0 is 4
	lease       time.Duration // of Go; TypeScript's is 30 s
}

// registration is a workflow that a worker executes: those whose name begins with "echo" return their input.
type registration struct {
	Name     string `json:"name"`
	Version  string `json:"version,omitempty"`
	Attempts int    `json:"attempts,omitempty"` // of the workflow's retry policy
}

func workflows(names ...string) workOptions {
	var o workOptions
	for _, name := range names {
		o.workflows = append(o.workflows, registration{Name: name})
	}
	return o
}

// record is a run as a client shows it.
type record struct {
	Status  string
	Input   any
	Output  any
	Error   *struct{ Name, Message, Stack, Code string }
	Context map[string]any
}

// counts are the numbers of runs as a client shows them.
type counts struct{ Pending, Running, Completed, Failed, Canceled int64 }

func (w *world) side(t *testing.T, lang string) side {
	t.Helper()
	if lang == "ts" {
		return w.ts(t)
	}
	return w.golang(t)
}

// run starts a scripted run.
func run(t *testing.T, s side, workflow string, in script) string {
	t.Helper()
	return s.start(t, workflow, in, startOptions{})
}

// wantResult waits for the run and compares its results with the JSON of want.
func wantResult(t *testing.T, s side, workflow, run string, by string, want ...any) {
	t.Helper()
	got, err := s.result(t, workflow, run)
	if err != nil {
		t.Fatalf("run %s: %v", run, err)
	}
	wantJSON(t, got, report{By: by, Results: want})
}

// wantJSON compares values by what their JSON says.
func wantJSON(t *testing.T, got, want any) {
	t.Helper()
	g, w := canonical(t, got), canonical(t, want)
	if g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func canonical(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		t.Fatal(err)
	}
	if raw, err = json.Marshal(plain); err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// did is the result of a step function.
func did(by string, value any) map[string]any { return map[string]any{"by": by, "value": value} }

// got is the result of a wait that a signal ended.
func got(data any) map[string]any { return map[string]any{"data": data} }

// tsSide is the side of a Node process.
type tsSide struct {
	*node
	mine map[string]bool // runs that it started
}

func (w *world) ts(t *testing.T) *tsSide {
	t.Helper()
	return &tsSide{w.startNode(t, w.modules), map[string]bool{}}
}

func (s *tsSide) crash() { s.kill() }

func (s *tsSide) start(t *testing.T, workflow string, input any, o startOptions) string {
	t.Helper()
	var id string
	decode(t, s.must(t, "start", map[string]any{
		"workflow": workflow, "version": o.version, "input": input, "key": o.key,
		"deadlineMs": o.deadline.Milliseconds(), "afterMs": o.after.Milliseconds(),
	}), &id)
	s.mu.Lock()
	s.mine[id] = true
	s.mu.Unlock()
	return id
}

func (s *tsSide) result(t *testing.T, _, run string) (out any, err error) {
	t.Helper()
	s.mu.Lock()
	mine := s.mine[run]
	s.mu.Unlock()
	if mine {
		raw, err := s.call("result", map[string]any{"run": run, "timeoutMs": patience.Milliseconds()})
		if err == nil {
			decode(t, raw, &out)
		}
		return out, err
	}
	var r record // there are no handles of other processes' runs
	s.w.eventually(t, "TypeScript reads the end of run "+run, func() bool {
		r = s.read(t, run)
		return r.Status != "pending" && r.Status != "running"
	})
	if r.Status == "completed" {
		return r.Output, nil
	}
	return nil, &ended{r}
}

// ended is the error of a run that TypeScript has read.
type ended struct{ record }

func (e *ended) Error() string {
	raw, _ := json.Marshal(e.record.Error)
	return e.Status + ": " + string(raw)
}

func (s *tsSide) read(t *testing.T, run string) (r record) {
	t.Helper()
	decode(t, s.must(t, "get", map[string]any{"run": run}), &r)
	return r
}

// page is a page of a TypeScript list.
type page struct {
	Data []struct {
		ID       string
		StepName string
	}
	Pagination struct{ Next *string }
}

func (s *tsSide) pages(t *testing.T, verb string, args map[string]any) (all []page) {
	t.Helper()
	for {
		var p page
		decode(t, s.must(t, verb, args), &p)
		all = append(all, p)
		if p.Pagination.Next == nil {
			return all
		}
		args["after"] = *p.Pagination.Next
	}
}

func (s *tsSide) list(t *testing.T, workflow string, pageSize int) (runs []string) {
	t.Helper()
	for _, p := range s.pages(t, "list", map[string]any{"workflowName": workflow, "limit": pageSize}) {
		for _, r := range p.Data {
			runs = append(runs, r.ID)
		}
	}
	return runs
}

func (s *tsSide) steps(t *testing.T, run string, pageSize int) (names []string) {
	t.Helper()
	for _, p := range s.pages(t, "steps", map[string]any{"run": run, "limit": pageSize}) {
		for _, a := range p.Data {
			names = append(names, a.StepName)
		}
	}
	return names
}

func (s *tsSide) counts(t *testing.T) (c counts) {
	t.Helper()
	decode(t, s.must(t, "count", nil), &c)
	return c
}

func (s *tsSide) cancel(run string) error {
	_, err := s.call("cancel", map[string]any{"run": run})
	return err
}

func (s *tsSide) signal(t *testing.T, name string, value any, key string) (runs []string) {
	t.Helper()
	decode(t, s.must(t, "signal", map[string]any{"signal": name, "value": value, "key": key}), &runs)
	return runs
}

func (s *tsSide) work(t *testing.T, o workOptions) {
	t.Helper()
	s.must(t, "worker", map[string]any{"workflows": o.workflows, "concurrency": orFour(o.concurrency)})
}

func (s *tsSide) stop(t *testing.T) {
	t.Helper()
	s.must(t, "stop", nil)
}

func (s *tsSide) open(t *testing.T) {
	t.Helper()
	s.must(t, "open", nil)
}

func orFour(n int) int {
	if n == 0 {
		return 4
	}
	return n
}

func decode(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("TypeScript answers %s: %v", raw, err)
	}
}
