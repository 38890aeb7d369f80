package pgstore

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var oneEnd = ports.Event{Finished: []string{"run"}}

// rides counts those that get aboard within a time in which somebody asks every 0.1 ms, each of which takes so long.
func rides(n *notifier, within, took time.Duration) (count int) {
	for until := time.Now().Add(within); time.Now().Before(until); time.Sleep(100 * time.Microsecond) {
		if r := n.board("default", oneEnd); r != nil {
			count++
			time.Sleep(took)
			r.told = true
			r.landed(nil)
		}
	}
	return count
}

func workingNotifier() *notifier {
	n := newNotifier(&core{}, nil)
	n.works = true
	return n
}

// News that come one at a time go along, up to one a millisecond on average; where that is slow, one in 100 ms.
func TestRidesAreKeptApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		took        time.Duration
		least, most int
	}{
		{"quick", 0, 100, 106},
		{"of a millisecond", time.Millisecond, 85, 100},
		{"slow", 1100 * time.Microsecond, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if got := rides(workingNotifier(), 100*time.Millisecond, c.took); got < c.least || got > c.most {
					t.Errorf("%d rides in 100 ms, want %d to %d", got, c.least, c.most)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		n := workingNotifier()
		n.spend(20, 0)
		if rides(n, sendGap-time.Millisecond, 0) != 0 || rides(n, 2*time.Millisecond, 0) == 0 {
			t.Error("after many pieces of news, the next go after 5 ms, neither before nor much later")
		}
	})
}

func TestWhatDoesNotRide(t *testing.T) {
	t.Parallel()
	many := ports.Event{Finished: make([]string, 20)}
	for name, c := range map[string]struct {
		make  func(*notifier)
		event ports.Event
	}{
		"nothing":                       {func(*notifier) {}, ports.Event{}},
		"much":                          {func(*notifier) {}, many},
		"behind others":                 {func(n *notifier) { n.sending = make(chan struct{}) }, oneEnd},
		"where sending fails":           {func(n *notifier) { n.works = false }, oneEnd},
		"of a store that is closed":     {func(n *notifier) { n.stopped = true }, oneEnd},
		"soon after one that could not": {func(n *notifier) { n.apart = time.Now().Add(time.Minute) }, oneEnd},
	} {
		n := workingNotifier()
		c.make(n)
		if n.board("default", c.event) != nil {
			t.Errorf("news %s went along", name)
		}
	}
	if workingNotifier().board("default", oneEnd) == nil {
		t.Error("one end did not go along")
	}
}

// What was rolled back is told to nobody. What may have been committed is, as nobody else would tell of it.
func TestRidesThatDoNotArrive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		tells bool
	}{
		"committed, not sent": {nil, true},
		"rolled back":         {&pgconn.PgError{Code: "23505"}, false},
		"connection lost":     {&pgconn.PgError{Code: "57P01"}, true},
		"context ended":       {errors.New("context deadline exceeded"), true},
	} {
		n := workingNotifier()
		n.sending = make(chan struct{}) // what is published waits
		r := &ride{notifier: n, namespace: "default", event: oneEnd}
		r.landed(c.err)
		if got := len(n.pending) == 1; got != c.tells || n.apart.IsZero() == c.tells {
			t.Errorf("%s: told %v, want %v; apart until %v", name, got, c.tells, n.apart)
		}
	}
}
