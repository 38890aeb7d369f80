package workflowtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// Replay executes today's code of a workflow over the recorded steps of a run, exported from production with
// Client.GetRun and Client.ListStepAttempts, and fails the test if it does not do what it did then:
//
//	var run openworkflow.Run                 // json.Unmarshal of a file in testdata
//	var steps []openworkflow.StepAttempt     // likewise; all of them, oldest first
//	workflowtest.Replay(t, billing.Invoice.Implement(new(billing.Service).invoice), run, steps)
//
// No step function is called, no time passes and nothing is sent: each step returns what is recorded. A run
// that has completed must complete again, with equal JSON; one that failed must fail again; neither may ask
// for a step that is not recorded. A run that is under way, was canceled, or was cut short by its deadline or by
// the step limit is replayed up to the first step that is not recorded.
//
// A type that a recorded result does not fit any more is found too. The test is a plain one: Replay must not be
// called inside synctest.Test.
func Replay(t *testing.T, workflow openworkflow.AnyWorkflow, run openworkflow.Run, steps []openworkflow.StepAttempt) {
	t.Helper()
	b := newBubble(t, time.Now().Round(0), defaultPatience)
	var verdict error
	err := b.run(func() { verdict = replay(workflow, run, steps, nil) })
	if verdict != nil {
		t.Errorf("workflowtest: replay of run %s (workflow %q): %v", run.ID, run.WorkflowName, verdict)
	}
	if err := errors.Join(err, b.end()); err != nil {
		t.Error(err)
	}
}

// replayAll replays, in the bubble, the runs of the Env that have ended.
func (e *Env) replayAll() {
	time.Sleep(clockShift)
	_, err := e.front.find(ports.RunFilter{}, func(run *domain.Run) bool {
		if !run.Status.Terminal() {
			return false
		}
		for _, w := range e.workflows {
			if w.Name() == run.WorkflowName && w.Version() == run.Version {
				e.replayRun(w, run.ID)
			}
		}
		return false
	})
	if err != nil {
		e.t.Errorf("workflowtest: replay: %v", err)
	}
}

// clockShift is how far the clock is put forward before the replays, so that code which asks for the time
// outside of steps is found out.
const clockShift = 31*24*time.Hour + 7*time.Hour + 11*time.Minute + 13*time.Second

func (e *Env) replayRun(w openworkflow.AnyWorkflow, runID string) {
	run, err := e.inner.GetRun(context.Background(), runID)
	if err != nil {
		e.t.Errorf("workflowtest: replay: %v", err)
		return
	}
	if f := run.Error; f != nil && isNondeterminism(f.Code) {
		e.t.Errorf("workflowtest: run %s of workflow %q failed: %s", run.ID, run.WorkflowName, f.Message)
		return
	}
	steps, err := allSteps(e.inner, runID)
	if err == nil {
		err = replay(w, *run, steps, e.opts.Client)
	}
	if err != nil {
		e.t.Errorf("workflowtest: the run does not replay, so it would break if it were resumed after a crash: "+
			"run %s of workflow %q: %v", run.ID, run.WorkflowName, err)
	}
}

// allSteps reads all step attempts of a run.
func allSteps(c *openworkflow.Client, runID string) ([]openworkflow.StepAttempt, error) {
	var all []openworkflow.StepAttempt
	page := openworkflow.PageOptions{Limit: openworkflow.MaxPageLimit}
	for {
		p, err := c.ListStepAttempts(context.Background(), runID, page)
		if err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if p.Next == "" {
			return all, nil
		}
		page.After = p.Next
	}
}

// replay executes the workflow over the history, in a bubble, and says what is wrong.
func replay(w openworkflow.AnyWorkflow, run openworkflow.Run, steps []openworkflow.StepAttempt, opts []openworkflow.ClientOption) error {
	if err := fits(w, run, steps); err != nil {
		return err
	}
	attempts := make([]domain.StepAttempt, len(steps))
	for i := range steps {
		attempts[i] = steps[i].Record()
	}
	r := newRecording(run.Record(), attempts)
	if opts == nil {
		opts = []openworkflow.ClientOption{openworkflow.WithMaxPayload(1 << 30)} // it was stored once
	}
	silent := openworkflow.WithSlog(slog.New(slog.DiscardHandler))
	client, err := openworkflow.New(r, append(slices.Clone(opts), silent)...)
	if err != nil {
		return err
	}
	worker, err := client.NewWorker(openworkflow.WorkerOptions{
		Workflows: openworkflow.Workflows(w), Concurrency: 1, LeaseDuration: replayLease, StepLimit: len(steps) + 1,
	})
	if err != nil {
		return err
	}
	if err := worker.Start(context.Background()); err != nil {
		return err
	}
	wanted := endOf(run)
	r.play(wanted)
	verdict := wanted.judge(run, r)
	now, cancel := context.WithCancel(context.Background())
	cancel()
	return errors.Join(verdict, worker.Stop(now))
}

// fits refuses what cannot be a history of the workflow.
func fits(w openworkflow.AnyWorkflow, run openworkflow.Run, steps []openworkflow.StepAttempt) error {
	if w == nil {
		return errors.New("the workflow is nil")
	}
	if err := w.Err(); err != nil {
		return err
	}
	if run.WorkflowName != w.Name() || run.Version != w.Version() {
		return fmt.Errorf("it is a run of workflow %q, version %q, and the code is of workflow %q, version %q: they never meet",
			run.WorkflowName, run.Version, w.Name(), w.Version())
	}
	for i := range steps {
		if id := steps[i].RunID; id != "" && id != run.ID {
			return fmt.Errorf("step %q (attempt %s) belongs to run %s", steps[i].StepName, steps[i].ID, id)
		}
	}
	return nil
}

// patience is how long, in virtual time, a function may go on by itself while it replays: code outside of steps
// may wait for a time.
var patience = []time.Duration{0, time.Minute, time.Hour, 24 * time.Hour}

// play lets the function run until it has ended or goes no further.
func (r *recording) play(wanted ending) {
	for _, d := range patience {
		if d > 0 {
			time.Sleep(d)
		}
		synctest.Wait()
		outcome, blocked := r.end()
		if outcome != nil || (wanted == unfinished && len(blocked) > 0) {
			return
		}
	}
}

// ending is how a recorded run ended, as far as its replay has to match it.
type ending int

const (
	unfinished ending = iota // under way, or cut short by what is not the function's doing
	completed
	failed
)

func endOf(run openworkflow.Run) ending {
	switch run.Record().Status {
	case domain.RunCompleted:
		return completed
	case domain.RunFailed:
		if cutShort(run.Error) {
			return unfinished
		}
		return failed
	case domain.RunPending, domain.RunRunning, domain.RunCanceled:
	}
	return unfinished
}

// cutShort reports whether a run failed from outside of its function.
func cutShort(f *openworkflow.RunError) bool {
	if f == nil {
		return false
	}
	code := f.Code
	if code == "" && f.Message == domain.DeadlineFailure().Message { // TypeScript's
		return true
	}
	for _, err := range []error{domain.ErrDeadlineExceeded, domain.ErrStepLimitExceeded, domain.ErrNondeterminism, domain.ErrDamagedHistory} {
		if code == domain.CodeOf(err) {
			return true
		}
	}
	return false
}

func isNondeterminism(code string) bool { return code == domain.CodeOf(domain.ErrNondeterminism) }

// judge compares what the function did with what is recorded.
func (wanted ending) judge(run openworkflow.Run, r *recording) error {
	outcome, blocked := r.end()
	if outcome == nil {
		return wanted.judgeOpen(r, blocked)
	}
	if f := outcome.Error; f != nil && isNondeterminism(f.Code) {
		return errors.New(f.Message)
	}
	again := outcome.Kind == domain.CompleteRun
	switch {
	case wanted == completed && !again:
		return nondeterminism("it completed, and now fails: %s", message(outcome.Error))
	case wanted == completed && !equalJSON(run.Output, outcome.Output):
		return nondeterminism("it returned %s, and now returns %s", brief(run.Output), brief(outcome.Output))
	case wanted == failed && again:
		return nondeterminism("it failed (%s), and now completes", message(run.Record().Error))
	}
	return nil
}

// judgeOpen judges a function that has not ended.
func (wanted ending) judgeOpen(r *recording, blocked []string) error {
	names := quoted(blocked)
	switch {
	case wanted == unfinished && len(blocked) > 0:
		if skipped := r.skipped(); len(skipped) > 0 {
			return nondeterminism("it asks for %s, which is not recorded, before it asks for %s, which is; "+
				"give changed workflows a new version", names, quoted(skipped))
		}
		return nil
	case len(blocked) > 0:
		return nondeterminism("it has ended, and now asks for %s, which is not recorded; give changed workflows a new version", names)
	}
	return errors.New("the workflow function does not return, and waits in no step: it is blocked, or waits for time, outside of steps")
}

func nondeterminism(format string, args ...any) error {
	return fmt.Errorf("%w: %s", domain.ErrNondeterminism, fmt.Sprintf(format, args...))
}

func quoted(steps []string) string {
	texts := make([]string, len(steps))
	for i, s := range steps {
		texts[i] = fmt.Sprintf("step %q", s)
	}
	return strings.Join(texts, ", ")
}

// brief writes JSON for a message: on one line, and not too long.
func brief(raw []byte) string {
	const limit = 500
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		line.Reset()
		line.Write(raw)
	}
	if line.Len() > limit {
		return strings.ToValidUTF8(line.String()[:limit], "") + "…"
	}
	return line.String()
}
