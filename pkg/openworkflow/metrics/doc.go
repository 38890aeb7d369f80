// Package metrics exports Prometheus metrics of clients, workers and the database.
//
//	m := metrics.New(metrics.Options{})
//	ow, err := openworkflow.New(db, openworkflow.WithObserver(m.Observer()))
//	…
//	m.WatchDatabase(ow) // run counts and queue lag; one process of a deployment is enough
//	http.Handle("GET /metrics", m.Handler())
//
// A program that has a registry of its own registers the Metrics with it instead: prometheus.MustRegister(m).
//
// Each metric, its labels and its unit are listed in docs/observability.md, with alerts and a dashboard for
// Grafana. The labels are bounded: workflow names are cut off at Options.MaxWorkflows, and step names, run ids and
// errors are no labels at all.
//
// What may enter: Prometheus metrics over openworkflow.Observer and the client's queries. Programs that do not import
// the package do not link Prometheus.
package metrics
