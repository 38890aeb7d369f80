package openworkflow

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

// signalConfig is what the options of SendSignal and Signal say.
type signalConfig struct {
	key    string
	keyed  bool
	buffer time.Duration
}

// SendSignal delivers a signal, with data, to every run that waits for the name now (step.WaitForSignal), and
// returns the ids of those runs, sorted. Data is stored as JSON; nil is null. A signal that nobody waits for is
// dropped, unless WithBuffer keeps it. With WithIdempotencyKey it may be sent again after an unclear error.
//
// To signal one run, whether or not it waits already, use RunHandle.Signal.
func (c *Client) SendSignal(ctx context.Context, signal string, data any, opts ...SignalOption) (runIDs []string, err error) {
	return c.send(ctx, "", signal, data, opts)
}

func (c *Client) send(ctx context.Context, runID, signal string, data any, opts []SignalOption) ([]string, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	var cfg signalConfig
	for _, o := range opts {
		if o != nil {
			o.signal(&cfg)
		}
	}
	if err := cfg.check(signal); err != nil {
		return nil, err
	}
	raw, err := edge.MarshalAny(data, c.config.maxPayload)
	if err != nil {
		return nil, err
	}
	s := domain.Signal{ID: domain.NewID(), Name: signal, Data: raw, Key: cfg.key, RunID: runID, Buffer: cfg.buffer}
	if !cfg.keyed {
		s.Key = s.ID
	}
	ctx, call := c.config.observers.observe(ctx, ObservedCall{Verb: CallSignal, NamespaceID: c.backend.Namespace(), RunID: runID, Signal: signal})
	told, err := c.deliver(ctx, &s)
	call.end(ObservedCallEnd{Err: err, RunIDs: told})
	if err != nil {
		return nil, err
	}
	c.config.zap.Debug("signal sent", zap.String("signal", signal), zap.Int("runs", len(told)))
	return told, nil
}

// deliver sends the signal and returns the runs that got it.
func (c *Client) deliver(ctx context.Context, s *domain.Signal) ([]string, error) {
	results, err := c.backend.SendSignals(ctx, []domain.Signal{*s})
	if err != nil {
		return nil, err
	}
	return results[0].RunIDs, results[0].Err
}

func (cfg *signalConfig) check(signal string) error {
	if err := edge.CheckName("signal name", signal); err != nil {
		return err
	}
	if err := edge.CheckDuration("WithBuffer", cfg.buffer); err != nil {
		return err
	}
	return checkKey(cfg.key, cfg.keyed)
}

// checkKey checks an idempotency key that was given.
func checkKey(key string, given bool) error {
	if !given {
		return nil
	}
	if key == "" {
		return edge.Invalid("the idempotency key is empty; leave the option away for none")
	}
	for _, reserved := range []string{"__workflow:", "__signal:"} {
		if strings.HasPrefix(key, reserved) {
			return edge.Invalid("idempotency keys that start with %q are OpenWorkflow's own", reserved)
		}
	}
	return edge.CheckText("idempotency key", key, edge.MaxKey)
}
