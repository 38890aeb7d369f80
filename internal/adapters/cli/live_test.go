package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/step"
)

type order struct {
	ID int `json:"id"`
}

var errNoBox = errors.New("no box fits")

// The watchers look every 97 ms, so that they never look at the very moment when something happens.

// parcel does some of everything: steps that take time, one that fails once, a sleep, a child, a signal.
var parcel = openworkflow.Define("parcel", func(ctx openworkflow.Context, in order) (string, error) {
	if _, err := step.Run(ctx, "charge-card", func(ctx context.Context) (string, error) {
		time.Sleep(1200 * time.Millisecond)
		return "charged", nil
	}); err != nil {
		return "", err
	}
	tries := 0
	if err := step.Do(ctx, "pack", func(context.Context) error {
		time.Sleep(300 * time.Millisecond)
		if tries++; tries == 1 {
			return errNoBox
		}
		return nil
	}, step.WithRetryPolicy(openworkflow.RetryPolicy{InitialInterval: 2 * time.Second, MaximumAttempts: 2})); err != nil {
		return "", err
	}
	if err := step.Sleep(ctx, "cool-off", 3*time.Second); err != nil {
		return "", err
	}
	if _, err := step.RunWorkflow(ctx, label, in); err != nil {
		return "", err
	}
	by, ok, err := step.WaitForSignal[string](ctx, "approved", step.WithTimeout(time.Hour))
	if err != nil || !ok {
		return "", errors.Join(err, errors.New("nobody approved it"))
	}
	return "approved by " + by, nil
})

var label = openworkflow.Define("label", func(ctx openworkflow.Context, in order) (openworkflow.None, error) {
	return nil, step.Do(ctx, "print", func(context.Context) error {
		time.Sleep(40 * time.Millisecond)
		return nil
	})
})

// broken fails until it is mended.
type broken struct{ mended bool }

func (b *broken) workflow() openworkflow.AnyWorkflow {
	return openworkflow.Define("broken", func(ctx openworkflow.Context, in order) (string, error) {
		first, err := step.Run(ctx, "first", func(context.Context) (string, error) { return fmt.Sprint("first of ", in.ID), nil })
		if err != nil {
			return "", err
		}
		return first, step.Do(ctx, "second", func(context.Context) error {
			if !b.mended {
				return openworkflow.NonRetryable(errors.New("out of paper"))
			}
			return nil
		})
	})
}

// distant is a database in memory that workers need a moment to claim runs from, as from any other: what a command
// shows of a run that it has just started is no race with the worker.
type distant struct{ *memory.Backend }

func (d distant) ClaimRuns(ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
	time.Sleep(time.Millisecond)
	return d.Backend.ClaimRuns(ctx, req)
}

// stage is a database and, in the background, a worker, all in virtual time.
type stage struct {
	t  *testing.T
	ow *openworkflow.Client
	shell
}

func onStage(t *testing.T, play func(*testing.T, *stage), workflows ...openworkflow.AnyWorkflow) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := distant{memory.New()}
		ow, err := openworkflow.New(b)
		if err != nil {
			t.Fatal(err)
		}
		s := &stage{t: t, ow: ow, shell: shell{program: cli.Program{Client: ow, Workflows: workflows}, dir: "/"}}
		if len(workflows) > 0 {
			w, err := ow.NewWorker(openworkflow.WorkerOptions{Workflows: workflows})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := w.Stop(context.Background()); err != nil {
					t.Error(err)
				}
				_ = ow.Close()
				_ = b.Close()
			}()
		}
		synctest.Wait() // the worker has registered
		play(t, s)
	})
}

// do runs a command and records it.
func (s *stage) do(line string) string {
	s.t.Helper()
	args := words(line)
	return transcript(s.run(s.t, args...), args...)
}

// words splits a line at spaces; between quotes they stay.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// later runs a command in the background; what it returns waits for its end.
func (s *stage) later(line string) func() string {
	s.t.Helper()
	var out string
	done := make(chan struct{})
	go func() { defer close(done); out = s.do(line) }()
	return func() string { <-done; return out }
}

// TestWatch watches a run from its start to its end, as lines.
func TestWatch(t *testing.T) {
	t.Parallel()
	onStage(t, func(t *testing.T, s *stage) {
		watching := s.later(`runs start parcel --input '{"id":7}' --watch --interval 97ms`)
		time.Sleep(time.Minute)
		out := s.do(`signal send approved --data '"Ann"'`)
		golden(t, "live_watch", watching()+out)
	}, parcel, label)
}

// TestWatchOnTerminal shows what a terminal shows in the end, and at some moments on the way.
func TestWatchOnTerminal(t *testing.T) {
	t.Parallel()
	onStage(t, func(t *testing.T, s *stage) {
		var tty screenLog
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		status := make(chan int)
		go func() {
			status <- cli.Run(ctx, s.program, cli.Environment{
				Args: words(`runs start parcel --input '{"id":7}' --watch --interval 97ms`), Stdin: strings.NewReader(""), Stdout: &tty, Stderr: io.Discard,
				Getenv: func(string) string { return "" }, Dir: "/", Now: time.Now,
				Terminal: cli.Terminal{Out: true, Size: func() (int, int) { return 100, 10 }},
			})
		}()
		var shown strings.Builder
		for _, at := range []time.Duration{time.Second, 2 * time.Second, time.Second, 3 * time.Second, time.Minute} {
			time.Sleep(at)
			fmt.Fprintf(&shown, "=== after %v\n%s", at, tty.screen())
		}
		if _, err := s.ow.SendSignal(ctx, "approved", "Ann"); err != nil {
			t.Fatal(err)
		}
		if got := <-status; got != cli.ExitOK {
			t.Errorf("status %d", got)
		}
		fmt.Fprintf(&shown, "=== in the end\n%s", tty.screen())
		golden(t, "live_watch_terminal", shown.String())
		if raw := tty.String(); !strings.HasPrefix(raw, "\x1b[?25l") || strings.LastIndex(raw, "\x1b[?25h") < strings.LastIndex(raw, "\x1b[?25l") {
			t.Error("the cursor is not taken away and given back")
		}
	}, parcel, label)
}

// screenLog is a terminal: it obeys what redraws, and leaves out colours.
type screenLog struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *screenLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func (l *screenLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

func (l *screenLog) screen() string {
	lines := []string{""}
	text := l.String()
	for len(text) > 0 {
		at := len(lines) - 1
		if rest, found := strings.CutPrefix(text, "\x1b["); found {
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= 'A' && r <= 'z' && r != '[' })
			if up := 0; rest[end] == 'F' {
				_, _ = fmt.Sscan(rest[:end], &up)
				lines = append(lines[:at-up], "")
			}
			text = rest[end+1:]
			continue
		}
		if text[0] == '\n' {
			lines = append(lines, "")
		} else {
			lines[at] += text[:1]
		}
		text = text[1:]
	}
	return strings.Join(lines, "\n")
}

// TestWatchInterrupted: Ctrl-C ends the watching, and not the run.
func TestWatchInterrupted(t *testing.T) {
	t.Parallel()
	onStage(t, func(t *testing.T, s *stage) {
		h, err := parcel.Run(t.Context(), s.ow, order{1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r := s.runContext(ctx, t, "runs", "watch", h.ID())
		if r.status != cli.ExitInterrupted || !strings.HasSuffix(r.stderr, "interrupted\n") {
			t.Errorf("%+v", r)
		}
		if run, err := h.Get(t.Context()); err != nil || run.Status != openworkflow.RunRunning {
			t.Errorf("the run is %+v, %v", run, err)
		}
	}, parcel, label)
}

// TestActions does to runs what can be done to them.
func TestActions(t *testing.T) {
	t.Parallel()
	paper := new(broken)
	onStage(t, func(t *testing.T, s *stage) {
		var out strings.Builder
		say := func(line string) { out.WriteString(s.do(line)); time.Sleep(time.Second) }
		say(`runs start broken --input '{"id":1}' --key one`)
		say(`runs start broken --input '{"id":1}' --key one`)
		say(`runs start broken --input '{"id":2}' -o json`)
		say(`runs start broken --input '{"id":3}' --start-at 1h --deadline 2h`)
		say(`runs start unknown --start-at 2000-01-02`)
		say(`runs list`)
		list, err := s.ow.ListRuns(t.Context(), openworkflow.RunFilter{Status: openworkflow.RunFailed})
		if err != nil || len(list.Items) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		paper.mended = true
		first, second := list.Items[1].ID, list.Items[0].ID
		say(`runs rerun ` + first)
		say(`runs rerun ` + second + ` --from-step second`)
		say(`runs rerun ` + first + ` nowhere ` + second + ` -o json`)
		say(`runs list --status completed`)
		say(`runs rerun --status failed --yes`)
		say(`runs rerun --workflow nothing --yes`)
		s.terminal.In = true
		s.stdin = "no\n"
		say(`runs cancel --workflow broken`)
		s.stdin = "y\n"
		say(`runs cancel --workflow broken`)
		s.stdin = ""
		say(`runs cancel --workflow unknown`)
		say(`runs cancel ` + first + ` nowhere`)
		say(`runs cancel --all --yes -o yaml`)
		say(`runs list --limit 3`)
		say(`stats`)
		say(`workflows list`)
		golden(t, "live_actions", out.String())
	}, paper.workflow())
}

// TestProgress: many runs take a while, which is told.
func TestProgress(t *testing.T) {
	t.Parallel()
	onStage(t, func(t *testing.T, s *stage) {
		inputs := make([]order, 1500)
		if _, err := label.RunBatch(t.Context(), s.ow, inputs); err != nil {
			t.Fatal(err)
		}
		s.now = func() time.Time { time.Sleep(10 * time.Millisecond); return time.Now() } // the clock that progress looks at
		r := s.run(t, "runs", "cancel", "--workflow", "label", "--limit", "1200", "--yes")
		if r.stdout != "1 200 runs canceled.\n" || !strings.Contains(r.stderr, " 41 %  501 of 1 200 canceled\n") {
			t.Errorf("%+v", r)
		}
		s.terminal.Err = true
		r = s.run(t, "runs", "cancel", "--workflow", "label", "--yes")
		if r.stdout != "300 runs canceled.\n" || !strings.Contains(r.stderr, "\r 50 %  151 of 300 canceled\x1b[K") || !strings.HasSuffix(r.stderr, "\r\x1b[K") {
			t.Errorf("%+v", r)
		}
	})
}

// TestWorker: the program's own workflows are executed until Ctrl-C, and what is under way then may end.
func TestWorker(t *testing.T) {
	t.Parallel()
	onStage(t, func(t *testing.T, s *stage) {
		s.program.Workflows = openworkflow.Workflows(parcel, label)
		ctx, cancel := context.WithCancel(t.Context())
		working := make(chan string)
		go func() {
			args := words("worker start --concurrency 3 --stop-timeout 5s")
			working <- transcript(s.runContext(ctx, t, args...), args...)
		}()
		h, err := parcel.Run(t.Context(), s.ow, order{1})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(600 * time.Millisecond) // the first step takes 1.2 s
		list := s.do("worker list -o json")
		cancel()
		golden(t, "live_worker", <-working)
		if !strings.Contains(list, `"concurrency": 3`) || !strings.Contains(list, `"name": "parcel"`) {
			t.Errorf("the list is %s", list)
		}
		steps, err := s.ow.ListStepAttempts(t.Context(), h.ID(), openworkflow.PageOptions{})
		if err != nil || len(steps.Items) != 1 || steps.Items[0].Status != openworkflow.StepCompleted {
			t.Errorf("the step under way is %+v, %v", steps, err)
		}
		_ = s.ow.Close()
	})
}

func TestWorkerRefusals(t *testing.T) {
	t.Parallel()
	ow := newClient(t, memory.New())
	twice := shell{program: cli.Program{Name: "shop", Client: ow, Workflows: openworkflow.Workflows(label, label)}}
	if r := twice.run(t, "worker", "start"); r.status != cli.ExitFailed || !strings.Contains(r.stderr, "registered twice") {
		t.Errorf("%+v", r)
	}
	once := shell{program: cli.Program{Name: "shop", Workflows: openworkflow.Workflows(label)}}
	for line, want := range map[string]string{
		"worker start --url x.db --concurrency -1":     "--concurrency -1: give a number above 0",
		"worker start --url x.db --lease-duration -1s": "--lease-duration -1s: give a duration above 0",
		"worker start --url x.db --stop-timeout -1s":   "--stop-timeout -1s: give a duration above 0",
		"worker start --url x.db --log-level loud":     `--log-level "loud" is unknown`,
		"worker start --url x.db --log-format xml":     `--log-format "xml" is unknown`,
	} {
		if r := once.run(t, strings.Fields(line)...); r.status != cli.ExitUsage || !strings.HasPrefix(r.stderr, "shop: "+want) {
			t.Errorf("%s: %+v", line, r)
		}
	}
	if r := once.run(t, "worker", "start", "--url", "x.db"); r.status != cli.ExitFailed || !strings.Contains(r.stderr, "'shop migrate up' makes it") {
		t.Errorf("%+v", r)
	}
}

// TestOwnMemory: what needs a database of its own says so.
func TestOwnMemory(t *testing.T) {
	t.Parallel()
	ow := newClient(t, memory.New())
	s := shell{program: cli.Program{Name: "shop", Client: ow}}
	if r := s.run(t, "migrate", "up"); r.status != cli.ExitFailed || !strings.Contains(r.stderr, "has no migrations") {
		t.Errorf("%+v", r)
	}
	r := s.run(t, "doctor")
	golden(t, "doctor_memory", transcript(r, "doctor"))
	if r := s.run(t, "runs", "start", "a", "-n", "tenant"); r.status != cli.ExitOK {
		t.Errorf("%+v", r)
	}
	if r := s.run(t, "runs", "list", "--namespace", "tenant"); strings.Count(r.stdout, "\n") != 2 {
		t.Errorf("%+v", r)
	}
}
