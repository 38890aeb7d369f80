package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// The buckets of histograms, in seconds.
var (
	callBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	workBuckets = []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 1800, 3600}
	waitBuckets = []float64{.1, 1, 10, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600}
	runBuckets  = []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600}
	sizeBuckets = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500}
)

// instruments are what observers count and measure.
type instruments struct {
	workflows *names

	calls       *prometheus.HistogramVec
	started     *prometheus.CounterVec
	claims      *prometheus.CounterVec
	claimed     prometheus.Counter
	claimTime   prometheus.Histogram
	slices      *prometheus.CounterVec
	sliceTime   *prometheus.HistogramVec
	runTime     *prometheus.HistogramVec
	losses      *prometheus.CounterVec
	attempts    *prometheus.CounterVec
	retries     *prometheus.CounterVec
	stepTime    *prometheus.HistogramVec
	waitTime    *prometheus.HistogramVec
	batches     prometheus.Histogram
	flushTime   prometheus.Histogram
	flushErrors prometheus.Counter
	heartbeats  *prometheus.CounterVec
}

func newInstruments(maxWorkflows int) *instruments {
	i := &instruments{
		workflows: newNames(maxWorkflows),

		calls: histograms("client_call_duration_seconds", "How long calls of clients took: run starts, cancels, signals.",
			callBuckets, "call", "outcome"),
		started: counters("runs_started_total", "Runs that clients and workflows have started; those of workflows are children.",
			"workflow", "by"),
		claims:    counters("claims_total", "Calls for due runs.", "result"),
		claimed:   counter("claimed_runs_total", "Runs that workers have claimed; a run is claimed each time that it goes on."),
		claimTime: histogram("claim_duration_seconds", "How long calls for due runs took.", callBuckets),
		slices: counters("run_slices_total", "Slices that have ended: stretches of a run's execution, from a claim until it ends, is parked or is lost.",
			"workflow", "outcome"),
		sliceTime: histograms("run_slice_duration_seconds", "How long slices took.", workBuckets, "workflow"),
		runTime: histograms("run_duration_seconds", "Time from the creation of runs to their end, of those that ended here.",
			runBuckets, "workflow", "status"),
		losses: counters("lease_losses_total", "Executions that were given up because their lease ran out or their run is no longer this worker's.",
			"workflow"),
		attempts: counters("step_attempts_total", "Step attempts that have ended.", "workflow", "kind", "outcome"),
		retries:  counters("step_retries_total", "Step attempts that failed and are tried again.", "workflow"),
		stepTime: histograms("step_duration_seconds", "How long step functions and sends of signals took, each attempt.",
			workBuckets, "workflow", "kind"),
		waitTime: histograms("wait_duration_seconds", "How long sleeps and waits for signals and child workflows lasted.",
			waitBuckets, "workflow", "kind"),
		batches:     histogram("journal_batch_transitions", "Results that were written in one transaction.", sizeBuckets),
		flushTime:   histogram("journal_flush_duration_seconds", "How long the writing of a batch took.", callBuckets),
		flushErrors: counter("journal_flush_errors_total", "Batches that could not be written and are written again."),
		heartbeats:  counters("heartbeats_total", "Extensions of the leases that a worker holds.", "result"),
	}
	for _, result := range []string{"runs", "empty", "error"} { // from 0, so that the first error is an increase
		i.claims.WithLabelValues(result)
	}
	for _, result := range []string{"ok", "error"} {
		i.heartbeats.WithLabelValues(result)
	}
	return i
}

func (i *instruments) all() []prometheus.Collector {
	return []prometheus.Collector{
		i.calls, i.started, i.claims, i.claimed, i.claimTime, i.slices, i.sliceTime, i.runTime, i.losses,
		i.attempts, i.retries, i.stepTime, i.waitTime, i.batches, i.flushTime, i.flushErrors, i.heartbeats,
	}
}

func (i *instruments) observer() openworkflow.Observer {
	return openworkflow.Observer{
		CallEnded: i.callEnded, SliceStarted: i.sliceStarted, SliceEnded: i.sliceEnded, StepEnded: i.stepEnded,
		Claimed: i.claim, Flushed: i.flushed, Extended: i.extended,
	}
}

func (i *instruments) callEnded(_ context.Context, c openworkflow.ObservedCall, e openworkflow.ObservedCallEnd) {
	by := "workflow"
	if c.ParentRunID == "" {
		by = "client"
		i.calls.WithLabelValues(string(c.Verb), resultOf(e.Err)).Observe(e.Duration.Seconds())
	}
	if c.Verb == openworkflow.CallStart && e.Err == nil && !e.Existing {
		i.started.WithLabelValues(i.workflows.label(c.WorkflowName), by).Add(float64(c.Runs))
	}
}

func resultOf(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}

// sliceStarted makes the workflow's counters of what seldom happens, from 0.
func (i *instruments) sliceStarted(ctx context.Context, s *openworkflow.ObservedSlice) context.Context {
	workflow := i.workflows.label(s.WorkflowName)
	i.losses.WithLabelValues(workflow)
	i.retries.WithLabelValues(workflow)
	i.slices.WithLabelValues(workflow, string(openworkflow.SliceFailed))
	return ctx
}

func (i *instruments) sliceEnded(_ context.Context, s *openworkflow.ObservedSlice, e openworkflow.ObservedSliceEnd) {
	workflow := i.workflows.label(s.WorkflowName)
	i.slices.WithLabelValues(workflow, string(e.Outcome)).Inc()
	i.sliceTime.WithLabelValues(workflow).Observe(e.Duration.Seconds())
	switch e.Outcome {
	case openworkflow.SliceCompleted, openworkflow.SliceFailed:
		i.runTime.WithLabelValues(workflow, string(e.Outcome)).Observe(e.RunDuration.Seconds())
	case openworkflow.SliceLost:
		i.losses.WithLabelValues(workflow).Inc()
	}
}

func (i *instruments) stepEnded(_ context.Context, s *openworkflow.ObservedStep, e openworkflow.ObservedStepEnd) {
	workflow := i.workflows.label(s.Slice.WorkflowName)
	i.attempts.WithLabelValues(workflow, string(s.Kind), string(e.Outcome)).Inc()
	if e.Retry {
		i.retries.WithLabelValues(workflow).Inc()
	}
	if e.Outcome == openworkflow.StepOutcomeAbandoned {
		return // how long it would have taken nobody knows
	}
	times := i.stepTime
	if s.Kind != openworkflow.KindFunction && s.Kind != openworkflow.KindSignalSend {
		times = i.waitTime
	}
	times.WithLabelValues(workflow, string(s.Kind)).Observe(e.Duration.Seconds())
}

func (i *instruments) claim(c openworkflow.ObservedClaim) {
	result := "runs"
	switch {
	case c.Err != nil:
		result = "error"
	case c.Runs == 0:
		result = "empty"
	}
	i.claims.WithLabelValues(result).Inc()
	i.claimed.Add(float64(c.Runs))
	i.claimTime.Observe(c.Duration.Seconds())
}

func (i *instruments) flushed(f openworkflow.ObservedFlush) {
	i.flushTime.Observe(f.Duration.Seconds())
	if f.Err != nil {
		i.flushErrors.Inc()
		return
	}
	i.batches.Observe(float64(f.Transitions))
}

func (i *instruments) extended(h openworkflow.ObservedHeartbeat) {
	i.heartbeats.WithLabelValues(resultOf(h.Err)).Inc()
}

// prefix begins the name of every metric.
const prefix = "openworkflow_"

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets})
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

func seconds(d time.Duration) float64 { return max(0, d.Seconds()) }
