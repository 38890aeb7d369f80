//go:build unix

package crashtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// span is a time during which a process stood still.
type span struct{ from, to int64 }

// fate is what was done to a worker process.
type fate struct {
	killed  bool
	stopped bool // asked to stop
	frozen  []span
}

// process is a worker process.
type process struct {
	number int
	cmd    *exec.Cmd
	stdin  io.Closer
	ended  chan struct{} // closed when it has been waited for
	err    error
}

// fleet is a number of places, in each of which a worker process runs.
type fleet struct {
	t      *testing.T
	orders orders
	binary string

	mu     sync.Mutex
	places []*process
	lines  []*line      // to the server, where there is one
	frozen map[int]bool // places whose process stands still, stops or has its line held
	fates  map[int]*fate
	faults struct{ kills, freezes, stops, holds, cuts int }
	hands  sync.WaitGroup
}

func newFleet(t *testing.T, o orders, places int) *fleet {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, orders: o, binary: binary, places: make([]*process, places), frozen: map[int]bool{}, fates: map[int]*fate{}}
	t.Cleanup(f.killAll)
	for i := range places {
		if o.Store.Kind == "postgres" {
			f.lines = append(f.lines, newLine(t, o.Store.URL))
		}
		f.start(i)
	}
	return f
}

// start puts a new process into a place.
func (f *fleet) start(place int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orders.Worker++
	o := f.orders
	if f.lines != nil {
		o.Store.URL = f.lines[place].url
	}
	raw, err := json.Marshal(o)
	if err != nil {
		f.t.Error(err)
		return
	}
	stderr, err := os.Create(filepath.Join(o.Dir, fmt.Sprintf("worker-%05d.err", o.Worker)))
	if err != nil {
		f.t.Error(err)
		return
	}
	defer stderr.Close()
	cmd := exec.Command(f.binary)
	cmd.Env = append(os.Environ(), ordersVariable+"="+string(raw))
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		f.t.Errorf("start a worker process: %v", err)
		return
	}
	p := &process{number: o.Worker, cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	f.places[place], f.fates[p.number] = p, &fate{}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
}

// trouble does something to one of the processes that stand.
func (f *fleet) trouble(dice *rand.Rand) {
	f.mu.Lock()
	var standing []int
	for i := range f.places {
		if !f.frozen[i] {
			standing = append(standing, i)
		}
	}
	f.mu.Unlock()
	if len(standing) == 0 {
		return
	}
	place := standing[dice.IntN(len(standing))]
	long := f.orders.Lease + time.Duration(dice.Int64N(2*int64(f.orders.Lease))) // long enough for others to take over
	switch n := dice.IntN(100); {
	case n < 60:
		f.kill(place)
	case n < 75:
		f.freeze(place, long)
	case n < 85:
		f.stop(place)
	case f.lines == nil: // there is no connection to trouble
		f.freeze(place, long)
	case n < 95:
		f.hold(place, long)
	default:
		f.cut()
	}
}

// mark notes what is done to the process of a place.
func (f *fleet) mark(place int, note func(*fate)) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.places[place]
	note(f.fates[p.number])
	return p
}

func (f *fleet) kill(place int) {
	p := f.mark(place, func(w *fate) { w.killed = true; f.faults.kills++ })
	f.died(p)
	_ = p.cmd.Process.Kill()
	<-p.ended
	f.start(place)
}

// died reports a process that ended by itself.
func (f *fleet) died(p *process) {
	select {
	case <-p.ended:
		f.t.Errorf("worker %d ended by itself: %v\n%s", p.number, p.err, f.lastWords(p))
	default:
	}
}

// lastWords is the end of what the process logged.
func (f *fleet) lastWords(p *process) []byte {
	raw, _ := os.ReadFile(filepath.Join(f.orders.Dir, fmt.Sprintf("worker-%05d.err", p.number)))
	return raw[max(0, len(raw)-4000):]
}

// obeyed reports a process that was asked to stop and ended with an error; one that had hardly begun may end by
// the signal itself.
func (f *fleet) obeyed(p *process) {
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
			return
		}
	}
	if p.err != nil {
		f.t.Errorf("worker %d was asked to stop: %v\n%s", p.number, p.err, f.lastWords(p))
	}
}

// freeze lets the process stand still for so long: a worker that believes it holds its leases when it goes on.
func (f *fleet) freeze(place int, d time.Duration) {
	from := time.Now().UnixNano()
	p := f.mark(place, func(*fate) { f.faults.freezes++; f.frozen[place] = true })
	_ = p.cmd.Process.Signal(syscall.SIGSTOP)
	f.hands.Go(func() {
		<-time.After(d)
		to := time.Now()
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		f.mark(place, func(w *fate) { w.frozen = append(w.frozen, span{from, to.UnixNano()}); f.frozen[place] = false })
	})
}

// hold keeps what the process sends from arriving for so long. Some are killed as soon as it arrives.
func (f *fleet) hold(place int, d time.Duration) {
	p := f.mark(place, func(*fate) { f.faults.holds++; f.frozen[place] = true })
	f.hands.Go(func() {
		f.lines[place].hold(d)
		if p.number%3 == 0 {
			f.kill(place)
		}
		f.mark(place, func(*fate) { f.frozen[place] = false })
	})
}

// cut ends all the workers' connections, as a failover does.
func (f *fleet) cut() {
	f.mu.Lock()
	f.faults.cuts++
	f.mu.Unlock()
	if err := f.orders.Store.cut(); err != nil {
		f.t.Errorf("cut the workers' connections: %v", err)
	}
}

// stop asks the process to stop, and starts the next one when it has.
func (f *fleet) stop(place int) {
	p := f.mark(place, func(w *fate) { w.stopped = true; f.faults.stops++; f.frozen[place] = true })
	f.died(p)
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	f.hands.Go(func() {
		select {
		case <-p.ended:
			f.obeyed(p)
		case <-time.After(30 * time.Second):
			f.t.Errorf("worker %d does not stop", p.number)
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
		f.start(place)
		f.mark(place, func(*fate) { f.frozen[place] = false })
	})
}

// rage troubles the processes until ctx ends, and returns when all of them work again.
func (f *fleet) rage(ctx context.Context, dice *rand.Rand) {
	for {
		select {
		case <-time.After(time.Duration(100+dice.IntN(300)) * time.Millisecond):
			f.trouble(dice)
		case <-ctx.Done():
			f.hands.Wait()
			return
		}
	}
}

// stopAll ends the test's processes in order.
func (f *fleet) stopAll() {
	for place := range f.places {
		p := f.mark(place, func(w *fate) { w.stopped = true })
		f.died(p)
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, p := range f.places {
		<-p.ended
		f.obeyed(p)
	}
}

func (f *fleet) killAll() {
	f.hands.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.places {
		if p != nil {
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	}
}
