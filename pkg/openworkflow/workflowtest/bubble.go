package workflowtest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	errEnded   = errors.New("workflowtest: the test is over; its Env has ended")
	errStalled = errors.New("workflowtest: virtual time stands still, because a step or workflow function is busy " +
		"or waits for something from outside of it: the network, a lock, a channel or timer that the test made. " +
		"Give the code under test fakes that answer at once")
)

// bubble is a synctest bubble that ordinary tests can use: its main goroutine executes what it is sent. It
// waits for that on a channel from outside, which synctest does not take for blocked, so that no virtual time
// passes except in what is sent.
type bubble struct {
	work     chan func()
	quit     chan struct{}
	ended    chan struct{}
	patience time.Duration // for one piece of work, in real time
	stalled  atomic.Bool
	failure  error // why the bubble broke; set before ended is closed
}

// newBubble makes a bubble whose clock shows start.
func newBubble(t *testing.T, start time.Time, patience time.Duration) *bubble {
	t.Helper()
	if inside() {
		t.Fatal("workflowtest: call it from an ordinary test, not inside synctest.Test: it has virtual time of its own")
	}
	t.Context().Done() // made here, it may be used on both sides
	b := &bubble{work: make(chan func()), quit: make(chan struct{}), ended: make(chan struct{}), patience: patience}
	ready := make(chan struct{})
	go func() {
		defer close(b.ended)
		defer func() {
			if v := recover(); v != nil {
				b.failure = fmt.Errorf("workflowtest: a goroutine that was started in a step or workflow function never ended: %v", v)
			}
		}()
		synctest.Test(t, func(*testing.T) {
			time.Sleep(time.Until(start))
			close(ready)
			b.serve()
		})
	}()
	<-ready
	return b
}

// serve executes what is sent, until the end.
func (b *bubble) serve() {
	for {
		select {
		case f := <-b.work:
			f()
		case <-b.quit:
			return
		}
	}
}

// inside reports whether the caller is in a bubble: there, and only there, times have no monotonic reading.
func inside() bool {
	now := time.Now()
	return now == now.Round(0) //nolint:staticcheck // not Equal: whether there is a monotonic reading is the question
}

// run executes f in the bubble and returns when it is done.
func (b *bubble) run(f func()) error {
	if inside() {
		f()
		return nil
	}
	done := make(chan struct{})
	timeout := time.NewTimer(b.patience)
	defer timeout.Stop()
	select {
	case b.work <- func() { defer close(done); f() }:
	case <-b.ended:
		return errEnded
	case <-timeout.C:
		b.stalled.Store(true)
		return errStalled
	}
	select {
	case <-done:
		return nil
	case <-timeout.C:
		b.stalled.Store(true)
		return errStalled
	}
}

// end ends the bubble and everything in it.
func (b *bubble) end() error {
	close(b.quit)
	if b.stalled.Load() {
		return nil // it has been said, and may never end
	}
	timeout := time.NewTimer(b.patience)
	defer timeout.Stop()
	select {
	case <-b.ended:
		return b.failure
	case <-timeout.C:
		return errStalled
	}
}
