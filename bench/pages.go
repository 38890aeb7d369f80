package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/dashboard"
)

const (
	pagesName = "pages"
	pageRuns  = 1_000_000 // besides what is under way
	pageTries = 20        // of each page; the first two do not count
)

// pages measures how long the dashboard's pages take at the server, in a database with a million runs: the request's
// start to the answer's last byte, without a network. The first look at the database is reported apart.
func pages(ctx context.Context, b *bench) error {
	if b.backend != "postgres" {
		return nil // the rows are made by Postgres itself: by any other way it takes too long
	}
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	n := b.scaled(pageRuns)
	if err := s.crowd(ctx, n); err != nil {
		return err
	}
	h, err := dashboard.Handler(s.client, dashboard.Options{})
	if err != nil {
		return err
	}
	targets, err := s.targets(ctx)
	if err != nil {
		return err
	}
	for _, t := range targets {
		took, err := times(ctx, h, t.path)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		first := took[0]
		took = took[2:]
		slices.Sort(took)
		note := fmt.Sprintf("median of %d, of %d runs; first %.1f ms, slowest %.1f ms", len(took), n, ms(first), ms(took[len(took)-1]))
		if err := b.report("page "+t.name, ms(took[len(took)/2]), "ms", note); err != nil {
			return err
		}
	}
	return nil
}

// target is a page that is measured.
type target struct{ name, path string }

// targets are the pages, in the order of the dashboard's navigation, with the lists that are hard to make.
func (s *site) targets(ctx context.Context) ([]target, error) {
	list := func(f openworkflow.RunFilter) (*openworkflow.Page[openworkflow.Run], error) {
		f.Limit = 50
		return s.client.ListRuns(ctx, f)
	}
	newest, err := list(openworkflow.RunFilter{})
	if err != nil {
		return nil, err
	}
	failed, err := list(openworkflow.RunFilter{Status: openworkflow.RunFailed})
	if err != nil {
		return nil, err
	}
	if len(newest.Items) == 0 || len(failed.Items) == 0 {
		return nil, errors.New("the crowd is missing")
	}
	middle := time.Now().Add(-15 * 24 * time.Hour).UTC().Format("2006-01-02T15:04")
	id := failed.Items[0].ID
	return []target{
		{"runs", "/"},
		{"runs, the next page", "/?after=" + newest.Next},
		{"runs, failed", "/?status=failed"},
		{"runs, pending", "/?status=pending"},
		{"runs, of a workflow", "/?workflow=workflow-3"},
		{"runs, of a workflow that failed", "/?workflow=workflow-3&status=failed"},
		{"runs, of a rare workflow", "/?workflow=rare"},
		{"runs, of a version", "/?workflow=workflow-3&version=2"},
		{"runs, of a day in the middle", "/?from=" + middle + "&status=completed"},
		{"runs, of the last hour", "/?since=1h"},
		{"runs, with a key", "/?key=key-500000"},
		{"runs, with a key that is none", "/?key=nothing"},
		{"runs, of a worker", "/?worker=worker-3"},
		{"search for an id", "/search?q=" + id},
		{"search for nothing", "/search?q=nothing"},
		{"run", "/runs/" + id},
		{"workflows, 1 hour", "/workflows?window=1h"},
		{"workflows, 24 hours", "/workflows?window=24h"},
		{"workflows, 30 days", "/workflows?window=30d"},
		{"workers", "/workers"},
		{"start", "/start"},
		{"bulk cancel, all", "/bulk/cancel"},
	}, nil
}

func times(ctx context.Context, h http.Handler, path string) ([]time.Duration, error) {
	var out []time.Duration
	for range pageTries {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		w := httptest.NewRecorder()
		began := time.Now()
		h.ServeHTTP(w, r)
		out = append(out, time.Since(began))
		if w.Code >= http.StatusBadRequest {
			return nil, fmt.Errorf("status %d", w.Code)
		}
	}
	return out, nil
}

// crowd makes n runs of the last thirty days, most of them completed, 10 000 that are not over, and steps of the newest.
func (s *site) crowd(ctx context.Context, n int) error {
	for _, statement := range []string{
		`INSERT INTO $schema.workflow_runs
			(namespace_id, id, workflow_name, version, status, idempotency_key, config, input, output, error, attempts, worker_id,
			 available_at, started_at, finished_at, created_at, updated_at)
		SELECT 'default', 'run-' || lpad(i::text, 9, '0'), CASE WHEN i % 100000 = 77 THEN 'rare' ELSE 'workflow-' || i % 20 END, CASE WHEN i % 3 = 0 THEN '2' END,
			CASE WHEN i % 50 = 0 THEN 'failed' WHEN i % 333 = 0 THEN 'canceled' ELSE 'completed' END,
			CASE WHEN i % 4 = 0 THEN 'key-' || i END, '{}', jsonb_build_object('order', i, 'customer', md5(i::text)), '{"ok": true}',
			CASE WHEN i % 50 = 0 THEN '{"name": "Error", "message": "the card was declined"}'::jsonb END, 1, NULL, at, at, at + '3 s', at, at
		FROM (SELECT i, now() - '30 days'::interval * (1 - i::float / $n) AS at FROM generate_series(1, $n) AS i) AS t`,
		`INSERT INTO $schema.workflow_runs
			(namespace_id, id, workflow_name, version, status, config, input, attempts, worker_id, available_at, started_at, created_at, updated_at)
		SELECT 'default', 'live-' || lpad(i::text, 9, '0'), 'workflow-' || i % 20, CASE WHEN i % 3 = 0 THEN '2' END,
			CASE WHEN i % 5 = 0 THEN 'pending' ELSE 'running' END, '{}', '{"order": 1}', 1,
			CASE WHEN i % 5 = 1 THEN 'worker-' || i % 40 END, now() + '1 hour'::interval * (i % 7), at, at, at
		FROM (SELECT i, now() - '2 days'::interval * random() AS at FROM generate_series(1, 10000) AS i) AS t`,
		`INSERT INTO $schema.step_attempts
			(namespace_id, id, workflow_run_id, step_name, kind, status, config, output, started_at, finished_at, created_at, updated_at)
		SELECT 'default', r.id || '-' || i, r.id, 'step-' || i, 'function', 'completed', '{}', '{"ok": true}',
			r.created_at + i * '10 ms'::interval, r.created_at + i * '10 ms'::interval + '8 ms', r.created_at + i * '10 ms'::interval, r.created_at
		FROM (SELECT id, created_at FROM $schema.workflow_runs ORDER BY created_at DESC LIMIT 10000) AS r, generate_series(1, 20) AS i`,
		`INSERT INTO $schema.workflow_workers (namespace_id, id, host, pid, language, workflows, concurrency, started_at, seen_at)
		SELECT 'default', 'worker-' || i, 'host-' || i, i, 'go', '[{"name": "workflow-1"}]', 100, now(), now() FROM generate_series(0, 39) AS i`,
		`VACUUM ANALYZE $schema.workflow_runs`, `VACUUM ANALYZE $schema.step_attempts`,
	} {
		if err := s.execLong(ctx, strings.NewReplacer("$schema", s.Schema, "$n", fmt.Sprint(n)).Replace(statement)); err != nil {
			return err
		}
	}
	return nil
}

// execLong runs a statement that may take minutes.
func (s *site) execLong(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%.60s…: %w", strings.TrimSpace(sql), err)
	}
	return nil
}
