package interop_test

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestResults: one language's client starts a run and reads its result, the other one's worker executes it.
func TestResults(t *testing.T) {
	directions(t, func(t *testing.T, w *world, from, to string) {
		client, worker := w.side(t, from), w.side(t, to)
		worker.work(t, workflows("echo"))
		values := map[string]any{
			"null":    nil,
			"true":    true,
			"text":    "plain",
			"empty":   []any{"", []any{}, map[string]any{}},
			"nested":  map[string]any{"a": []any{1, map[string]any{"b": nil, "snake_case": []any{[]any{}}}}, "Ünï": map[string]any{"": 1}},
			"unicode": "é 漢字 🙂 \u2028\u2029 \u0001 \" \\ </script> & 'x' \uFFFD \U0010FFFF",
			"numbers": []any{0, -1, 0.1, 1e21, 1e-7, math.MaxInt32, 1<<53 - 1, -(1 << 53), math.MaxFloat64, math.SmallestNonzeroFloat64, 123456789.123456789},
			"long":    strings.Repeat("long ", 50_000),
		}
		runs := map[string]string{}
		for name, value := range values {
			runs[name] = client.start(t, "echo", value, startOptions{})
		}
		for name, value := range values {
			got, err := client.result(t, "echo", runs[name])
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			wantJSON(t, got, value)
			for _, reader := range []side{client, worker} {
				r := reader.read(t, runs[name])
				if r.Status != "completed" || r.Error != nil {
					t.Errorf("%s: status %s, error %v", name, r.Status, r.Error)
				}
				wantJSON(t, []any{r.Input, r.Output}, []any{value, value})
			}
		}
	})
}

// TestLists: both languages list and count the same runs and steps in the same order, over several pages.
func TestLists(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		inGo, inTS := w.side(t, "go"), w.side(t, "ts")
		var newestFirst []string
		for i := range 11 {
			s := []side{inGo, inTS}[i%2]
			id := s.start(t, "listed", ops(), startOptions{})
			newestFirst = slices.Insert(newestFirst, 0, id)
			w.exec(`UPDATE `+w.schema+`.workflow_runs SET created_at = created_at + $2 * interval '1 ms' WHERE id = $1`, id, i)
			if i < 3 {
				if err := s.cancel(id); err != nil {
					t.Fatal(err)
				}
			}
		}
		var list []op
		for i := range 7 {
			list = append(list, op{Do: "run", Name: "step", Value: i})
		}
		long := run(t, inTS, "long", ops(list...))
		inGo.work(t, workflows("long"))
		if _, err := inGo.result(t, "long", long); err != nil {
			t.Fatal(err)
		}
		if g, n := inGo.list(t, "listed", 3), inTS.list(t, "listed", 3); !slices.Equal(g, newestFirst) || !slices.Equal(n, newestFirst) {
			t.Errorf("Go lists %v, TypeScript %v, want %v", g, n, newestFirst)
		}
		want := []string{"step", "step:1", "step:2", "step:3", "step:4", "step:5", "step:6"}
		if g, n := inGo.steps(t, long, 3), inTS.steps(t, long, 3); !slices.Equal(g, want) || !slices.Equal(n, want) {
			t.Errorf("Go lists steps %v, TypeScript %v", g, n)
		}
		if g, n := inGo.counts(t), inTS.counts(t); g != n || g != (counts{Pending: 8, Completed: 1, Canceled: 3}) {
			t.Errorf("Go counts %v, TypeScript %v", g, n)
		}
	})
}
