package storetest_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/memstore"
	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// recorder is a test that may fail.
type recorder struct {
	name   string
	failed bool
	text   strings.Builder
}

func (r *recorder) Helper()                        {}
func (r *recorder) Name() string                   { return r.name }
func (r *recorder) Failed() bool                   { return r.failed }
func (r *recorder) Fail()                          { r.failed = true }
func (r *recorder) FailNow()                       { r.Fail(); runtime.Goexit() }
func (r *recorder) SkipNow()                       { runtime.Goexit() }
func (r *recorder) Skip(...any)                    { r.SkipNow() }
func (r *recorder) Skipf(string, ...any)           { r.SkipNow() }
func (r *recorder) Log(args ...any)                { fmt.Fprintln(&r.text, args...) }
func (r *recorder) Logf(format string, a ...any)   { fmt.Fprintf(&r.text, format+"\n", a...) }
func (r *recorder) Error(args ...any)              { r.Log(args...); r.Fail() }
func (r *recorder) Errorf(f string, a ...any)      { r.Logf(f, a...); r.Fail() }
func (r *recorder) Fatal(args ...any)              { r.Log(args...); r.FailNow() }
func (r *recorder) Fatalf(format string, a ...any) { r.Logf(format, a...); r.FailNow() }

// altered is the store in memory with an error of one kind.
type altered struct {
	*memstore.Store
	commit func([]domain.Transition)
	send   func([]domain.Signal)
	create func([]domain.NewRun)
	answer func([]domain.Verdict)
}

func (a *altered) Commit(ctx context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	ts = slices.Clone(ts)
	if a.commit != nil {
		a.commit(ts)
	}
	vs, err := a.Store.Commit(ctx, ts)
	if a.answer != nil {
		a.answer(vs)
	}
	return vs, err
}

func (a *altered) SendSignals(ctx context.Context, signals []domain.Signal) ([]ports.SignalResult, error) {
	signals = slices.Clone(signals)
	if a.send != nil {
		a.send(signals)
	}
	return a.Store.SendSignals(ctx, signals)
}

func (a *altered) CreateRuns(ctx context.Context, runs []domain.NewRun) ([]string, error) {
	runs = slices.Clone(runs)
	if a.create != nil {
		a.create(runs)
	}
	return a.Store.CreateRuns(ctx, runs)
}

func brokenSystems() map[string]system {
	wrap := func(change func(*altered)) system {
		store := memstore.New()
		return system{"broken", func(ns string) ports.Backend {
			a := &altered{Store: store.WithNamespace(ns)}
			change(a)
			return a
		}}
	}
	return map[string]system{
		"parks for too long": wrap(func(a *altered) {
			a.commit = func(ts []domain.Transition) {
				for i := range ts {
					if ts[i].Kind == domain.ParkRun && ts[i].WakeAt.IsZero() {
						ts[i].WakeAt = time.Now().Add(farAway)
					}
				}
			}
		}),
		"buffers nothing": wrap(func(a *altered) {
			a.send = func(s []domain.Signal) {
				for i := range s {
					s[i].Buffer = 0
				}
			}
		}),
		"forgets keys": wrap(func(a *altered) {
			a.create = func(n []domain.NewRun) {
				for i := range n {
					n[i].IdempotencyKey = ""
				}
			}
		}),
		"forgets histories": wrap(func(a *altered) {
			a.create = func(n []domain.NewRun) {
				for i := range n {
					n[i].History = nil
				}
			}
		}),
		"wakes in silence": wrap(func(a *altered) {
			a.answer = func(vs []domain.Verdict) {
				for i := range vs {
					vs[i].Woke = false
				}
			}
		}),
	}
}
