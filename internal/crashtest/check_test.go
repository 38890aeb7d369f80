//go:build unix

package crashtest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// findings are the ways in which the evidence contradicts the invariants; each begins with its number.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// check looks for contradictions.
func check(e *evidence) findings {
	var f findings
	e.index()
	f.creates(e)
	f.outcomes(e)
	f.cancels(e)
	f.attempts(e)
	f.restarts(e)
	f.replays(e)
	f.budgets(e)
	f.children(e)
	f.waits(e)
	f.addressed(e)
	f.sleeps(e)
	return f
}

// creates: S1. What was acknowledged exists once, and a key names one run.
func (f *findings) creates(e *evidence) {
	byKey := make(map[string]int)
	for i := range e.runs {
		if key := e.runs[i].IdempotencyKey; key != "" {
			byKey[key]++
		}
	}
	if len(e.runByID) != len(e.runs) {
		f.add("S1: %d rows hold %d run ids", len(e.runs), len(e.runByID))
	}
	for _, c := range e.created {
		for _, id := range c.ids {
			if r := e.runByID[id]; r == nil || r.IdempotencyKey != c.key || r.WorkflowName != c.workflow {
				f.add("S1: run %s was acknowledged for key %s and is not there", id, c.key)
			}
		}
		if n := byKey[c.key]; n != 1 {
			f.add("S1: key %s has %d runs", c.key, n)
		}
		if len(slices.Compact(slices.Clone(c.ids))) != 1 {
			f.add("S1: key %s was answered with %v", c.key, c.ids)
		}
	}
}

// outcomes: each run ended as its code says, and with what its function saw.
func (f *findings) outcomes(e *evidence) {
	for i := range e.runs {
		r := &e.runs[i]
		want, failures := openworkflow.RunCompleted, 0
		switch r.WorkflowName {
		case "doomed", "bad-child":
			want = openworkflow.RunFailed
		case "endless":
			want = openworkflow.RunCanceled
		case "stubborn":
			failures = stubbornTries - 1
		}
		if r.Status != want {
			f.add("S5: run %s of %s is %s and not %s: %+v", r.ID, r.WorkflowName, r.Status, want, r.Error)
			continue
		}
		if r.Failures != failures {
			f.add("S6: run %s of %s has used %d workflow retries and not %d", r.ID, r.WorkflowName, r.Failures, failures)
		}
		if want == openworkflow.RunFailed && (r.Error == nil || r.Error.Code != string(errPlanned)) {
			f.add("S5: run %s of %s failed with %+v", r.ID, r.WorkflowName, r.Error)
		}
		if want == openworkflow.RunCompleted {
			f.output(e, r)
		}
	}
}

func (f *findings) output(e *evidence, r *openworkflow.Run) {
	var out report
	if err := json.Unmarshal(r.Output, &out); err != nil || len(out) == 0 {
		f.add("S2: the output of run %s is %s: %v", r.ID, r.Output, err)
		return
	}
	for name, value := range out {
		if acks := e.acksOf[stepKey{r.ID, name}]; len(acks) == 0 || acks[0].Value != value {
			f.add("S4: run %s returned %q for step %s; its function saw %v", r.ID, value, name, acks)
		}
	}
	if told, ok := e.results[r.ID]; ok && !equal(told, out) {
		f.add("S2: the client was told %v for run %s, its row says %v", told, r.ID, out)
	}
}

func equal(a, b report) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// cancels: S2. A run whose cancelling was acknowledged is canceled, and its steps soon start no more.
func (f *findings) cancels(e *evidence) {
	for id, at := range e.canceled {
		if r := e.runByID[id]; r == nil || r.Status != openworkflow.RunCanceled {
			f.add("S2: the cancel of run %s was acknowledged and it is %+v", id, r)
		}
		for _, x := range e.effects {
			if x.Run == id && x.Mark == markStart && x.At > at+int64(e.lease) {
				if _, still := e.stoodStill(x); still {
					continue
				}
				f.add("S2: step %s of run %s started %v after the run was canceled", x.Step, id, time.Duration(x.At-at))
			}
		}
	}
}

// attempts: S4 and S5, by the rows. At most one attempt completes, and every failure is the function's own.
func (f *findings) attempts(e *evidence) {
	if len(e.rowByID) != len(e.attempts) {
		f.add("S4: %d rows hold %d attempt ids", len(e.attempts), len(e.rowByID))
	}
	for k, rows := range e.rowsOf {
		completed := 0
		for _, a := range rows {
			switch {
			case a.Status == openworkflow.StepCompleted:
				completed++
				f.completedRow(e, k, a)
			case a.Status == openworkflow.StepRunning:
				f.add("S4: step %s of run %s, which has ended, has a running attempt", k.step, k.run)
			case a.Kind == openworkflow.KindFunction && !interrupted(e, a):
				if end, ok := e.endOf[a.ID]; !ok || !end.Failed || a.Error.Code != string(errPlanned) {
					f.add("S5: attempt %s of step %s of run %s failed with %+v; its function said %+v", a.ID, k.step, k.run, a.Error, end)
				}
			}
		}
		if completed > 1 {
			f.add("S4: step %s of run %s completed %d times", k.step, k.run, completed)
		}
	}
}

func (f *findings) completedRow(e *evidence, k stepKey, a *openworkflow.StepAttempt) {
	if a.Kind != openworkflow.KindFunction {
		return
	}
	var value string
	end, ok := e.endOf[a.ID]
	if err := json.Unmarshal(a.Output, &value); err != nil || !ok || end.Failed || end.Value != value {
		f.add("S4: attempt %s of step %s of run %s holds %s; its function said %+v", a.ID, k.step, k.run, a.Output, end)
	}
}

// interrupted reports whether the attempt was closed by others: its worker died, or its run ended.
func interrupted(e *evidence, a *openworkflow.StepAttempt) bool {
	r := e.runByID[a.RunID]
	if a.Error == nil || r == nil {
		return false
	}
	ended := domain.EndedFailure(domain.RunStatus(r.Status))
	return a.Error.Code == domain.CodeInterrupted || (a.Final && a.Error.Code == "" && a.Error.Message == ended.Message)
}

// restarts: S4. A function does not start again once its completion was acknowledged, and each start has its
// outcome recorded, or its process was troubled.
func (f *findings) restarts(e *evidence) {
	first := make(map[span]bool)
	for k, starts := range e.startsOf {
		acks := e.acksOf[k]
		for _, s := range starts {
			if len(acks) > 0 && s.At > acks[0].At {
				if stood, still := e.stoodStill(s); still && !first[stood] {
					first[stood] = true // one between its look at the lease and the function, but not many
					e.excused++
					continue
				}
				f.add("S4: step %s of run %s started in worker %d %v after its outcome was acknowledged in worker %d",
					k.step, k.run, s.Worker, time.Duration(s.At-acks[0].At), acks[0].Worker)
			}
			if a := e.rowByID[s.Attempt]; a == nil || interrupted(e, a) {
				e.interrupted++
			}
		}
	}
}

// replays: S4. Whoever executes a run sees the same outcome of a step, and it is the recorded one.
func (f *findings) replays(e *evidence) {
	for k, acks := range e.acksOf {
		for _, a := range acks[1:] {
			if a.Value != acks[0].Value {
				f.add("S4: step %s of run %s was seen as %q in worker %d and as %q in worker %d",
					k.step, k.run, acks[0].Value, acks[0].Worker, a.Value, a.Worker)
			}
		}
		row := e.completed(k)
		switch {
		case acks[0].Failed && row != nil:
			f.add("S4: step %s of run %s was seen to fail and has a completed attempt", k.step, k.run)
		case !acks[0].Failed && row == nil:
			f.add("S4: step %s of run %s was seen to complete and has no completed attempt", k.step, k.run)
		case row != nil && row.Kind == openworkflow.KindFunction && string(row.Output) != fmt.Sprintf("%q", acks[0].Value):
			f.add("S4: step %s of run %s was seen as %q, its row holds %s", k.step, k.run, acks[0].Value, row.Output)
		}
	}
}

// budgets: S6. A failing step uses its budget and no more, and only failures of the function count.
func (f *findings) budgets(e *evidence) {
	for k, rows := range e.rowsOf {
		failed := 0
		for _, a := range rows {
			if a.Kind == openworkflow.KindFunction && a.Status == openworkflow.StepFailed && !interrupted(e, a) {
				failed++
			}
		}
		if failed == 0 {
			continue
		}
		r := e.runByID[k.run]
		budget := budgets[[2]string{r.WorkflowName, k.step}]
		if failed > budget {
			f.add("S6: step %s of run %s of %s failed %d times of %d", k.step, k.run, r.WorkflowName, failed, budget)
		}
		if r.Status == openworkflow.RunFailed && failed != budget {
			f.add("S6: step %s of run %s of %s gave up after %d failures of %d", k.step, k.run, r.WorkflowName, failed, budget)
		}
		if starts := len(e.startsOf[k]); starts < failed {
			f.add("S6: step %s of run %s has %d failures and %d starts", k.step, k.run, failed, starts)
		}
	}
}

// children: S9. A parent's step has one child.
func (f *findings) children(e *evidence) {
	childrenOf := make(map[stepKey][]string)
	for i := range e.runs {
		r := &e.runs[i]
		if r.ParentAttemptID == "" {
			if r.WorkflowName == "child" || r.WorkflowName == "bad-child" {
				f.add("S9: child run %s has no parent", r.ID)
			}
			continue
		}
		a := e.rowByID[r.ParentAttemptID]
		if a == nil || a.ChildRunID != r.ID {
			f.add("S9: run %s is the child of attempt %s, which is linked to %+v", r.ID, r.ParentAttemptID, a)
			continue
		}
		k := stepKey{a.RunID, a.StepName}
		childrenOf[k] = append(childrenOf[k], r.ID)
	}
	for k, ids := range childrenOf {
		if len(ids) > 1 {
			f.add("S9: step %s of run %s has the children %v", k.step, k.run, ids)
		}
	}
	for i := range e.runs {
		if r := &e.runs[i]; r.WorkflowName == "family" && len(childrenOf[stepKey{r.ID, "good"}])+len(childrenOf[stepKey{r.ID, "bad"}]) != 2 {
			f.add("S9: family run %s has the children %v and %v", r.ID, childrenOf[stepKey{r.ID, "good"}], childrenOf[stepKey{r.ID, "bad"}])
		}
	}
}

// waits: S8. A buffered signal is seen once; news are what was sent.
func (f *findings) waits(e *evidence) {
	for k, acks := range e.acksOf {
		r, value := e.runByID[k.run], acks[0].Value
		if r == nil {
			continue
		}
		switch r.WorkflowName + " " + k.step {
		case "receiver receive":
			if !strings.HasPrefix(r.IdempotencyKey, value+"-") {
				f.add("S8: run %s with key %s received %q", k.run, r.IdempotencyKey, value)
			}
		case "receiver twice":
			if value != timedOut {
				f.add("S8: run %s received its signal twice: %q", k.run, value)
			}
		case "news " + newsSignal, "news " + newsSignal + ":1":
			if value != timedOut && !e.news[value] {
				f.add("S8: run %s received %q, which nobody sent", k.run, value)
			}
		}
	}
	for i := range e.runs {
		id := e.runs[i].ID
		first, second := e.acksOf[stepKey{id, newsSignal}], e.acksOf[stepKey{id, newsSignal + ":1"}]
		if len(first) > 0 && len(second) > 0 && first[0].Value == second[0].Value && first[0].Value != timedOut {
			f.add("S8: two waits of run %s received %q", id, first[0].Value)
		}
	}
}

// addressed: S8. Each signal that was addressed to a run is seen by one of its waits.
func (f *findings) addressed(e *evidence) {
	for id, sent := range e.signals {
		var got []string
		for _, name := range []string{noteSignal, noteSignal + ":1"} {
			if acks := e.acksOf[stepKey{id, name}]; len(acks) > 0 {
				got = append(got, acks[0].Value)
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(sent)); !slices.Equal(got, want) {
			f.add("S8: run %s was sent %q and received %q", id, want, got)
		}
	}
}

// sleeps: S10. No sleep ends before its time, counted from when it was first called.
func (f *findings) sleeps(e *evidence) {
	const tolerance = int64(2 * time.Millisecond) // times are rounded to milliseconds on the way
	for k, calls := range e.callsOf {
		due := calls[0].Due
		for _, c := range calls {
			due = min(due, c.Due)
		}
		for _, a := range e.acksOf[k] {
			if !a.Failed && a.At < due-tolerance {
				f.add("S10: sleep %s of run %s ended %v early", k.step, k.run, time.Duration(due-a.At))
			}
		}
	}
}
