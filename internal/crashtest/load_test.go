//go:build unix

package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// creation is what the client was told about a run it started, once or several times at once with one key.
type creation struct {
	key      string
	workflow string
	ids      []string
}

// load is the client's side: it starts runs, signals and cancels them, and keeps what it was told.
type load struct {
	t      *testing.T
	client *openworkflow.Client
	work   sync.WaitGroup

	mu       sync.Mutex
	created  []creation
	signals  map[string][]string // addressed to a run
	news     map[string]bool     // sent to all
	canceled map[string]int64    // acknowledged, when
	results  map[string]report   // of runs that were waited for
	retried  int                 // calls of the client that were repeated after an error
	seen     map[string]bool     // which errors
}

func newLoad(t *testing.T, c *openworkflow.Client) *load {
	return &load{t: t, client: c, signals: map[string][]string{}, news: map[string]bool{}, canceled: map[string]int64{}, results: map[string]report{}, seen: map[string]bool{}}
}

// mix is what kinds of runs are started, in turn.
var mix = []string{"chain", "pair", "family", "fan", "inbox", "chain", "news", "doomed", "pair", "stubborn", "fan", "endless", "family"}

// drive starts about n runs, spread over the time.
func (l *load) drive(ctx context.Context, n int, over time.Duration, dice *rand.Rand) {
	defer l.work.Wait()
	ticks := time.NewTicker(over / time.Duration(n))
	defer ticks.Stop()
	for i := 0; i < n; i++ {
		kind, seed, delay := mix[i%len(mix)], dice.Uint64(), time.Duration(dice.Int64N(int64(2*time.Second)))
		if kind == "pair" {
			i++ // two runs
		}
		l.work.Go(func() { l.one(ctx, kind, fmt.Sprintf("%s-%d", kind, i), seed, delay) })
		if i%5 == 0 {
			l.work.Go(func() { l.broadcast(ctx, i) })
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// one does what a client does for a run of the kind.
func (l *load) one(ctx context.Context, kind, key string, seed uint64, delay time.Duration) {
	in := order{Seed: seed}
	switch kind {
	case "chain":
		l.watch(ctx, l.start(ctx, chainWF, key, in))
	case "family":
		l.watch(ctx, l.start(ctx, familyWF, key, in))
	case "fan":
		l.start(ctx, fanWF, key, in)
	case "news":
		l.start(ctx, newsWF, key, in)
	case "doomed":
		l.start(ctx, doomedWF, key, in)
	case "stubborn":
		l.start(ctx, stubbornWF, key, in)
	case "pair":
		in.Signal = key
		l.start(ctx, receiverWF, key+"-to", in)
		l.start(ctx, senderWF, key+"-from", in)
	case "inbox":
		if h := l.start(ctx, inboxWF, key, in); h != nil {
			l.address(ctx, h, key+" first")
			pause(ctx, delay)
			l.address(ctx, h, key+" second")
		}
	case "endless":
		if h := l.start(ctx, endlessWF, key, in); h != nil {
			pause(ctx, delay)
			l.cancel(ctx, h)
		}
	}
}

type handle = *openworkflow.RunHandle[report]

// start starts a run with a key; one in three is started twice at the same time.
func (l *load) start(ctx context.Context, spec *openworkflow.Spec[order, report], key string, in order) handle {
	c := creation{key: key, workflow: spec.Name()}
	handles := make([]handle, 1+int(in.Seed%3)/2)
	var both sync.WaitGroup
	for i := range handles {
		both.Go(func() {
			l.insist(ctx, "start "+key, func() (err error) {
				handles[i], err = spec.Run(ctx, l.client, in, openworkflow.WithIdempotencyKey(key))
				return err
			})
		})
	}
	both.Wait()
	for _, h := range handles {
		if h == nil {
			return nil
		}
		c.ids = append(c.ids, h.ID())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.created = append(l.created, c)
	return handles[0]
}

// insist repeats a call, as a careful client does, until it is answered.
func (l *load) insist(ctx context.Context, what string, call func() error) {
	for {
		err := call()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			l.t.Errorf("%s: %v", what, err)
			return
		}
		l.mu.Lock()
		l.retried++
		if !l.seen[err.Error()] {
			l.seen[err.Error()] = true
			l.t.Logf("%s, again after: %v", what, err)
		}
		l.mu.Unlock()
		pause(ctx, 100*time.Millisecond)
	}
}

// address sends a signal to one run.
func (l *load) address(ctx context.Context, h handle, data string) {
	l.insist(ctx, "signal "+data, func() error {
		return h.Signal(ctx, noteSignal, data, openworkflow.WithIdempotencyKey(data))
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signals[h.ID()] = append(l.signals[h.ID()], data)
}

// broadcast sends news to whoever waits for them.
func (l *load) broadcast(ctx context.Context, n int) {
	data := fmt.Sprintf("news %d", n)
	l.mu.Lock()
	l.news[data] = true
	l.mu.Unlock()
	l.insist(ctx, "broadcast", func() error {
		_, err := l.client.SendSignal(ctx, newsSignal, data, openworkflow.WithIdempotencyKey(data))
		return err
	})
}

func (l *load) cancel(ctx context.Context, h handle) {
	l.insist(ctx, "cancel", func() error { return h.Cancel(ctx) })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.canceled[h.ID()] = time.Now().UnixNano()
}

// watch waits for the result of a run.
func (l *load) watch(ctx context.Context, h handle) {
	if h == nil {
		return
	}
	l.insist(ctx, "result", func() error {
		out, err := h.Result(ctx)
		if err == nil {
			l.mu.Lock()
			l.results[h.ID()] = out
			l.mu.Unlock()
		}
		var failed *openworkflow.RunFailedError
		if errors.As(err, &failed) {
			l.t.Errorf("result: %v", err)
			return nil
		}
		return err
	})
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
