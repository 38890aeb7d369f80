package backendtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// client is a backend whose client verbs can be another's.
type client struct {
	*memory.Backend
	namespace string
	create    func(*backend.NewRun)
	send      func(*backend.Signal)
	answer    func(*backend.SignalResult)
	cancel    func(backend.Run, error) (backend.Run, error)
	list      func(backend.PageRequest, *backend.Page[backend.Run])
	attempts  func(*backend.StepAttempt)
	subscribe func() <-chan backend.Event
}

func (c *client) Namespace() string {
	if c.namespace != "" {
		return c.namespace
	}
	return c.Backend.Namespace()
}

func (c *client) CreateRuns(ctx context.Context, runs []backend.NewRun) ([]string, error) {
	runs = slices.Clone(runs)
	for i := range runs {
		if c.create != nil {
			c.create(&runs[i])
		}
	}
	return c.Backend.CreateRuns(ctx, runs)
}

func (c *client) SendSignals(ctx context.Context, signals []backend.Signal) ([]backend.SignalResult, error) {
	signals = slices.Clone(signals)
	for i := range signals {
		if c.send != nil {
			c.send(&signals[i])
		}
	}
	res, err := c.Backend.SendSignals(ctx, signals)
	for i := range res {
		if c.answer != nil {
			c.answer(&res[i])
		}
	}
	return res, err
}

func (c *client) CancelRun(ctx context.Context, id string) (backend.Run, error) {
	r, err := c.Backend.CancelRun(ctx, id)
	if c.cancel != nil {
		return c.cancel(r, err)
	}
	return r, err
}

func (c *client) ListRuns(ctx context.Context, f backend.RunFilter, p backend.PageRequest) (backend.Page[backend.Run], error) {
	page, err := c.Backend.ListRuns(ctx, f, p)
	if c.list != nil {
		c.list(p, &page)
	}
	return page, err
}

func (c *client) ListStepAttempts(ctx context.Context, id string, p backend.PageRequest) (backend.Page[backend.StepAttempt], error) {
	page, err := c.Backend.ListStepAttempts(ctx, id, p)
	for i := range page.Items {
		if c.attempts != nil {
			c.attempts(&page.Items[i])
		}
	}
	return page, err
}

func (c *client) Subscribe(ctx context.Context) (<-chan backend.Event, error) {
	if c.subscribe != nil {
		return c.subscribe(), nil
	}
	return c.Backend.Subscribe(ctx)
}

// with makes a broken client backend.
func with(change func(*client)) func(*memory.Backend) backend.Backend {
	return func(b *memory.Backend) backend.Backend {
		c := &client{Backend: b}
		change(c)
		return c
	}
}

func clientBreakages() map[string]breakage {
	return map[string]breakage{
		"ignores idempotency keys": {"Create/KeyReturnsTheFirst", with(func(c *client) {
			c.create = func(n *backend.NewRun) { n.IdempotencyKey = "" }
		})},
		"lets keys bind for a day only": {"Create/KeyWindowExpires", with(func(c *client) {
			c.create = func(n *backend.NewRun) { n.IdempotencyWindow = 0 }
		})},
		"makes a known id again": {"Create/SameIDAgain", with(func(c *client) {
			c.create = func(n *backend.NewRun) { n.ID = backend.NewID() }
		})},
		"starts runs too early": {"Create/StartAfter", with(func(c *client) {
			c.create = func(n *backend.NewRun) { n.StartAfter = 0 }
		})},
		"forgets configs": {"Create/Row", with(func(c *client) {
			c.create = func(n *backend.NewRun) { n.Config = nil }
		})},
		"forgets histories": {"Inherit/Rows", with(func(c *client) {
			c.create = func(n *backend.NewRun) { n.History = nil }
		})},
		"begins with open attempts": {"Inherit/Refused", with(func(c *client) {
			c.create = func(n *backend.NewRun) {
				n.History = slices.Clone(n.History)
				for i := range n.History {
					if n.History[i].Status == backend.StepRunning {
						n.History[i].Status = backend.StepFailed
					}
				}
			}
		})},
		"keeps histories of runs that it found": {"Inherit/NotForARunThatWasFound", with(func(c *client) {
			c.create = func(n *backend.NewRun) { n.IdempotencyKey = "" }
		})},
		"wakes whoever has a step of the child's": {"Inherit/ChildOfAnother", func(b *memory.Backend) backend.Backend {
			return with(func(c *client) {
				c.cancel = func(r backend.Run, err error) (backend.Run, error) {
					wakeHeirs(b)
					return r, err
				}
			})(b)
		}},
		"rounds numbers": {"Payload/RoundTrips", with(func(c *client) {
			c.create = func(n *backend.NewRun) {
				var v any
				if err := json.Unmarshal(n.Input, &v); err == nil {
					n.Input, _ = json.Marshal(v)
				}
			}
		})},
		"delivers a repeated signal": {"Signal/KeyRepeated", with(func(c *client) {
			c.send = func(s *backend.Signal) { s.Key = backend.NewID() }
		})},
		"forgets the address of a signal": {"Signal/Addressed", with(func(c *client) {
			c.send = func(s *backend.Signal) { s.RunID = "" }
		})},
		"buffers nothing": {"Buffer/NextWaitGetsIt", with(func(c *client) {
			c.send = func(s *backend.Signal) { s.Buffer = 0 }
		})},
		"buffers a signal twice": {"Buffer/OneWaitOnly", func(b *memory.Backend) backend.Backend {
			return with(func(c *client) {
				c.send = func(s *backend.Signal) {
					twin := *s
					twin.Key += "'"
					_, _ = b.SendSignals(context.Background(), []backend.Signal{twin})
				}
			})(b)
		}},
		"takes signals for finished runs": {"Signal/AddressedFinishedOrUnknown", with(func(c *client) {
			c.answer = func(r *backend.SignalResult) {
				if errors.Is(r.Err, backend.ErrRunFinished) {
					r.Err = nil
				}
			}
		})},
		"cancels finished runs": {"Cancel/EndedOrUnknown", with(func(c *client) {
			c.cancel = func(r backend.Run, err error) (backend.Run, error) {
				if errors.Is(err, backend.ErrRunFinished) {
					return r, nil
				}
				return r, err
			}
		})},
		"miscounts pages": {"List/RunsBothWays", with(func(c *client) {
			c.list = func(p backend.PageRequest, page *backend.Page[backend.Run]) {
				page.HasNext = len(page.Items) == p.Limit
			}
		})},
		"lists pages backwards": {"List/RunsBothWays", with(func(c *client) {
			c.list = func(p backend.PageRequest, page *backend.Page[backend.Run]) {
				if p.Before != nil {
					slices.Reverse(page.Items)
				}
			}
		})},
		"leaves attempts open": {"RunTransition/EndClosesOpenAttempts", with(func(c *client) {
			c.attempts = func(a *backend.StepAttempt) {
				if a.Final && a.Error != nil && a.Error.Message == backend.EndedFailure(backend.RunCompleted).Message {
					a.Status, a.Error, a.Final = backend.StepRunning, nil, false
				}
			}
		})},
		"loses final": {"Step/Effects", with(func(c *client) {
			c.attempts = func(a *backend.StepAttempt) { a.Final = false }
		})},
		"ends subscriptions at once": {"Notify/Due", with(func(c *client) {
			c.subscribe = func() <-chan backend.Event {
				events := make(chan backend.Event)
				close(events)
				return events
			}
		})},
		"leaks namespaces": {"Namespace/Claims", func(b *memory.Backend) backend.Backend {
			return &client{Backend: b.WithNamespace("one"), namespace: b.Namespace()}
		}},
		"forgets everything on reopening": {"Reopen/EverythingIsThere", func(b *memory.Backend) backend.Backend { return b }},
	}
}

// wakeHeirs makes the parked runs due that began with a history.
func wakeHeirs(b *memory.Backend) {
	page, _ := b.ListRuns(context.Background(), backend.RunFilter{Live: true}, backend.PageRequest{Limit: 100})
	for _, r := range page.Items {
		if !r.Parked() || !r.BeganWithHistory() {
			continue
		}
		again, err := b.ReclaimRun(context.Background(), backend.ReclaimRequest{RunID: r.ID, WorkerID: "w", Epoch: r.Attempts, LeaseDuration: time.Minute})
		if err == nil {
			l := backend.Lease{RunID: r.ID, WorkerID: "w", Epoch: again.Run.Attempts}
			_, _ = b.Commit(context.Background(), []backend.Transition{{Kind: backend.ParkRun, Lease: l}})
		}
	}
}
