package storetest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// poison is a value that cannot be stored.
func (w *world) poison() json.RawMessage {
	return json.RawMessage(oneOf(w, "poison", `"\u0000"`, `{"a":`, "\"\xff\"", `"\ud800"`))
}

func (w *world) payload(what string) json.RawMessage {
	return json.RawMessage(oneOf(w, what, `null`, `1`, `""`, `[]`, `{}`, `{"a":[1,null,"x"]}`, `9007199254740993`, "\"\u2028 😀\"", ``))
}

// payloadOrNil is a value, none, or now and then one that cannot be stored.
func (w *world) payloadOrNil(what string) json.RawMessage {
	if w.chance("poisoned "+what, 40) {
		return w.poison()
	}
	return w.value(what)
}

func (w *world) value(what string) json.RawMessage {
	if p := w.payload(what); len(p) > 0 {
		return p
	}
	return nil
}

// newRun is due since a moment of its own, or in many hours.
func (w *world) newRun() domain.NewRun {
	k := oneOf(w, "workflow", workflows...)
	n := domain.NewRun{ID: w.id("run"), WorkflowName: k.Name, Version: k.Version, Input: w.value("input")}
	n.StartAt = w.dueSince.Add(time.Duration(w.next) * time.Minute)
	switch rapid.IntRange(0, 9).Draw(w.T, "start") {
	case 0:
		n.StartAt = time.Now().Add(farAway)
	case 1:
		n.StartAt, n.StartAfter = time.Time{}, farAway
	}
	switch rapid.IntRange(0, 9).Draw(w.T, "deadline") {
	case 0:
		n.DeadlineAt = time.Now().Add(-time.Hour)
	case 1:
		n.DeadlineAt = time.Now().Add(farAway)
	}
	if w.chance("key", 4) {
		n.IdempotencyKey = oneOf(w, "key", "k", "l")
	}
	if steps := w.ofKind(domain.KindWorkflow); len(steps) > 0 && w.chance("child of a step", 8) {
		if step := oneOf(w, "step", steps...).Attempt.ID; !w.parents[step] {
			w.parents[step] = true
			n.ParentNamespaceID, n.ParentAttemptID = w.stores[0].Namespace(), step
		}
	}
	if w.chance("known id", 15) {
		n.ID = w.run()
	}
	if w.chance("history", 5) {
		n.Config = domain.RerunConfig(nil, w.run(), "step")
		for range rapid.IntRange(1, 3).Draw(w.T, "attempts") {
			n.History = append(n.History, w.past())
		}
	}
	return n
}

// past is an attempt that a run begins with, now and then one that is refused.
func (w *world) past() domain.StepAttempt {
	a := w.attempt(oneOf(w, "kind", domain.KindFunction, domain.KindSleep, domain.KindWorkflow))
	a.Status = oneOf(w, "status", domain.StepCompleted, domain.StepCompleted, domain.StepFailed)
	a.FinishedAt, a.CreatedAt = a.StartedAt.Add(time.Second), a.StartedAt
	if a.Status == domain.StepFailed {
		a.Error, a.Final = w.failure(), w.chance("final", 2)
	} else {
		a.Output = w.payloadOrNil("output")
	}
	if a.Kind == domain.KindWorkflow {
		a.ChildNamespaceID, a.ChildRunID = w.stores[0].Namespace(), oneOf(w, "child", append([]string{"nobody"}, w.existing()...)...)
	}
	if w.chance("open", 20) {
		a.Status = domain.StepRunning
	}
	if len(w.steps) > 0 && w.chance("taken", 15) {
		a.ID = oneOf(w, "step", w.steps...).Attempt.ID
	}
	return a
}

// maxRuns keeps the living few, so that much happens to each run.
const maxRuns = 6

func (w *world) living() (n int) {
	runs, err := w.stores[0].GetRuns(w.ctx, w.runs)
	w.noError(w.names[0], err)
	for _, r := range runs {
		if !r.Status.Terminal() {
			n++
		}
	}
	return n
}

func (w *world) create() {
	batch := make([]domain.NewRun, rapid.IntRange(1, 3).Draw(w.T, "runs"))
	for i := range batch {
		batch[i] = w.newRun()
	}
	if w.chance("poisoned input", 20) { // alone: it would take the others with it
		batch = batch[:1]
		batch[0].Input = w.poison()
	}
	if len(w.created) > 0 && (w.living() >= maxRuns || w.chance("again", 8)) {
		batch = oneOf(w, "batch", w.created...)
	}
	batch = repeatsLast(batch)
	w.created = append(w.created, batch)
	got := all(w, fmt.Sprintf("CreateRuns(%+v)", batch), func(s ports.Backend) answer[[]string] {
		return answerOf(s.CreateRuns(w.ctx, batch))
	}, same)
	for _, id := range got.Result {
		w.know(id)
	}
	for i := range batch {
		for _, a := range batch[i].History {
			a.ChildNamespaceID, a.ChildRunID = "", "" // which no transition gives
			w.steps = append(w.steps, domain.Transition{Kind: domain.FinishStep, Lease: domain.Lease{RunID: batch[i].ID}, Attempt: a})
		}
	}
}

// repeatsLast puts the runs whose id another of the batch has to its end: what comes after them Postgres makes in a second
// transaction, and so perhaps a millisecond later, which the order of lists shows.
func repeatsLast(batch []domain.NewRun) []domain.NewRun {
	var first, repeats []domain.NewRun
	seen := make(map[string]bool)
	for _, n := range batch {
		if seen[n.ID] {
			repeats = append(repeats, n)
		} else {
			first = append(first, n)
		}
		seen[n.ID] = true
	}
	return append(first, repeats...)
}

func (w *world) know(id string) {
	if !slices.Contains(w.runs, id) {
		w.runs = append(w.runs, id)
	}
}

// existing lists the runs that there are, by the model.
func (w *world) existing() (ids []string) {
	runs, err := w.stores[0].GetRuns(w.ctx, w.runs)
	w.noError(w.names[0], err)
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

// claimable lists the runs of these workflows that can be claimed now, by the model.
func (w *world) claimable(keys []domain.WorkflowKey) (out []domain.Run) {
	runs, err := w.stores[0].GetRuns(w.ctx, w.runs)
	w.noError(w.names[0], err)
	for _, r := range runs {
		if domain.Claimable(&r, time.Now()) && slices.Contains(keys, domain.WorkflowKey{Name: r.WorkflowName, Version: r.Version}) {
			out = append(out, r)
		}
	}
	return out
}

// ordered reports whether the runs became due at times that are clearly apart: only then is the order of
// claims the same everywhere.
func ordered(runs []domain.Run) bool {
	slices.SortFunc(runs, func(a, b domain.Run) int { return domain.DueAt(&a).Compare(domain.DueAt(&b)) })
	for i := 1; i < len(runs); i++ {
		if domain.DueAt(&runs[i]).Sub(domain.DueAt(&runs[i-1])) < pace {
			return false
		}
	}
	return true
}

func (w *world) claim() {
	req := ports.ClaimRequest{WorkerID: oneOf(w, "worker", workers...), Limit: 1000, LeaseDuration: leaseTime}
	req.Workflows = rapid.Permutation(workflows).Draw(w.T, "workflows")[:rapid.IntRange(1, 3).Draw(w.T, "named")]
	if len(w.runs) > 0 && w.chance("exclude", 5) {
		req.Exclude = []string{w.run(), w.run()}
	}
	due := w.claimable(req.Workflows)
	if ordered(due) {
		req.Limit = rapid.IntRange(0, 3).Draw(w.T, "limit")
	}
	// A lease that ends at once leads to a takeover by the next claim; a second one would have to be waited for.
	neverTaken := !slices.ContainsFunc(due, func(r domain.Run) bool { return r.Recoveries > 0 || r.WorkerID != "" })
	if neverTaken && w.chance("short lease", 6) {
		req.LeaseDuration = shortLease
	}
	inOrder := ordered(due)
	got := all(w, fmt.Sprintf("ClaimRuns(%+v)", req), func(s ports.Backend) ports.ClaimResult {
		res, err := s.ClaimRuns(w.ctx, req)
		w.noError("ClaimRuns", err)
		res.NextDeadline = time.Time{} // not all look for it
		if !inOrder {
			slices.SortFunc(res.Runs, func(a, b domain.Run) int { return strings.Compare(a.ID, b.ID) })
		}
		return res
	}, same)
	for _, r := range got.Runs {
		w.leases = append(w.leases, domain.Lease{RunID: r.ID, WorkerID: r.WorkerID, Epoch: r.Attempts})
	}
	if len(got.Runs) > 0 && req.LeaseDuration == shortLease {
		w.apart(2 * shortLease) // over in every store
	}
}

func (w *world) reclaim() {
	l := w.lease()
	if parked := w.parked(); len(parked) > 0 && !w.chance("any", 4) {
		l = oneOf(w, "parked", parked...)
	}
	req := ports.ReclaimRequest{RunID: l.RunID, WorkerID: oneOf(w, "worker", workers...), Epoch: l.Epoch, LeaseDuration: leaseTime}
	got := all(w, fmt.Sprintf("ReclaimRun(%+v)", req), func(s ports.Backend) answer[ports.ReclaimResult] {
		res, err := s.ReclaimRun(w.ctx, req)
		if err != nil {
			res = ports.ReclaimResult{}
		}
		return answerOf(res, err)
	}, same)
	if r := got.Result.Run; got.Err == nil {
		w.leases = append(w.leases, domain.Lease{RunID: r.ID, WorkerID: r.WorkerID, Epoch: r.Attempts})
	}
}

// parked lists what a reclaim would succeed with, by the model.
func (w *world) parked() (out []domain.Lease) {
	runs, err := w.stores[0].GetRuns(w.ctx, w.runs)
	w.noError(w.names[0], err)
	for _, r := range runs {
		if r.Parked() {
			out = append(out, domain.Lease{RunID: r.ID, Epoch: r.Attempts})
		}
	}
	slices.SortFunc(out, func(a, b domain.Lease) int { return slices.Index(w.runs, a.RunID) - slices.Index(w.runs, b.RunID) })
	return out
}

func (w *world) extend() {
	req := ports.LeaseRequest{WorkerID: oneOf(w, "worker", workers...), Duration: leaseTime}
	for range rapid.IntRange(1, 4).Draw(w.T, "leases") {
		l := w.lease()
		l.WorkerID = req.WorkerID
		if !slices.ContainsFunc(req.Leases, func(o domain.Lease) bool { return o.RunID == l.RunID }) {
			req.Leases = append(req.Leases, l)
		}
	}
	all(w, fmt.Sprintf("ExtendLeases(%+v)", req), func(s ports.Backend) ports.LeaseResult {
		res, err := s.ExtendLeases(w.ctx, req)
		w.noError("ExtendLeases", err)
		slices.Sort(res.Lost)
		return res
	}, same)
}

func (w *world) signal() domain.Signal {
	sig := domain.Signal{ID: w.id("signal"), Name: oneOf(w, "signal", signals...), Data: w.payloadOrNil("data")}
	sig.Key = sig.ID
	switch rapid.IntRange(0, 3).Draw(w.T, "to") {
	case 0:
		sig.RunID = w.run()
	case 1:
		sig.Buffer = farAway
	}
	if len(w.signals) > 0 && w.chance("again", 5) {
		again := oneOf(w, "again", w.signals...)
		again.ID = sig.ID
		return again
	}
	w.signals = append(w.signals, sig)
	return sig
}

func (w *world) send() {
	batch := make([]domain.Signal, rapid.IntRange(1, 3).Draw(w.T, "signals"))
	for i := range batch {
		batch[i] = w.signal()
	}
	all(w, fmt.Sprintf("SendSignals(%+v)", batch), func(s ports.Backend) []ports.SignalResult {
		res, err := s.SendSignals(w.ctx, batch)
		w.noError("SendSignals", err)
		return res
	}, same)
}

func (w *world) cancel() {
	id := w.run()
	all(w, "CancelRun("+id+")", func(s ports.Backend) answer[domain.Run] {
		r, err := s.CancelRun(w.ctx, id)
		if err != nil {
			r = domain.Run{}
		}
		return answerOf(r, err)
	}, same)
}

func (w *world) readOrCancel() {
	if w.chance("cancel", 4) {
		w.cancel()
		return
	}
	w.read()
}

func (w *world) sweep() {
	req := ports.SweepRequest{Workflows: workflows, Limit: 1000}
	all(w, "Sweep", func(s ports.Backend) ports.SweepResult {
		res, err := s.Sweep(w.ctx, req)
		w.noError("Sweep", err)
		return res
	}, same)
}

func (w *world) read() {
	ids := []string{w.run(), w.run(), "unknown"}
	byID := func(a, b domain.Run) int { return strings.Compare(a.ID, b.ID) }
	all(w, fmt.Sprintf("GetRuns(%v)", ids), func(s ports.Backend) []domain.Run {
		runs, err := s.GetRuns(w.ctx, ids)
		w.noError("GetRuns", err)
		slices.SortFunc(runs, byID)
		return runs
	}, same)
	all(w, fmt.Sprintf("RunStates(%v)", ids), func(s ports.Backend) []domain.RunState {
		states, err := s.RunStates(w.ctx, ids)
		w.noError("RunStates", err)
		slices.SortFunc(states, func(a, b domain.RunState) int { return strings.Compare(a.ID, b.ID) })
		return states
	}, same)
	all(w, "LoadHistories", func(s ports.Backend) []domain.History {
		res, err := s.LoadHistories(w.ctx, ports.HistoryRequest{RunIDs: ids[:1], OpenOnly: true})
		w.noError("LoadHistories", err)
		return res.Histories
	}, same)
}

// listAttempts reads a page of a run's attempts, whose creation times are the caller's.
func (w *world) listAttempts() {
	id, p := w.run(), ports.PageRequest{Limit: rapid.IntRange(1, 4).Draw(w.T, "limit")}
	if len(w.steps) > 0 {
		a := oneOf(w, "cursor", w.steps...)
		id = a.Lease.RunID
		switch c := (&domain.Cursor{CreatedAt: a.Attempt.StartedAt, ID: a.Attempt.ID}); rapid.IntRange(0, 2).Draw(w.T, "side") {
		case 1:
			p.After = c
		case 2:
			p.Before = c
		}
	}
	all(w, fmt.Sprintf("ListStepAttempts(%s, %+v)", id, p), func(s ports.Backend) ports.Page[domain.StepAttempt] {
		page, err := s.ListStepAttempts(w.ctx, id, p)
		w.noError("ListStepAttempts", err)
		return page
	}, same)
}

// list reads a page at a cursor that is each store's own: the creation times differ.
func (w *world) list() {
	f := ports.RunFilter{
		Status:       oneOf(w, "status", "", "", domain.RunPending, domain.RunRunning, domain.RunCompleted, domain.RunCanceled),
		WorkflowName: oneOf(w, "name", "", "", "a", "b"), Version: oneOf(w, "version", "", "", "v1"),
		IdempotencyKey: oneOf(w, "key", "", "", "", "k"), WorkerID: oneOf(w, "worker", append([]string{"", "", "", ""}, workers...)...),
		Live: w.chance("live", 4), WithoutPayloads: w.chance("without payloads", 4),
	}
	limit, at := rapid.IntRange(1, 5).Draw(w.T, "limit"), rapid.IntRange(0, 10).Draw(w.T, "at")
	side := rapid.IntRange(0, 2).Draw(w.T, "side")
	all(w, fmt.Sprintf("ListRuns(%+v, limit %d, side %d of item %d)", f, limit, side, at), func(s ports.Backend) ports.Page[domain.Run] {
		whole, err := s.ListRuns(w.ctx, ports.RunFilter{}, ports.PageRequest{Limit: 10000})
		w.noError("ListRuns", err)
		p := ports.PageRequest{Limit: limit}
		if at < len(whole.Items) {
			c := &domain.Cursor{CreatedAt: whole.Items[at].CreatedAt, ID: whole.Items[at].ID}
			switch side {
			case 1:
				p.After = c
			case 2:
				p.Before = c
			}
		}
		page, err := s.ListRuns(w.ctx, f, p)
		w.noError("ListRuns", err)
		return page
	}, same)
}
