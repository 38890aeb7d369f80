package domain_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

func TestTallyOf(t *testing.T) {
	t.Parallel()
	live := []domain.RunStatus{domain.RunPending, domain.RunRunning}
	newest := domain.Scan{RunCounts: domain.RunCounts{Pending: 1, Completed: 7, Failed: 2}}
	first := domain.Scan{RunCounts: domain.RunCounts{Pending: 9, Running: 3}, Statuses: live}
	all := domain.Scan{RunCounts: domain.RunCounts{Pending: 12, Running: 3}, Statuses: live, Complete: true}
	for name, c := range map[string]struct {
		limit int64
		scans []domain.Scan
		want  domain.Tally
	}{
		"nothing was looked at": {10, nil, domain.Tally{AtLeast: domain.RunStatuses}},
		"one look at all": {10, []domain.Scan{{RunCounts: domain.RunCounts{Pending: 3, Completed: 20}, Complete: true}},
			domain.Tally{RunCounts: domain.RunCounts{Pending: 3, Completed: 10}}},
		"the best of several": {100, []domain.Scan{newest, first}, domain.Tally{
			RunCounts: domain.RunCounts{Pending: 9, Running: 3, Completed: 7, Failed: 2}, AtLeast: domain.RunStatuses}},
		"exact where one look was complete": {100, []domain.Scan{newest, first, all}, domain.Tally{
			RunCounts: domain.RunCounts{Pending: 12, Running: 3, Completed: 7, Failed: 2},
			AtLeast:   []domain.RunStatus{domain.RunCompleted, domain.RunFailed, domain.RunCanceled}}},
		"a number that reaches the limit says so itself": {7, []domain.Scan{newest, first}, domain.Tally{
			RunCounts: domain.RunCounts{Pending: 7, Running: 3, Completed: 7, Failed: 2},
			AtLeast:   []domain.RunStatus{domain.RunRunning, domain.RunFailed, domain.RunCanceled}}},
	} {
		if got := domain.TallyOf(c.limit, c.scans...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 10, 40, 0, 0, time.UTC)
	w := domain.WindowUntil(now, 3*time.Hour, 3)
	if want := time.Date(2030, 1, 2, 8, 0, 0, 0, time.UTC); !w.Start.Equal(want) || w.Width != time.Hour || len(w.Starts()) != 3 {
		t.Errorf("the window is %+v", w)
	}
	if again := domain.WindowUntil(now.Add(19*time.Minute), 3*time.Hour, 3); again != w {
		t.Errorf("a little later it is %+v", again)
	}
	for at, want := range map[time.Time]int{
		{}: -1, w.Start.Add(-1): -1, w.Start: 0, w.Start.Add(time.Hour - 1): 0, w.Start.Add(time.Hour): 1,
		now: 2, now.Add(time.Hour): 2, now.Add(1000 * time.Hour): 2,
	} {
		if got := w.Bucket(at); got != want {
			t.Errorf("%v is in bucket %d, want %d", at, got, want)
		}
	}
	for i, start := range w.Starts() {
		if w.Bucket(start) != i {
			t.Errorf("bucket %d begins at %v", i, start)
		}
	}
	if tiny := domain.WindowUntil(now, 1, 5); tiny.Width != time.Millisecond {
		t.Errorf("a window of nothing is %+v", tiny)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var ds []time.Duration
	for i := range 20 {
		ds = append(ds, time.Duration(i+1))
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.05: 1, 0.5: 10, 0.95: 19, 0.951: 20, 1: 20} {
		if got := domain.Percentile(ds, share); got != want {
			t.Errorf("%v: %v, want %v", share, got, want)
		}
	}
	if domain.Percentile(nil, 0.5) != 0 || domain.Percentile(ds[:1], 0.95) != 1 {
		t.Error("of none, and of one")
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 10, 30, 0, 0, time.UTC)
	window := domain.WindowUntil(now, 2*time.Hour, 2)
	s := domain.NewStats(window, 100)
	a, b, old := domain.WorkflowKey{Name: "a"}, domain.WorkflowKey{Name: "b", Version: "v1"}, domain.WorkflowKey{Name: "old"}
	s.Look(false)
	s.Add(domain.StatsCell{WorkflowKey: b, Status: domain.RunCompleted, Created: 0, Finished: 1, Runs: 2, Durations: []time.Duration{3, 1}})
	s.Add(domain.StatsCell{WorkflowKey: b, Status: domain.RunFailed, Created: -1, Finished: 0, Runs: 1})
	s.Add(domain.StatsCell{WorkflowKey: a, Status: domain.RunPending, Created: 1, Finished: -1, Runs: 1})
	s.Add(domain.StatsCell{WorkflowKey: old, Status: domain.RunCompleted, Created: -1, Finished: -1, Runs: 50})
	s.Look(true, domain.RunPending, domain.RunRunning)
	s.Count(a, domain.RunPending, 4)
	s.Live(a, now.Add(-time.Minute), now)
	s.Live(a, now.Add(-time.Second), now)
	s.Live(domain.WorkflowKey{Name: "asleep"}, now.Add(time.Hour), now)

	got := s.Workflows()
	if len(got) != 3 || got[0].WorkflowKey != b || got[1].WorkflowKey != a || got[2].Name != "asleep" {
		t.Fatalf("statistics of %+v", got)
	}
	open := []domain.RunStatus{domain.RunCompleted, domain.RunFailed, domain.RunCanceled}
	want := domain.WorkflowStats{
		WorkflowKey: b, Tally: domain.Tally{RunCounts: domain.RunCounts{Completed: 2, Failed: 1}, AtLeast: open},
		Buckets: []domain.StatsBucket{{Start: window.Start, Started: 2, Failed: 1}, {Start: window.Start.Add(time.Hour), Completed: 2}},
		P50:     1, P95: 3,
	}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("b: %+v, want %+v", got[0], want)
	}
	if got[1].Pending != 4 || !got[1].OldestDue.Equal(now.Add(-time.Minute)) || !got[2].OldestDue.IsZero() {
		t.Errorf("a: %+v, asleep: %+v", got[1], got[2])
	}
}
