package workflowtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

var (
	_ ports.Backend   = (*recording)(nil)
	_ ports.Recording = (*recording)(nil)
	_ ports.Paced     = (*recording)(nil)
)

// recording is a backend that holds the history of one run, hands it to a worker once, and stores nothing: it
// only notes what the workflow function asks for and how it ends.
type recording struct {
	ports.ClientBackend // none: a replay has no clients
	run                 domain.Run
	attempts            []domain.StepAttempt

	mu      sync.Mutex
	claimed bool
	asked   map[string]bool
	blocked []string           // steps that are not recorded and were asked for
	outcome *domain.Transition // how the function ended
}

func newRecording(run domain.Run, attempts []domain.StepAttempt) *recording {
	r := &recording{run: run, attempts: slices.Clone(attempts), asked: make(map[string]bool)}
	slices.SortStableFunc(r.attempts, func(a, b domain.StepAttempt) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for i := range r.attempts {
		r.reopen(&r.attempts[i])
	}
	r.run.Status, r.run.Output, r.run.Error = domain.RunRunning, nil, nil
	r.run.FinishedAt, r.run.DeadlineAt = time.Time{}, time.Time{}
	return r
}

// reopen undoes what the end of the run did to a step that was still open: to the function it was open.
func (r *recording) reopen(a *domain.StepAttempt) {
	if a.Status != domain.StepFailed || a.Error == nil || a.Error.Message != domain.EndedFailure(r.run.Status).Message {
		return
	}
	a.Status, a.Error, a.Final, a.FinishedAt = domain.StepRunning, nil, false, time.Time{}
}

// Asked is ports.Recording's.
func (r *recording) Asked(_, step string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[step] = true
}

// Unrecorded is ports.Recording's.
func (r *recording) Unrecorded(ctx context.Context, _, step string) {
	r.mu.Lock()
	r.blocked = append(r.blocked, step)
	r.mu.Unlock()
	<-ctx.Done()
}

// end is how the function ended, nil if it has not, and the steps that it waits for although they are not recorded.
func (r *recording) end() (outcome *domain.Transition, blocked []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcome, slices.Clone(r.blocked)
}

// skipped names the completed steps that were not asked for, if that says something: steps that ran side by
// side may be asked for or not, depending on what ended first.
func (r *recording) skipped() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run.Failures > 0 || r.overlapping() {
		return nil
	}
	var names []string
	for i := range r.attempts {
		if a := &r.attempts[i]; a.Status == domain.StepCompleted && !r.asked[a.StepName] {
			names = append(names, a.StepName)
		}
	}
	return names
}

func (r *recording) overlapping() bool {
	byStart := slices.Clone(r.attempts)
	slices.SortStableFunc(byStart, func(a, b domain.StepAttempt) int { return a.StartedAt.Compare(b.StartedAt) })
	var end time.Time
	for i := range byStart {
		a := &byStart[i]
		if i > 0 && a.StartedAt.Before(end) {
			return true
		}
		if a.FinishedAt.IsZero() {
			return i < len(byStart)-1
		}
		if a.FinishedAt.After(end) {
			end = a.FinishedAt
		}
	}
	return false
}

// replayLease is longer than any replay.
const replayLease = 10 * 365 * 24 * time.Hour

// Namespace is ports.ClientBackend's.
func (r *recording) Namespace() string { return r.run.NamespaceID }

// IdleInterval is ports.Paced's: there is nothing to look for.
func (r *recording) IdleInterval(time.Duration) time.Duration { return replayLease }

// ClaimRuns is ports.Backend's.
func (r *recording) ClaimRuns(_ context.Context, req ports.ClaimRequest) (ports.ClaimResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := ports.ClaimResult{Now: time.Now()}
	if r.claimed {
		return res, nil
	}
	r.claimed = true
	r.run.WorkerID, r.run.AvailableAt = req.WorkerID, res.Now.Add(req.LeaseDuration)
	r.run.Attempts = max(r.run.Attempts, 1) + 1 // a first claim would not read the history
	res.Runs = []domain.Run{r.run}
	return res, nil
}

// LoadHistories is ports.Backend's.
func (r *recording) LoadHistories(context.Context, ports.HistoryRequest) (ports.HistoryResult, error) {
	h := domain.History{RunID: r.run.ID, Attempts: slices.Clone(r.attempts)}
	return ports.HistoryResult{Histories: []domain.History{h}, Now: time.Now()}, nil
}

// Commit is ports.Backend's: it notes the outcome of the run and nothing else.
func (r *recording) Commit(_ context.Context, ts []domain.Transition) ([]domain.Verdict, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range ts {
		switch t := &ts[i]; t.Kind {
		case domain.CompleteRun, domain.FailRun, domain.RetryRun:
			if r.outcome == nil {
				outcome := *t // the batch is the caller's again
				r.outcome = &outcome
			}
		case domain.StartStep, domain.StartChild, domain.FinishStep, domain.ParkRun:
		}
	}
	return make([]domain.Verdict, len(ts)), nil
}

var errReplay = errors.New("workflowtest: nothing new happens in a replay")

// ReclaimRun is ports.Backend's.
func (r *recording) ReclaimRun(context.Context, ports.ReclaimRequest) (ports.ReclaimResult, error) {
	return ports.ReclaimResult{}, errReplay
}

// ExtendLeases is ports.Backend's.
func (r *recording) ExtendLeases(context.Context, ports.LeaseRequest) (ports.LeaseResult, error) {
	return ports.LeaseResult{Now: time.Now()}, nil
}

// Sweep is ports.Backend's.
func (r *recording) Sweep(context.Context, ports.SweepRequest) (ports.SweepResult, error) {
	return ports.SweepResult{Skipped: true, Now: time.Now()}, nil
}

// RunStates is ports.ClientBackend's, for workers that look after their parked runs; here none parks.
func (r *recording) RunStates(context.Context, []string) ([]domain.RunState, error) {
	return nil, nil
}
