package workflowtest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

const (
	// resultPatience is how long Result waits, in real time, for other goroutines of the test to do something.
	resultPatience = time.Second
	resultPoll     = 5 * time.Millisecond
	// insidePoll is how often a wait in the bubble looks, in virtual time.
	insidePoll = 100 * time.Millisecond
)

// AwaitRun is ports.Awaiter's: it settles, and gives up soon if the run goes on waiting then.
func (f *front) AwaitRun(ctx context.Context, runID string) (domain.Run, error) {
	if inside() {
		return f.awaitInside(ctx, runID)
	}
	poll := time.NewTicker(resultPoll)
	defer poll.Stop()
	seen, since := f.stirred.Load(), time.Now()
	for look := true; ; {
		if look {
			v, err := call(ctx, f, func(ctx context.Context) (view, error) { return f.look(ctx, runID) })
			if err != nil || v.run.Status.Terminal() {
				return v.run, err
			}
		}
		select {
		case <-ctx.Done():
			return domain.Run{}, ctx.Err()
		case <-poll.C:
		}
		n := f.stirred.Load()
		if look = n != seen; look {
			seen, since = n, time.Now()
		}
		if time.Since(since) < resultPatience {
			continue
		}
		v, err := call(ctx, f, func(ctx context.Context) (view, error) { return f.look(ctx, runID) })
		if err != nil || v.run.Status.Terminal() {
			return v.run, err
		}
		return v.run, fmt.Errorf("%w: %s", domain.ErrResultTimeout, v.explain())
	}
}

// awaitInside waits in virtual time, for step functions that use the client.
func (f *front) awaitInside(ctx context.Context, runID string) (domain.Run, error) {
	for {
		runs, err := f.Backend.GetRuns(ctx, []string{runID})
		switch {
		case err != nil:
			return domain.Run{}, err
		case len(runs) == 0:
			return domain.Run{}, domain.ErrRunNotFound
		case runs[0].Status.Terminal():
			return runs[0], nil
		}
		timer := time.NewTimer(insidePoll)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return domain.Run{}, ctx.Err()
		}
	}
}

// view is a run that has settled, and what it waits for.
type view struct {
	run        domain.Run
	open       []domain.StepAttempt // running attempts, and failed ones that are to be retried
	now        time.Time
	registered bool
}

// look settles and reads the run, in the bubble.
func (f *front) look(ctx context.Context, runID string) (view, error) {
	f.env.settle()
	runs, err := f.Backend.GetRuns(ctx, []string{runID})
	if err != nil {
		return view{}, err
	}
	if len(runs) == 0 {
		return view{}, domain.ErrRunNotFound
	}
	v := view{run: runs[0], now: time.Now()}
	for _, w := range f.env.workflows {
		v.registered = v.registered || (w.Name() == v.run.WorkflowName && w.Version() == v.run.Version)
	}
	if v.run.Status.Terminal() {
		return v, nil
	}
	res, err := f.Backend.LoadHistories(ctx, ports.HistoryRequest{RunIDs: []string{runID}})
	if err != nil || len(res.Histories) != 1 {
		return v, err
	}
	latest := make(map[string]int)
	for _, a := range res.Histories[0].Attempts {
		if i, seen := latest[a.StepName]; seen {
			v.open[i] = a
			continue
		}
		latest[a.StepName] = len(v.open)
		v.open = append(v.open, a)
	}
	return v, nil
}

// explain says why the run has not ended and what would make it go on.
func (v *view) explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "run %s of workflow %q has not ended: ", v.run.ID, v.run.WorkflowName)
	switch {
	case !v.registered:
		fmt.Fprintf(&b, "the Env has no such workflow (version %q); give it to workflowtest.New", v.run.Version)
		return b.String()
	case v.run.Status == domain.RunPending && v.run.AvailableAt.After(v.now):
		fmt.Fprintf(&b, "it starts %s", v.at(v.run.AvailableAt))
	default:
		b.WriteString(v.waits())
	}
	b.WriteString("; virtual time passes in Env.Advance only")
	return b.String()
}

func (v *view) waits() string {
	var all []string
	for i := range v.open {
		if text := v.wait(&v.open[i]); text != "" {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		return "it executes a function that waits for time"
	}
	return "it waits for " + strings.Join(all, ", and for ")
}

// wait describes what the step's latest attempt waits for; "" if for nothing.
func (v *view) wait(a *domain.StepAttempt) string {
	if a.Status == domain.StepFailed && !a.Final && a.RetryAt.After(v.now) {
		return fmt.Sprintf("the next attempt of step %q, %s (the last one: %s)", a.StepName, v.at(a.RetryAt), message(a.Error))
	}
	if a.Status != domain.StepRunning {
		return ""
	}
	w, err := a.Wait()
	if err != nil {
		return err.Error()
	}
	switch a.Kind {
	case domain.KindSleep:
		return fmt.Sprintf("the end of sleep %q, %s", a.StepName, v.at(w.ResumeAt))
	case domain.KindSignalWait:
		return fmt.Sprintf("signal %q (step %q, times out %s)", w.Signal, a.StepName, v.at(w.TimeoutAt))
	case domain.KindWorkflow:
		return fmt.Sprintf("its child run %s (step %q, times out %s)", a.ChildRunID, a.StepName, v.at(w.TimeoutAt))
	case domain.KindFunction, domain.KindSignalSend:
	}
	return fmt.Sprintf("the function of step %q", a.StepName)
}

func (v *view) at(t time.Time) string {
	return fmt.Sprintf("at %s, in %v", t.UTC().Format(time.RFC3339), t.Sub(v.now).Round(time.Millisecond))
}

func message(f *domain.Failure) string {
	if f == nil {
		return "no error is recorded"
	}
	return f.Message
}
