// Observability is a worker that can be watched: it serves /metrics, /healthz and /readyz, and exports spans. It
// starts orders by itself, of which some are slow, some are retried and some fail, so that there is something to see.
//
//	go run ./examples/observability                     # on SQLite; spans go to standard output
//	curl localhost:9464/metrics
//	curl -i localhost:9464/readyz                       # 503 while it starts and stops
//
// The Grafana dashboard, the alerts and what the metrics mean are in docs/observability.md.
package main
