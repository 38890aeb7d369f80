package openworkflow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/engine"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// Client starts workflow runs, signals and cancels them, reads them, and makes workers. It is safe for
// concurrent use; one per process and database is enough.
type Client struct {
	backend Backend
	config  clientConfig
	family  *family // shared with the clients that WithBackend makes
	derived bool    // made by WithBackend
	starts  *engine.Starts

	mu      sync.Mutex
	results *engine.Results // while somebody waits
	waiting int
}

// clientConfig is what the options of New say.
type clientConfig struct {
	zap        *zap.Logger
	slog       *slog.Logger
	maxPayload int
	window     time.Duration
	observers  *observers
	err        error
}

func (c *clientConfig) refuse(err error) { c.err = errors.Join(c.err, err) }

// family is what a client shares with those that WithBackend makes of it: when it closes, their waits end.
type family struct {
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	closed bool
	waits  sync.WaitGroup
}

// New makes a client of the backend. It does not touch the database. Options: WithLogger, WithSlog,
// WithMaxPayload, WithIdempotencyWindow. A nil backend or a bad option is an error.
func New(b Backend, opts ...ClientOption) (*Client, error) {
	if isNil(b) {
		return nil, edge.Invalid("New: the backend is nil; open one with package postgres, sqlite or memory")
	}
	nop := zap.NewNop()
	c := &Client{backend: b, starts: engine.NewStarts(b), family: new(family), config: clientConfig{
		zap: nop, slog: slogOf(nop), maxPayload: edge.DefaultMaxPayload, window: domain.DefaultIdempotencyWindow,
	}}
	for _, o := range opts {
		if o != nil {
			o.client(&c.config)
		}
	}
	if c.config.err != nil {
		return nil, c.config.err
	}
	if c.config.observers != nil {
		c.config.observers.log = c.config.zap
	}
	c.family.ctx, c.family.cancel = context.WithCancelCause(context.Background())
	return c, nil
}

func isNil(b Backend) bool {
	if b == nil {
		return true
	}
	v := reflect.ValueOf(b)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// Close ends the waits for results that are under way, with ErrClientClosed, and returns when they have ended.
// Later calls of the client, and of those that WithBackend made of it, return ErrClientClosed.
//
// It does not stop workers (call Worker.Stop before) and does not close the backend: whoever opened it does.
// Closing twice is harmless, and closing a client that WithBackend made does nothing.
func (c *Client) Close() error {
	if c == nil || c.derived {
		return nil
	}
	c.family.mu.Lock()
	c.family.closed = true
	c.family.mu.Unlock()
	c.family.cancel(ErrClientClosed)
	c.family.waits.Wait()
	return nil
}

// WithBackend returns a client that shares everything with c but the backend. It costs next to nothing and
// needs no closing. Use it to call the client's verbs in a transaction of your own, so that what they do
// exists if and only if the transaction commits, or to act in another namespace:
//
//	h, err := ProcessOrder.Run(ctx, ow.WithBackend(db.WithTx(tx)), in)
//	ow.WithBackend(db.WithNamespace("tenant-7"))
//
// A nil backend makes a client whose calls return an error.
func (c *Client) WithBackend(b Backend) *Client {
	if c == nil {
		return nil
	}
	return &Client{backend: b, starts: engine.NewStarts(b), config: c.config, family: c.family, derived: true}
}

// Backend is the backend that the client was made with: for tools that need more of it than the client offers.
func (c *Client) Backend() Backend {
	if c == nil {
		return nil
	}
	return c.backend
}

// ready says why the client cannot be used, if so.
func (c *Client) ready() error {
	switch {
	case c == nil:
		return edge.Invalid("the client is nil; make one with openworkflow.New")
	case c.family == nil:
		return edge.Invalid("the client was not made with openworkflow.New")
	case isNil(c.backend):
		return edge.Invalid("the client's backend is nil")
	}
	c.family.mu.Lock()
	defer c.family.mu.Unlock()
	if c.family.closed {
		return ErrClientClosed
	}
	return nil
}

// settings are the options as step calls need them.
func (c *Client) settings() *edge.Settings {
	return &edge.Settings{MaxPayload: c.config.maxPayload, Logger: c.config.slog}
}

// await returns the run once it has ended. While nobody waits, the client holds no goroutine and no
// subscription.
func (c *Client) await(ctx context.Context, id string) (domain.Run, error) {
	if b, ok := c.backend.(ports.Awaiter); ok {
		return b.AwaitRun(ctx, id)
	}
	results, err := c.acquire()
	if err != nil {
		return domain.Run{}, err
	}
	defer c.release()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	//nolint:contextcheck // closing the client ends the wait too, whoever made it
	defer context.AfterFunc(c.family.ctx, func() { cancel(ErrClientClosed) })()
	run, err := results.Await(ctx, id)
	if err != nil && errors.Is(context.Cause(ctx), ErrClientClosed) {
		err = fmt.Errorf("%w: while waiting for run %s", ErrClientClosed, id)
	}
	return run, err
}

func (c *Client) acquire() (*engine.Results, error) {
	c.family.mu.Lock()
	defer c.family.mu.Unlock()
	if c.family.closed {
		return nil, ErrClientClosed
	}
	c.family.waits.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.results == nil {
		c.results = engine.NewResults(c.backend)
	}
	c.waiting++
	return c.results, nil
}

func (c *Client) release() {
	c.mu.Lock()
	var idle *engine.Results
	if c.waiting--; c.waiting == 0 {
		idle, c.results = c.results, nil
	}
	c.mu.Unlock()
	if idle != nil {
		idle.Close()
	}
	c.family.waits.Done()
}
