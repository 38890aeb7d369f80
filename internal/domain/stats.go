package domain

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// StatsWindow is a stretch of time, cut into buckets of equal width.
type StatsWindow struct {
	Start time.Time
	Width time.Duration // of a bucket
	Count int
}

// WindowUntil is the window of about that length that now is in the last bucket of. Buckets begin at
// multiples of their width, so that a later look has the same ones.
func WindowUntil(now time.Time, length time.Duration, buckets int) StatsWindow {
	width := max(length/time.Duration(buckets), time.Millisecond).Truncate(time.Millisecond)
	last := now.UTC().Truncate(width)
	return StatsWindow{Start: last.Add(-time.Duration(buckets-1) * width), Width: width, Count: buckets}
}

// Bucket is the index of the bucket that t is in, -1 if it is in none. What is later than the window counts
// to its last bucket: clocks differ a little.
func (w StatsWindow) Bucket(t time.Time) int {
	if t.IsZero() || t.Before(w.Start) {
		return -1
	}
	return min(int(t.Sub(w.Start)/w.Width), w.Count-1)
}

// Starts are the beginnings of the buckets.
func (w StatsWindow) Starts() []time.Time {
	out := make([]time.Time, w.Count)
	for i := range out {
		out[i] = w.Start.Add(time.Duration(i) * w.Width)
	}
	return out
}

// WorkflowStats summarises the runs of one workflow and version.
type WorkflowStats struct {
	WorkflowKey
	Tally
	Buckets   []StatsBucket
	P50, P95  time.Duration // created to finished, of the runs that completed in the window
	OldestDue time.Time     // when the oldest run that can be claimed became due
}

// StatsBucket counts what happened in a stretch of time.
type StatsBucket struct {
	Start                      time.Time
	Started, Completed, Failed int64
}

// StatsCell are runs of one workflow and status that were created and finished in the same buckets.
type StatsCell struct {
	WorkflowKey
	Status            RunStatus
	Created, Finished int // buckets; -1 is outside the window
	Runs              int64
	Durations         []time.Duration // created to finished, of the completed ones
}

// Stats gathers what stores have looked at into summaries. Make it with NewStats.
type Stats struct {
	window StatsWindow
	limit  int64
	groups map[WorkflowKey]*statsGroup
	scans  []Scan // what the looks could hold, without numbers
}

type statsGroup struct {
	seen      bool // in the window, or waiting
	scans     []RunCounts
	buckets   []StatsBucket
	durations []time.Duration
	oldestDue time.Time
}

// NewStats gathers for the window; the all-time numbers are cut at limit.
func NewStats(window StatsWindow, limit int64) *Stats {
	return &Stats{window: window, limit: limit, groups: make(map[WorkflowKey]*statsGroup)}
}

func (s *Stats) group(key WorkflowKey) *statsGroup {
	g := s.groups[key]
	if g == nil {
		g = &statsGroup{buckets: make([]StatsBucket, s.window.Count)}
		for i, start := range s.window.Starts() {
			g.buckets[i].Start = start
		}
		s.groups[key] = g
	}
	for len(g.scans) < len(s.scans) {
		g.scans = append(g.scans, RunCounts{})
	}
	return g
}

// Look begins another look at the runs: those statuses (nil: all), complete or not. What is counted next
// belongs to it.
func (s *Stats) Look(complete bool, statuses ...RunStatus) {
	s.scans = append(s.scans, Scan{Statuses: statuses, Complete: complete})
}

// Count counts runs of one status in the present look.
func (s *Stats) Count(key WorkflowKey, status RunStatus, runs int64) {
	s.group(key).scans[len(s.scans)-1].Add(string(status), runs)
}

// Add counts a cell in the present look, and what happened in the window.
func (s *Stats) Add(c StatsCell) {
	s.Count(c.WorkflowKey, c.Status, c.Runs)
	g := s.group(c.WorkflowKey)
	if c.Created >= 0 {
		g.buckets[c.Created].Started += c.Runs
		g.seen = true
	}
	if c.Finished < 0 {
		return
	}
	g.seen = true
	switch c.Status {
	case RunCompleted:
		g.buckets[c.Finished].Completed += c.Runs
		g.durations = append(g.durations, c.Durations...)
	case RunFailed:
		g.buckets[c.Finished].Failed += c.Runs
	}
}

// Live notes that a workflow has runs that have not ended, and when the first of them can be claimed.
func (s *Stats) Live(key WorkflowKey, due, now time.Time) {
	g := s.group(key)
	g.seen = true
	if !due.IsZero() && !due.After(now) && (g.oldestDue.IsZero() || due.Before(g.oldestDue)) {
		g.oldestDue = due
	}
}

// Workflows are the summaries, busiest first.
func (s *Stats) Workflows() []WorkflowStats {
	out := make([]WorkflowStats, 0, len(s.groups))
	for key, g := range s.groups {
		if !g.seen {
			continue
		}
		scans := slices.Clone(s.scans)
		for i := range g.scans {
			scans[i].RunCounts = g.scans[i]
		}
		slices.Sort(g.durations)
		out = append(out, WorkflowStats{
			WorkflowKey: key, Tally: TallyOf(s.limit, scans...), Buckets: g.buckets,
			P50: Percentile(g.durations, 0.5), P95: Percentile(g.durations, 0.95), OldestDue: g.oldestDue,
		})
	}
	slices.SortFunc(out, func(a, b WorkflowStats) int {
		return cmp.Or(cmp.Compare(b.started(), a.started()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return out
}

func (w *WorkflowStats) started() (n int64) {
	for i := range w.Buckets {
		n += w.Buckets[i].Started
	}
	return n
}

// Percentile is the smallest of the sorted values that at least that share of them does not exceed; 0 of none.
func Percentile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}
