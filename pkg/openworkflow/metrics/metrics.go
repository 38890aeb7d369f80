package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
)

// The defaults of Options.
const (
	DefaultMaxWorkflows     = 100
	DefaultDatabaseInterval = 15 * time.Second
	DefaultDatabaseTimeout  = 5 * time.Second
)

// Other is the label that stands for the workflows beyond Options.MaxWorkflows.
const Other = "other"

// Options change what New makes. Zero and negative fields are the defaults.
type Options struct {
	// MaxWorkflows is how many workflow names become labels, first come first served; the others are counted
	// together under "other". The default is 100.
	MaxWorkflows int
	// DatabaseInterval is for how long the answers of the database are kept, however often the metrics are
	// collected. The default is 15 s.
	DatabaseInterval time.Duration
	// DatabaseTimeout is how long the database may take to answer. The default is 5 s; give it less than
	// Prometheus' scrape timeout.
	DatabaseTimeout time.Duration
}

func (o *Options) fill() {
	if o.MaxWorkflows <= 0 {
		o.MaxWorkflows = DefaultMaxWorkflows
	}
	if o.DatabaseInterval <= 0 {
		o.DatabaseInterval = DefaultDatabaseInterval
	}
	if o.DatabaseTimeout <= 0 {
		o.DatabaseTimeout = DefaultDatabaseTimeout
	}
}

// Metrics are the metrics of the clients that it observes. It is a prometheus.Collector, and safe for concurrent
// use.
type Metrics struct {
	options     Options
	instruments *instruments
	workers     workers
	database    database
	handler     func() http.Handler
}

var _ prometheus.Collector = (*Metrics)(nil)

// New makes metrics that observe nothing yet: give its Observer to a client.
func New(o Options) *Metrics {
	o.fill()
	m := &Metrics{options: o, instruments: newInstruments(o.MaxWorkflows), database: newDatabase(&o)}
	m.handler = sync.OnceValue(m.newHandler)
	return m
}

// Observer observes a client and its workers; use it with openworkflow.WithObserver. It may serve several clients,
// whose numbers are added up.
func (m *Metrics) Observer() openworkflow.Observer {
	o := m.instruments.observer()
	o.WorkerStarted, o.WorkerStopped = m.workers.add, m.workers.remove
	return o
}

// WatchDatabase adds what only the database knows: the runs of the client's namespace by workflow and status, and
// the queue's lag. It is asked when metrics are collected, and at most every Options.DatabaseInterval. Every process
// that watches a database exports the same numbers, so take their maximum, not their sum. The last client counts;
// nil is none.
func (m *Metrics) WatchDatabase(c *openworkflow.Client) { m.database.watch(c) }

// Handler serves the metrics, and those of the Go runtime and the process, in Prometheus' formats.
func (m *Metrics) Handler() http.Handler { return m.handler() }

func (m *Metrics) newHandler() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{Registry: r, ErrorHandling: promhttp.ContinueOnError})
}

// Describe is prometheus.Collector's.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.instruments.all() {
		c.Describe(to)
	}
	m.workers.describe(to)
	m.database.describe(to)
}

// Collect is prometheus.Collector's.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.instruments.all() {
		c.Collect(to)
	}
	m.workers.collect(to)
	m.database.collect(to)
}
