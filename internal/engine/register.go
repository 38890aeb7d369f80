package engine

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// registerTimeout bounds each registration, and its removal, which Stop waits for.
const registerTimeout = 2 * time.Second

// registering tells people who look at the database that this worker lives: when it starts, once a minute, and
// no more when it stops. No run depends on it, so what fails is only logged, and the first time only.
func (w *Worker) registering(ctx context.Context) {
	r, ok := w.cfg.Backend.(ports.Registry)
	if !ok {
		return
	}
	record, interval := w.registration(), domain.RegistrationInterval
	for failed := false; ctx.Err() == nil; pause(ctx, interval/2+jitter(interval)) {
		err := w.bounded(ctx, func(ctx context.Context) error { return r.RegisterWorker(ctx, record) })
		if err != nil && !failed && ctx.Err() == nil {
			w.log.Warn("the worker could not register; lists of workers lack it while it holds no run", zap.Error(err))
		}
		failed = err != nil
	}
	err := w.bounded(context.WithoutCancel(ctx), func(ctx context.Context) error { return r.UnregisterWorker(ctx, w.id) })
	if err != nil {
		w.log.Debug("the registration was not removed", zap.Error(err))
	}
}

func (*Worker) bounded(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	return call(ctx)
}

// registration is what the worker says about itself.
func (w *Worker) registration() domain.WorkerRecord {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	record := domain.WorkerRecord{
		ID: w.id, Host: strings.ToValidUTF8(host, "?"), PID: os.Getpid(), Language: "go", Concurrency: w.cfg.Concurrency,
	}
	for key := range w.defs {
		record.Workflows = append(record.Workflows, key)
	}
	slices.SortFunc(record.Workflows, func(a, b domain.WorkflowKey) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Version, b.Version)
	})
	return record
}
