package interop_test

import (
	"fmt"
	"testing"
	"time"
)

// TestSoak: two TypeScript and two Go workers are registered for the same workflows and pass runs to one another
// for as long as there are any.
func TestSoak(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		const runs = 100
		var workers []side
		for i := range 4 {
			s := w.side(t, sides[i%2])
			s.work(t, workflows("w", "child"))
			workers = append(workers, s)
		}
		ids := make([]string, runs)
		for i := range ids {
			ids[i] = run(t, workers[i%4], "w", soakScript(i))
		}
		done := make(chan struct{})
		told := make(chan struct{})
		go func() { // both languages tell the runs to go on until all have
			defer close(told)
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				case <-time.After(50 * time.Millisecond):
				}
				workers[i%4].signal(t, fmt.Sprint("signal ", i%7), i, "")
			}
		}()
		reader := w.side(t, "go")
		for i, id := range ids {
			out, err := reader.result(t, "w", id)
			if err != nil {
				t.Errorf("run %d: %v", i, err)
				continue
			}
			checkSoak(t, i, out)
		}
		close(done)
		<-told
		w.completedOnce(t)
		c := reader.counts(t)
		if c.Completed != 2*runs || c.Pending+c.Running+c.Failed+c.Canceled != 0 {
			t.Errorf("%d runs and as many children ended as %+v", runs, c)
		}
		w.wantBothAtWork(t)
	})
}

func soakScript(i int) script {
	return ops(
		op{Do: "run", Name: "step", Value: i},
		op{Do: "sleep", Name: "nap", MS: millis(time.Duration(50+10*(i%20)) * time.Millisecond)},
		op{Do: "run", Name: "step", Value: i + 1},
		op{Do: "wait", Signal: fmt.Sprint("signal ", i%7)},
		op{Do: "child", Workflow: "child", Input: ops(op{Do: "run", Name: "a", Value: i}, op{Do: "sleep", Name: "nap", MS: millis(50 * time.Millisecond)})},
		op{Do: "send", Signal: fmt.Sprint("signal ", (i+1)%7), Value: "from a step"},
		op{Do: "all", Ops: []op{
			{Do: "sleep", Name: "long nap", MS: millis(200 * time.Millisecond)},
			{Do: "run", Name: "beside", Value: i},
			{Do: "wait", Name: "never", Signal: "never", MS: millis(100 * time.Millisecond)},
		}},
		op{Do: "run", Name: "step", Value: i + 2},
	)
}

// checkSoak checks the results that do not depend on who was faster.
func checkSoak(t *testing.T, i int, out any) {
	t.Helper()
	results := out.(map[string]any)["results"].([]any)
	value := func(v any) any { return v.(map[string]any)["value"] }
	all := results[6].([]any)
	child := results[4].(map[string]any)["results"].([]any)
	wantJSON(t, []any{value(results[0]), value(results[2]), value(child[0]), value(all[1]), value(results[7])}, []any{i, i + 1, i, i, i + 2})
	if _, ok := results[3].(map[string]any)["data"]; !ok || all[2] != nil {
		t.Errorf("run %d waited for signals and got %v and %v", i, results[3], all[2])
	}
}

// wantBothAtWork checks that runs did pass from one language to the other.
func (w *world) wantBothAtWork(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	by := map[string]map[string]bool{}
	for _, e := range w.effects {
		if by[e.run] == nil {
			by[e.run] = map[string]bool{}
		}
		by[e.run][e.by] = true
	}
	mixed := 0
	for _, langs := range by {
		if len(langs) == 2 {
			mixed++
		}
	}
	t.Logf("%d of %d runs were executed by both languages", mixed, len(by))
	if mixed == 0 {
		t.Error("no run was executed by both languages")
	}
}
