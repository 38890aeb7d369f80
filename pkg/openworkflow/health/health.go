package health

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// The defaults of Options.
const (
	DefaultTimeout  = 2 * time.Second
	DefaultInterval = time.Second
)

// Pinger is a database that can be asked whether it answers: *openworkflow.Client is one.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Options say what is checked. The zero value checks nothing but that the process serves.
type Options struct {
	// Database has to answer a Ping, and be migrated. nil is no check. One that cannot be asked
	// (openworkflow.ErrUnsupported: a backend of another maker) passes; the workers' claims tell of it.
	Database Pinger
	// Workers have to be claiming (openworkflow.Worker.Ready).
	Workers []*openworkflow.Worker
	// Checks are further ones, by name. They must heed their context.
	Checks map[string]func(context.Context) error
	// Timeout is how long the checks may take, all at once; 0 is 2 s. Give it less than the probe's own timeout.
	Timeout time.Duration
	// Interval is for how long an answer is kept, so that probes from many sides ask the database once; 0 is 1 s.
	Interval time.Duration
	// Log is told why a check fails, when it begins to. The answers say only which one did, since whoever asks
	// need not be known. nil is silent.
	Log *slog.Logger
}

// Checks are the checks of a process. It is safe for concurrent use.
type Checks struct {
	options Options
	checks  map[string]func(context.Context) error

	turn   chan struct{} // capacity 1: whoever looks holds it; it guards the rest
	asked  time.Time
	failed map[string]error // at the last look
}

// New makes checks; it starts nothing.
func New(o Options) *Checks {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Checks{options: o, checks: maps.Clone(o.Checks), turn: make(chan struct{}, 1)}
	if c.checks == nil {
		c.checks = make(map[string]func(context.Context) error)
	}
	if o.Database != nil {
		c.checks["database"] = func(ctx context.Context) error { return ping(ctx, o.Database) }
	}
	if len(o.Workers) > 0 {
		c.checks["workers"] = func(context.Context) error { return workersReady(o.Workers) }
	}
	return c
}

func ping(ctx context.Context, p Pinger) error {
	err := p.Ping(ctx)
	if errors.Is(err, openworkflow.ErrUnsupported) {
		return nil
	}
	return err
}

func workersReady(ws []*openworkflow.Worker) error {
	var errs []error
	for _, w := range ws {
		errs = append(errs, w.Ready())
	}
	return errors.Join(errs...)
}

// Ready is what is wrong, nil if nothing is: the check behind /readyz, for other kinds of probes. Of checks that
// do not return in time it says so; they go on in the background until they heed their context.
func (c *Checks) Ready(ctx context.Context) error {
	failed := c.look(ctx)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		errs = append(errs, &checkError{name, failed[name]})
	}
	return errors.Join(errs...)
}

type checkError struct {
	check string
	err   error
}

func (e *checkError) Error() string { return e.check + ": " + e.err.Error() }

func (e *checkError) Unwrap() error { return e.err }

// look returns the checks that fail. Whoever comes while it looks waits for the same answer.
func (c *Checks) look(ctx context.Context) map[string]error {
	select {
	case c.turn <- struct{}{}:
	default:
		select {
		case c.turn <- struct{}{}:
		case <-ctx.Done():
			return map[string]error{"readiness": ctx.Err()}
		}
	}
	defer func() { <-c.turn }()
	if c.asked.IsZero() || time.Since(c.asked) >= c.options.Interval {
		// Whoever asks may give up; the answer is for others, too.
		failed := c.check(context.WithoutCancel(ctx))
		for name, err := range failed {
			if c.failed[name] == nil {
				c.options.Log.Warn("not ready", "check", name, "error", err)
			}
		}
		for name := range c.failed {
			if failed[name] == nil {
				c.options.Log.Info("ready again", "check", name)
			}
		}
		c.failed, c.asked = failed, time.Now()
	}
	return c.failed
}

var errNoAnswer = errors.New("no answer in time")

// check makes all checks at once.
func (c *Checks) check(ctx context.Context) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, len(c.checks))
	failed := make(map[string]error)
	for name, check := range c.checks {
		failed[name] = errNoAnswer
		go func() { answers <- answer{name, check(ctx)} }()
	}
	for range c.checks {
		select {
		case a := <-answers:
			if failed[a.name] = a.err; a.err == nil {
				delete(failed, a.name)
			}
		case <-ctx.Done():
			return failed
		}
	}
	return failed
}

// Register adds GET /healthz, the Live handler, and GET /readyz, the ReadyHandler, to a mux.
func (c *Checks) Register(mux *http.ServeMux) {
	mux.Handle("GET /healthz", Live())
	mux.Handle("GET /readyz", c.Handler())
}

// Live answers 200 whenever the process can answer: the liveness probe. It does not look at the database on
// purpose: to restart all workers because the database is down helps nobody.
func Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, r, http.StatusOK, report{Status: "ok"}) })
}

// Handler is the readiness probe: 200 if all checks pass, else 503. The body names each check and says "ok" or
// "failed".
func (c *Checks) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		failed := c.look(r.Context())
		rep, status := report{Status: "ok", Checks: make(map[string]string)}, http.StatusOK
		for name := range c.checks {
			rep.Checks[name] = "ok"
		}
		for name := range failed {
			rep.Checks[name], rep.Status, status = "failed", "failed", http.StatusServiceUnavailable
		}
		write(w, r, status, rep)
	})
}

// report is the body of an answer.
type report struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

func write(w http.ResponseWriter, r *http.Request, status int, rep report) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(rep) // whoever asked has gone
}
