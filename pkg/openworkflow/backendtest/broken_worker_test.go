package backendtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// hooked is a backend of which one method at a time is another's.
type hooked struct {
	*memory.Backend
	claim   func(context.Context, backend.ClaimRequest) (backend.ClaimResult, error)
	commit  func(context.Context, []backend.Transition) ([]backend.Verdict, error)
	reclaim func(context.Context, backend.ReclaimRequest) (backend.ReclaimResult, error)
	extend  func(context.Context, backend.LeaseRequest) (backend.LeaseResult, error)
	sweep   func(context.Context, backend.SweepRequest) (backend.SweepResult, error)
	history func(context.Context, backend.HistoryRequest) (backend.HistoryResult, error)
}

func (h *hooked) ClaimRuns(ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
	if h.claim != nil {
		return h.claim(ctx, req)
	}
	return h.Backend.ClaimRuns(ctx, req)
}

func (h *hooked) Commit(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
	if h.commit != nil {
		return h.commit(ctx, slices.Clone(ts))
	}
	return h.Backend.Commit(ctx, ts)
}

func (h *hooked) ReclaimRun(ctx context.Context, req backend.ReclaimRequest) (backend.ReclaimResult, error) {
	if h.reclaim != nil {
		return h.reclaim(ctx, req)
	}
	return h.Backend.ReclaimRun(ctx, req)
}

func (h *hooked) ExtendLeases(ctx context.Context, req backend.LeaseRequest) (backend.LeaseResult, error) {
	if h.extend != nil {
		return h.extend(ctx, req)
	}
	return h.Backend.ExtendLeases(ctx, req)
}

func (h *hooked) Sweep(ctx context.Context, req backend.SweepRequest) (backend.SweepResult, error) {
	if h.sweep != nil {
		return h.sweep(ctx, req)
	}
	return h.Backend.Sweep(ctx, req)
}

func (h *hooked) LoadHistories(ctx context.Context, req backend.HistoryRequest) (backend.HistoryResult, error) {
	if h.history != nil {
		return h.history(ctx, req)
	}
	return h.Backend.LoadHistories(ctx, req)
}

// current is the run as it is stored.
func current(b *memory.Backend, id string) backend.Run {
	runs, err := b.GetRuns(context.Background(), []string{id})
	if err != nil || len(runs) == 0 {
		return backend.Run{}
	}
	return runs[0]
}

// eachLease breaks Commit by changing the leases of transitions.
func eachLease(change func(*memory.Backend, *backend.Lease)) func(*memory.Backend) backend.Backend {
	return func(b *memory.Backend) backend.Backend {
		return &hooked{Backend: b, commit: func(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
			for i := range ts {
				change(b, &ts[i].Lease)
			}
			return b.Commit(ctx, ts)
		}}
	}
}

// eachClaim breaks ClaimRuns by what is done around it.
func eachClaim(do func(*memory.Backend, context.Context, backend.ClaimRequest) (backend.ClaimResult, error)) func(*memory.Backend) backend.Backend {
	return func(b *memory.Backend) backend.Backend {
		return &hooked{Backend: b, claim: func(ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
			return do(b, ctx, req)
		}}
	}
}

// eachVerdict breaks the answers of Commit.
func eachVerdict(change func(*memory.Backend, *backend.Transition, *backend.Verdict)) func(*memory.Backend) backend.Backend {
	return func(b *memory.Backend) backend.Backend {
		return &hooked{Backend: b, commit: func(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
			vs, err := b.Commit(ctx, ts)
			for i := range vs {
				change(b, &ts[i], &vs[i])
			}
			return vs, err
		}}
	}
}

func workerBreakages() map[string]breakage {
	return map[string]breakage{
		"forgets the epoch": {"Fencing/StaleEpoch", eachLease(func(b *memory.Backend, l *backend.Lease) {
			if now := current(b, l.RunID).Attempts; now > l.Epoch {
				l.Epoch = now
			}
		})},
		"forgets the worker": {"Fencing/OtherWorker", eachLease(func(b *memory.Backend, l *backend.Lease) {
			if now := current(b, l.RunID).WorkerID; now != "" {
				l.WorkerID = now
			}
		})},
		"claims twice": {"Claim/Exclusive", func(b *memory.Backend) backend.Backend {
			var mu sync.Mutex
			var last []backend.Run
			return &hooked{Backend: b, claim: func(ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
				mu.Lock()
				defer mu.Unlock()
				res, err := b.ClaimRuns(ctx, req)
				if len(last) == 1 && len(res.Runs) > 0 {
					res.Runs = append(res.Runs, last...)
					last = nil
				} else if len(res.Runs) > 0 {
					last = res.Runs[:1]
				}
				return res, err
			}}
		}},
		"claims in any order": {"Claim/DueOrder", eachClaim(func(b *memory.Backend, ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
			res, err := b.ClaimRuns(ctx, req)
			slices.Reverse(res.Runs)
			return res, err
		})},
		"takes no turns": {"Claim/Turns", eachClaim(func(b *memory.Backend, ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
			var all backend.ClaimResult
			for _, k := range req.Workflows {
				one := req
				one.Workflows, one.Limit = []backend.WorkflowKey{k}, req.Limit-len(all.Runs)
				res, err := b.ClaimRuns(ctx, one)
				if err != nil {
					return all, err
				}
				all.Runs, all.Now, all.NextDue = append(all.Runs, res.Runs...), res.Now, res.NextDue
			}
			return all, nil
		})},
		"ignores Exclude": {"Claim/Exclude", eachClaim(func(b *memory.Backend, ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
			req.Exclude = nil
			return b.ClaimRuns(ctx, req)
		})},
		"claims every version": {"Claim/NullVersionMatchesNull", eachClaim(func(b *memory.Backend, ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
			for _, k := range slices.Clone(req.Workflows) {
				req.Workflows = append(req.Workflows, backend.WorkflowKey{Name: k.Name}, backend.WorkflowKey{Name: k.Name, Version: "v1"})
			}
			return b.ClaimRuns(ctx, req)
		})},
		"counts no takeovers": {"Lease/Takeover", eachClaim(func(b *memory.Backend, ctx context.Context, req backend.ClaimRequest) (backend.ClaimResult, error) {
			res, err := b.ClaimRuns(ctx, req)
			for i := range res.Runs {
				res.Runs[i].Recoveries = 0
			}
			return res, err
		})},
		"extends no lease": {"Lease/Extend", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, extend: func(ctx context.Context, req backend.LeaseRequest) (backend.LeaseResult, error) {
				req.Duration = time.Second
				return b.ExtendLeases(ctx, req)
			}}
		}},
		"names no lost lease": {"Lease/ExtendNamesTheLost", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, extend: func(ctx context.Context, req backend.LeaseRequest) (backend.LeaseResult, error) {
				res, err := b.ExtendLeases(ctx, req)
				res.Lost = nil
				return res, err
			}}
		}},
		"extends under an old epoch": {"Lease/ExtendNamesTheLost", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, extend: func(ctx context.Context, req backend.LeaseRequest) (backend.LeaseResult, error) {
				req.Leases = slices.Clone(req.Leases)
				for i := range req.Leases {
					req.Leases[i].Epoch = current(b, req.Leases[i].RunID).Attempts
				}
				return b.ExtendLeases(ctx, req)
			}}
		}},
		"reclaims under any epoch": {"Reclaim/Refused", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, reclaim: func(ctx context.Context, req backend.ReclaimRequest) (backend.ReclaimResult, error) {
				req.Epoch = current(b, req.RunID).Attempts
				return b.ReclaimRun(ctx, req)
			}}
		}},
		"answers a repeated commit with a lost lease": {"Recommit/EveryKind", func(b *memory.Backend) backend.Backend {
			var seen sync.Map
			return eachVerdict(func(_ *memory.Backend, t *backend.Transition, v *backend.Verdict) {
				if _, again := seen.LoadOrStore([3]any{t.Kind, t.Lease, t.Attempt.ID}, true); again && v.Err == nil {
					v.Err = backend.ErrLeaseLost
				}
			})(b)
		}},
		"lets a timeout win over a delivery": {"Signal/TimeoutAfterDelivery", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, commit: func(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
				for i := range ts {
					ts[i].Timeout = false
				}
				return b.Commit(ctx, ts)
			}}
		}},
		"takes plain ends for owned": {"Batch/PlainStale", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, commit: func(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
				for i := range ts {
					if r := current(b, ts[i].Lease.RunID); ts[i].Plain && r.WorkerID == ts[i].Lease.WorkerID {
						ts[i].Lease.Epoch = r.Attempts
					}
				}
				return b.Commit(ctx, ts)
			}}
		}},
		"keeps recoveries after progress": {"Lease/ProgressClearsRecoveries", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, commit: func(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
				for i := range ts {
					ts[i].Progress = false
				}
				return b.Commit(ctx, ts)
			}}
		}},
		"lets poison fail the batch": {"Batch/PoisonHarmsNobody", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, commit: func(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
				for i := range ts {
					if out := ts[i].Attempt.Output; out != nil && (!json.Valid(out) || bytes.Contains(out, []byte(`\u0000`))) {
						vs := make([]backend.Verdict, len(ts))
						for k := range vs {
							vs[k].Err = backend.ErrRejected
						}
						return vs, nil
					}
				}
				return b.Commit(ctx, ts)
			}}
		}},
		"commits the run before its steps": {"Batch/StepsBeforeTheRun", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, commit: func(ctx context.Context, ts []backend.Transition) ([]backend.Verdict, error) {
				var out []backend.Verdict
				for i := range ts {
					vs, err := b.Commit(ctx, ts[i:i+1])
					if err != nil {
						return nil, err
					}
					out = append(out, vs...)
				}
				return out, errors.Join()
			}}
		}},
		"starts a child each time": {"Child/OneUnderRepetition", eachVerdict(func(b *memory.Backend, t *backend.Transition, v *backend.Verdict) {
			if t.Kind == backend.StartChild && !v.Woke {
				again := *t.Child
				again.ID, again.IdempotencyKey = backend.NewID(), ""
				_, v.Err = b.CreateRuns(context.Background(), []backend.NewRun{again})
			}
		})},
		"sweeps without a limit": {"Sweep/Limit", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, sweep: func(ctx context.Context, req backend.SweepRequest) (backend.SweepResult, error) {
				req.Limit *= 10
				return b.Sweep(ctx, req)
			}}
		}},
		"never sweeps": {"Sweep/Deadlines", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, sweep: func(context.Context, backend.SweepRequest) (backend.SweepResult, error) {
				return backend.SweepResult{Now: time.Now()}, nil
			}}
		}},
		"reads more than the open attempts": {"Step/OpenOnly", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, history: func(ctx context.Context, req backend.HistoryRequest) (backend.HistoryResult, error) {
				req.OpenOnly = false
				return b.LoadHistories(ctx, req)
			}}
		}},
		"does not show how children ended": {"Child/Outcomes", func(b *memory.Backend) backend.Backend {
			return &hooked{Backend: b, history: func(ctx context.Context, req backend.HistoryRequest) (backend.HistoryResult, error) {
				res, err := b.LoadHistories(ctx, req)
				for i := range res.Histories {
					res.Histories[i].Children = nil
				}
				return res, err
			}}
		}},
	}
}
