package metrics

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// statsWindow is how far back workflows are looked for that have no run under way.
const statsWindow = time.Hour

// database asks the database, not more often than every interval.
type database struct {
	interval, timeout time.Duration
	workflows         *names

	mu     sync.Mutex
	client *openworkflow.Client
	asked  time.Time
	answer *answer // nil: nothing was asked yet
}

// answer is what the database said, or that it did not.
type answer struct {
	err    error
	took   time.Duration
	runs   map[series]int64
	capped map[series]bool
	lag    map[string]time.Duration // by workflow
}

type series struct {
	workflow string
	status   openworkflow.RunStatus
}

var statuses = []openworkflow.RunStatus{
	openworkflow.RunPending, openworkflow.RunRunning, openworkflow.RunCompleted, openworkflow.RunFailed, openworkflow.RunCanceled,
}

var (
	databaseRuns   = gauge("runs", "Runs in the database; see openworkflow_runs_capped.", "workflow", "status")
	databaseCapped = gauge("runs_capped", "1 where openworkflow_runs is not counted further: there are at least as many.", "workflow", "status")
	databaseLag    = gauge("queue_lag_seconds", "For how long the run has been due that has waited longest for a worker; 0 if none waits.", "workflow")
	databaseUp     = gauge("database_up", "1 if the database answered when it was last asked for runs and lag, else 0.")
	databaseTook   = gauge("database_stats_duration_seconds", "How long the database took to answer when it was last asked for runs and lag.")
)

var databaseGauges = []*prometheus.Desc{databaseRuns, databaseCapped, databaseLag, databaseUp, databaseTook}

func newDatabase(o *Options) database {
	return database{interval: o.DatabaseInterval, timeout: o.DatabaseTimeout, workflows: newNames(o.MaxWorkflows)}
}

func (d *database) watch(c *openworkflow.Client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.client, d.answer = c, nil
}

// ask returns the database's answer, a new one if the last one is too old. Whoever comes meanwhile waits for it.
func (d *database) ask() *answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client == nil {
		return nil
	}
	if d.answer == nil || time.Since(d.asked) >= d.interval {
		ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
		defer cancel()
		start := time.Now()
		stats, err := d.client.WorkflowStats(ctx, openworkflow.StatsOptions{Window: statsWindow, Buckets: 1})
		d.asked = time.Now()
		d.answer = d.sum(stats, d.asked)
		d.answer.err, d.answer.took = err, d.asked.Sub(start)
	}
	return d.answer
}

// sum adds up the versions of each workflow, and the workflows that have no label of their own.
func (d *database) sum(stats []openworkflow.WorkflowStats, now time.Time) *answer {
	a := &answer{runs: make(map[series]int64), capped: make(map[series]bool), lag: make(map[string]time.Duration)}
	for i := range stats {
		s := &stats[i]
		workflow := d.workflows.label(s.Name)
		for _, status := range statuses {
			key := series{workflow, status}
			a.runs[key] += s.Counts.Of(status)
			if s.Counts.Capped(status) {
				a.capped[key] = true
			}
		}
		var lag time.Duration
		if !s.OldestDue.IsZero() {
			lag = now.Sub(s.OldestDue)
		}
		a.lag[workflow] = max(a.lag[workflow], lag)
	}
	return a
}

func (d *database) describe(to chan<- *prometheus.Desc) {
	for _, desc := range databaseGauges {
		to <- desc
	}
}

// collect exports nothing that is older than the interval: a database that does not answer has no numbers.
func (d *database) collect(to chan<- prometheus.Metric) {
	a := d.ask()
	if a == nil || errors.Is(a.err, openworkflow.ErrUnsupported) {
		return
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	gauge(databaseTook, seconds(a.took))
	if a.err != nil {
		gauge(databaseUp, 0)
		return
	}
	gauge(databaseUp, 1)
	for key, n := range a.runs {
		gauge(databaseRuns, float64(n), key.workflow, string(key.status))
	}
	for key := range a.capped {
		gauge(databaseCapped, 1, key.workflow, string(key.status))
	}
	for workflow, lag := range a.lag {
		gauge(databaseLag, seconds(lag), workflow)
	}
}
