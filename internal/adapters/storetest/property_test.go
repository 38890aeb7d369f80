package storetest_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

var namespaces atomic.Int64

// agree drives the stores with the same random commands. Every answer, and after each command the whole
// state, must be the model's, which is the first.
func agree(t *testing.T, systems ...system) func(*rapid.T) {
	t.Helper()
	ctx := t.Context()
	return func(rt *rapid.T) {
		w := newWorld(rt, ctx, fmt.Sprintf("ns-%d", namespaces.Add(1)), systems)
		rt.Repeat(map[string]func(*rapid.T){
			"create":       w.action(w.create),
			"claim":        w.action(w.claim),
			"claimMore":    w.action(w.claim),
			"claimStill":   w.action(w.claim),
			"commit":       w.action(w.commit),
			"commitMore":   w.action(w.commit),
			"commitStill":  w.action(w.commit),
			"commitAgain":  w.action(w.commit),
			"send":         w.action(w.send),
			"sendMore":     w.action(w.send),
			"reclaim":      w.action(w.reclaim),
			"extend":       w.action(w.extend),
			"readOrCancel": w.action(w.readOrCancel),
			"sweep":        w.action(w.sweep),
			"list":         w.action(w.list),
			"listAttempts": w.action(w.listAttempts),
			"":             w.action(func() { all(w, "the state", w.stateOf, same) }),
		})
	}
}

func (w *world) action(do func()) func(*rapid.T) {
	return func(t *rapid.T) {
		w.T = t
		do()
	}
}

func TestSQLiteAgreesWithMemory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, agree(t, inMemory(), onSQLite(t)))
}

// TestDisagreementsAreFound: the comparison is worth what it finds.
func TestDisagreementsAreFound(t *testing.T) {
	t.Parallel()
	for name, broken := range brokenSystems() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recorder{name: t.Name()}
			for range 20 { // one round of checks finds it nearly always, which is not enough for a test
				if check(r, agree(t, inMemory(), broken)); r.failed {
					break
				}
			}
			if !r.failed || !strings.Contains(r.text.String(), "disagree") {
				t.Errorf("a store that %s passed: %s", name, r.text.String())
			}
		})
	}
}

// check checks in a goroutine of its own, which a failing check ends.
func check(r *recorder, property func(*rapid.T)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		rapid.Check(r, property)
	}()
	<-done
}
