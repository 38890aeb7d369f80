package backendtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func createCases() []testCase {
	return []testCase{
		{"Row", createRow},
		{"StartAfter", createStartAfter},
		{"StartAt", createStartAt},
		{"SameIDAgain", createSameID},
		{"SameIDsUnderConcurrency", createSameIDsConcurrent},
		{"SameIDInABatch", createSameIDInBatch},
		{"KeyBesideAKnownRun", createKeyBesideKnown},
		{"OrderOfAnswers", createOrder},
		{"KeyReturnsTheFirst", createKey},
		{"KeyBindsAfterTheEnd", createKeyAfterEnd},
		{"KeyWithinABatch", createKeyInBatch},
		{"KeyWindowExpires", createKeyWindow},
		{"KeyUnderConcurrency", createKeyConcurrent},
		{"KeysInCrossedBatches", createKeysCrossed},
	}
}

func withKey(key string) func(*backend.NewRun) {
	return func(n *backend.NewRun) { n.IdempotencyKey = key }
}

func createRow(f *fixture) {
	_, l := f.owned()
	parent := startStep(l, "parent")
	f.ok(parent)
	n := f.newRun(withKey("k"), func(n *backend.NewRun) {
		n.Version, n.Context = "v1", json.RawMessage(`{"traceContext":{"x":"y"}}`)
		n.Config = json.RawMessage(`{"rerunOf":"another","limit":[1]}`)
		n.DeadlineAt = time.Now().Add(nextHour)
		n.ParentNamespaceID, n.ParentAttemptID = f.b.Namespace(), parent.Attempt.ID
	})
	var got backend.Run
	s := f.during(func() { got = f.createAll(n)[0] })
	want := backend.Run{
		NamespaceID: f.b.Namespace(), ID: n.ID, WorkflowName: n.WorkflowName, Version: "v1", Status: backend.RunPending,
		IdempotencyKey: "k", Config: n.Config, Context: n.Context, Input: n.Input,
		ParentNamespaceID: n.ParentNamespaceID, ParentAttemptID: n.ParentAttemptID,
		AvailableAt: moment, DeadlineAt: n.DeadlineAt, CreatedAt: moment, UpdatedAt: moment,
	}
	f.sameRow("the created run", s, got, want)
	if got.CreatedAt.Nanosecond()%int(time.Millisecond) != 0 {
		f.Errorf("created_at %v is finer than a millisecond: cursors of other languages would lose it", got.CreatedAt)
	}
	bare := f.createAll(backend.NewRun{ID: backend.NewID(), WorkflowName: "bare"})[0]
	if !sameJSON(bare.Input, json.RawMessage("null")) || string(bare.Config) != "{}" || bare.Version != "" || bare.IdempotencyKey != "" || !bare.DeadlineAt.IsZero() {
		f.Errorf("a run with nothing set was stored as %+v", bare)
	}
}

func createStartAfter(f *fixture) {
	r := f.create(func(n *backend.NewRun) { n.StartAfter = 300 * time.Millisecond })
	if d := r.AvailableAt.Sub(r.UpdatedAt); (d - 300*time.Millisecond).Abs() > 2*precision {
		f.Errorf("available %v after creation, want 300ms", d)
	}
	_, now := f.claimEventually(f.claimRequest(1), r.ID)
	if now.Before(r.AvailableAt.Add(-precision)) {
		f.Errorf("claimed at %v, before its start at %v", now, r.AvailableAt)
	}
}

func createStartAt(f *fixture) {
	at := time.Now().Add(nextHour)
	r := f.create(func(n *backend.NewRun) { n.StartAt, n.StartAfter = at, time.Second })
	if !(span{}).sameTime(r.AvailableAt, at) {
		f.Errorf("available at %v, want %v", r.AvailableAt, at)
	}
	if res := f.tryClaim(f.claimRequest(1)); len(res.Runs) > 0 {
		f.Errorf("claimed before its start")
	}
}

func createSameID(f *fixture) {
	n := f.newRun()
	first := f.createAll(n)[0]
	n.Input, n.WorkflowName = json.RawMessage(`"another"`), "another"
	f.unchanged("creating with a known id", func() {
		f.sameRow("the run of the known id", span{}, f.createAll(n)[0], first)
	})
	r := f.claim(first.ID)
	f.ok(complete(leaseOf(r), `1`))
	if again := f.createAll(n)[0]; again.Status != backend.RunCompleted {
		f.Errorf("after its end, the run of the known id is answered as %s", again.Status)
	}
}

// createSameIDsConcurrent repeats a batch before it is known whether it succeeded, with other runs in between.
func createSameIDsConcurrent(f *fixture) {
	const callers = 6
	for range 5 {
		before, err := f.b.CountRuns(f.ctx)
		f.noError(err, "CountRuns")
		shared := make([]backend.NewRun, 10)
		for i := range shared {
			shared[i] = f.newRun()
		}
		keyed := f.newRun(withKey(shared[0].ID))
		for _, problem := range together(callers, func(i int) string {
			batch := slices.Concat(shared[i:], []backend.NewRun{f.newRun(), keyed}, shared[:i])
			ids, err := f.b.CreateRuns(f.ctx, batch)
			if want := newIDs(batch); err != nil || !slices.Equal(ids, want) {
				return fmt.Sprintf("%v, %v, want %v", ids, err, want)
			}
			return ""
		}) {
			if problem != "" {
				f.Fatal(problem)
			}
		}
		after, err := f.b.CountRuns(f.ctx)
		f.noError(err, "CountRuns")
		if made := after.Pending - before.Pending; made != int64(len(shared)+1+callers) {
			f.Fatalf("%d runs were made, want %d", made, len(shared)+1+callers)
		}
	}
}

// createSameIDInBatch has ids twice in a batch, of which the first may be of no effect, as its key binds to another run.
func createSameIDInBatch(f *fixture) {
	known, bound := f.newRun(), f.newRun(withKey("k"))
	f.createAll(known, bound)
	plain, keyed, second := f.newRun(), f.newRun(withKey("k")), f.newRun(withKey("k"))
	unkeyed, otherwise := keyed, second
	unkeyed.IdempotencyKey, otherwise.IdempotencyKey = "", "other"
	for _, tc := range []struct {
		batch []backend.NewRun
		first string
	}{
		{[]backend.NewRun{plain, plain, known}, plain.ID},
		{[]backend.NewRun{keyed, unkeyed, known}, bound.ID},
		{[]backend.NewRun{second, otherwise, known}, bound.ID},
	} {
		made := tc.batch[1].ID
		for _, want := range [][]string{{tc.first, made, known.ID}, {made, made, known.ID}} { // the second time its id is known
			ids, err := f.b.CreateRuns(f.ctx, tc.batch)
			f.noError(err, "CreateRuns")
			if !slices.Equal(ids, want) {
				f.Errorf("the answer is %v, want %v", ids, want)
			}
		}
		f.get(made)
	}
	counts, err := f.b.CountRuns(f.ctx)
	f.noError(err, "CountRuns")
	if counts.Pending != 5 {
		f.Errorf("%d runs were made, want 5", counts.Pending)
	}
}

func newIDs(runs []backend.NewRun) (ids []string) {
	for _, n := range runs {
		ids = append(ids, n.ID)
	}
	return ids
}

// createKeyBesideKnown creates a run by its key in the same call as one that exists.
func createKeyBesideKnown(f *fixture) {
	known := f.newRun()
	f.createAll(known)
	for round := range 10 {
		key := fmt.Sprint("k", round)
		got := together(8, func(int) string {
			ids, err := f.b.CreateRuns(f.ctx, []backend.NewRun{known, f.newRun(withKey(key))})
			if err != nil || len(ids) != 2 {
				return fmt.Sprint("error: ", err)
			}
			return ids[1]
		})
		for _, id := range got {
			if id != got[0] {
				f.Fatalf("one key gave several answers: %v", got)
			}
		}
	}
}

func createOrder(f *fixture) {
	known, keyed := f.newRun(), f.newRun(withKey("k"))
	f.createAll(known, keyed)
	again := f.newRun(withKey("k"))
	a, b := f.newRun(), f.newRun()
	got := f.createAll(b, again, known, a)
	f.sameIDs("answers", runIDs(got), []string{b.ID, keyed.ID, known.ID, a.ID})
	if got := f.createAll(); len(got) != 0 {
		f.Errorf("an empty batch made %d runs", len(got))
	}
}

func createKey(f *fixture) {
	first := f.create(withKey("k"))
	again := f.create(withKey("k"), func(n *backend.NewRun) { n.Version, n.Input = "v2", json.RawMessage(`2`) })
	f.sameRow("the run of the key", span{}, again, first)
	if other := f.create(withKey("k"), func(n *backend.NewRun) { n.WorkflowName = "other" }); other.ID == first.ID {
		f.Errorf("another workflow's key found this one's run")
	}
	if other := f.create(withKey("K")); other.ID == first.ID {
		f.Errorf("keys are compared without case")
	}
}

func createKeyAfterEnd(f *fixture) {
	r, l := f.owned(withKey("k"))
	f.ok(complete(l, `"done"`))
	again := f.create(withKey("k"))
	if again.ID != r.ID || again.Status != backend.RunCompleted {
		f.Errorf("got run %s (%s), want %s as it ended", again.ID, again.Status, r.ID)
	}
}

func createKeyInBatch(f *fixture) {
	a, b, c := f.newRun(withKey("k")), f.newRun(withKey("k")), f.newRun(withKey("other"))
	got := f.createAll(a, b, c)
	f.sameIDs("answers", runIDs(got), []string{a.ID, a.ID, c.ID})
	counts, err := f.b.CountRuns(f.ctx)
	f.noError(err, "CountRuns")
	if counts.Pending != 2 {
		f.Errorf("%d runs were made, want 2", counts.Pending)
	}
}

func createKeyWindow(f *fixture) {
	short := func(n *backend.NewRun) { n.IdempotencyWindow = 200 * time.Millisecond }
	first := f.create(withKey("k"), short)
	f.pass(first.CreatedAt.Add(210 * time.Millisecond))
	second := f.create(withKey("k"), short)
	if second.ID == first.ID {
		f.Fatalf("the key still binds after its window")
	}
	if third := f.create(withKey("k")); third.ID != first.ID {
		f.Errorf("a day's window found %s, want the oldest run in it, %s (the second is %s)", third.ID, first.ID, second.ID)
	}
}

func createKeyConcurrent(f *fixture) {
	for round := range 5 {
		key := fmt.Sprint("k", round)
		got := together(8, func(int) string {
			ids, err := f.b.CreateRuns(f.ctx, []backend.NewRun{f.newRun(withKey(key))})
			if err != nil || len(ids) != 1 {
				return fmt.Sprint("error: ", err)
			}
			return ids[0]
		})
		for _, id := range got {
			if id != got[0] {
				f.Fatalf("one key gave several answers: %v", got)
			}
		}
	}
}

// createKeysCrossed creates batches whose keys come in opposite orders: a backend that locks them as they
// come deadlocks.
func createKeysCrossed(f *fixture) {
	for round := range 5 {
		keys := []string{fmt.Sprint("a", round), fmt.Sprint("b", round), fmt.Sprint("c", round)}
		got := together(6, func(i int) string {
			batch := []backend.NewRun{f.newRun(withKey(keys[0])), f.newRun(withKey(keys[1])), f.newRun(withKey(keys[2]))}
			if i%2 == 1 {
				batch[0], batch[2] = batch[2], batch[0]
			}
			ids, err := f.b.CreateRuns(f.ctx, batch)
			if err != nil || len(ids) != 3 {
				return fmt.Sprint("error: ", err)
			}
			if i%2 == 1 {
				ids[0], ids[2] = ids[2], ids[0]
			}
			return fmt.Sprint(ids)
		})
		for _, ids := range got {
			if ids != got[0] {
				f.Fatalf("the keys gave several answers: %v", got)
			}
		}
	}
}

// together runs n calls at once and collects their answers.
func together[T any](n int, call func(i int) T) []T {
	out := make([]T, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			<-start
			out[i] = call(i)
		}()
	}
	close(start)
	wg.Wait()
	return out
}
