package interop_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// patience is how long anything may take; the machine may be busy with other tests.
const patience = 90 * time.Second

// node is a process of the TypeScript program.
type node struct {
	t     *testing.T
	w     *world
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}

	mu    sync.Mutex
	last  int
	calls map[int]chan line
	dead  bool // on purpose
}

// line is what the process says: an answer, or an event.
type line struct {
	ID    int
	Value json.RawMessage
	Error string
	Event string
	Run   string
	At    string
	By    string
	Words string
}

var errNodeEnded = errors.New("the Node process has ended")

func (w *world) startNode(t *testing.T, dir string) *node {
	t.Helper()
	n := &node{t: t, w: w, calls: make(map[int]chan line), ended: make(chan struct{})}
	n.cmd = exec.Command("node", "main.mjs", w.url, w.schema)
	n.cmd.Dir = dir
	var stderr tail
	n.cmd.Stderr = &stderr
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go n.read(stdout, ready, &stderr)
	t.Cleanup(n.kill)
	select {
	case <-ready:
	case <-n.ended:
		t.Fatalf("the Node process did not start: %s", &stderr)
	case <-time.After(patience):
		t.Fatal("the Node process is not ready")
	}
	return n
}

func (n *node) read(stdout io.Reader, ready chan struct{}, stderr fmt.Stringer) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			n.t.Errorf("the Node process says %q: %v", lines.Bytes(), err)
			continue
		}
		switch l.Event {
		case "ready":
			close(ready)
		case "effect":
			n.w.note(effect{l.Run, l.At, l.By})
		case "gate":
			n.w.atGate(l.At)
		case "log":
			n.w.log(l.Words)
		default:
			n.answer(l)
		}
	}
	err := n.cmd.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.dead {
		n.t.Errorf("the Node process ended by itself: %v\n%s", err, stderr)
	}
	n.dead = true
	for id, c := range n.calls {
		delete(n.calls, id)
		close(c)
	}
	close(n.ended)
}

func (n *node) answer(l line) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.calls[l.ID]; c != nil {
		delete(n.calls, l.ID)
		c <- l
	}
}

// call asks the process for something and waits for the answer.
func (n *node) call(verb string, args map[string]any) (json.RawMessage, error) {
	if args == nil {
		args = map[string]any{}
	}
	answer := make(chan line, 1)
	n.mu.Lock()
	n.last++
	args["id"], args["verb"] = n.last, verb
	n.calls[n.last] = answer
	raw, err := json.Marshal(args)
	if err == nil && !n.dead {
		_, err = n.stdin.Write(append(raw, '\n'))
	} else if err == nil {
		err = errNodeEnded
	}
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case l, ok := <-answer:
		switch {
		case !ok:
			return nil, errNodeEnded
		case l.Error != "":
			return nil, errors.New(l.Error)
		}
		return l.Value, nil
	case <-time.After(patience):
		return nil, fmt.Errorf("no answer to %s", verb)
	}
}

// must is call for what cannot fail.
func (n *node) must(t *testing.T, verb string, args map[string]any) json.RawMessage {
	t.Helper()
	raw, err := n.call(verb, args)
	if err != nil {
		t.Fatalf("TypeScript: %s: %v", verb, err)
	}
	return raw
}

// kill ends the process as kill -9 does.
func (n *node) kill() {
	n.mu.Lock()
	n.dead = true
	n.mu.Unlock()
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// tail keeps the first of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (b *tail) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = append(b.buf, p[:min(len(p), 8<<10-min(len(b.buf), 8<<10))]...)
	return len(p), nil
}

func (b *tail) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.buf)
}
