package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/health"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/metrics"
)

func metricsFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "metrics-addr", "", "serve /metrics, /healthz and /readyz here, such as :9090, without authentication (default off)")
}

// monitoring serves what Prometheus and Kubernetes ask for.
type monitoring struct {
	addr    string
	metrics *metrics.Metrics
	log     *slog.Logger
}

// monitoring prepares it; nil if no address is given. What it observes is a client's: the options are for that.
func (a *app) monitoring(addr string, log *slog.Logger) (*monitoring, []openworkflow.ClientOption) {
	if addr == "" {
		return nil, nil
	}
	m := &monitoring{addr: addr, metrics: a.prog.Metrics, log: log}
	if m.metrics == nil {
		m.metrics = metrics.New(metrics.Options{})
	}
	if a.prog.Client != nil {
		return m, nil // it was made with an observer or not
	}
	return m, []openworkflow.ClientOption{openworkflow.WithObserver(m.metrics.Observer())}
}

// While a page of metrics or a probe is answered, nobody waits for longer.
const (
	monitoringRead = 5 * time.Second
	monitoringStop = 5 * time.Second
)

// serve serves until stop is called. It listens when it returns.
func (m *monitoring) serve(ctx context.Context, a *app, ow *openworkflow.Client, workers ...*openworkflow.Worker) (stop func(), err error) {
	if m == nil {
		return func() {}, nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", m.addr)
	if err != nil {
		return nil, fmt.Errorf("--metrics-addr: %w", err)
	}
	m.metrics.WatchDatabase(ow)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.metrics.Handler())
	health.New(health.Options{Database: ow, Workers: workers, Log: m.log}).Register(mux)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: monitoringRead, ReadTimeout: monitoringRead, IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	a.note("Metrics and health are served at http://%s/metrics, /healthz and /readyz.", l.Addr())
	return func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), monitoringStop)
		defer cancel()
		if err := srv.Shutdown(grace); err != nil {
			_ = srv.Close()
		}
		if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
			a.note("metrics: %v", err)
		}
	}, nil
}
