package interop_test

import (
	"fmt"
	"sync"
	"testing"
)

// TestIdempotencyKeys: the same key from both languages at once makes one run.
func TestIdempotencyKeys(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		names := []string{"w", `quoted " \ / <&>`, "ünï 漢字🙂\u2028\u007f\b\f\n\r\t\u0001"}
		for i := range 30 {
			workflow := names[i%len(names)]
			key := fmt.Sprintf("%s key %d", names[(i/3)%len(names)], i)
			var callers sync.WaitGroup
			ids := make([]string, 6)
			for c := range ids {
				s := []side{inGo, inTS}[c%2]
				callers.Go(func() { ids[c] = s.start(t, workflow, ops(), startOptions{key: key}) })
			}
			callers.Wait()
			for _, id := range ids {
				if id == "" || id != ids[0] {
					t.Fatalf("workflow %q, key %q: runs %v", workflow, key, ids)
				}
			}
		}
		if n := w.count(`SELECT count(*) FROM {}.workflow_runs`); n != 30 {
			t.Errorf("30 keys made %d runs", n)
		}
	})
}
