package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/postgres"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// bench is one workload on one database system.
type bench struct {
	settings
	out      *results
	backend  string
	workload string
}

func newBench(s settings, out *results, backend, workload string) *bench {
	return &bench{settings: s, out: out, backend: backend, workload: workload}
}

// sites counts the databases made, for their names.
var sites atomic.Int64

// report notes a measurement of OpenWorkflow.
func (b *bench) report(metric string, value float64, unit, settings string) error {
	return b.out.add(result{"openworkflow-go/" + b.backend, b.workload, metric, value, unit, settings})
}

// scaled is n, or a tenth of it if only a look is wanted.
func (b *bench) scaled(n int) int {
	if b.quick {
		return max(1, n/10)
	}
	return n
}

// per chooses a size by the speed of the database.
func (b *bench) per(postgres, others int) int {
	if b.backend == "postgres" {
		return b.scaled(postgres)
	}
	return b.scaled(others)
}

func (b *bench) slots() int {
	switch {
	case b.concurrency > 0:
		return b.concurrency
	case b.backend == "postgres":
		return 2000
	}
	return 500
}

// place is where a database is; it travels to worker processes.
type place struct {
	Backend string
	URL     string // of the server, or the path of the file
	Schema  string
	Bare    bool // the worker process does without OpenWorkflow
}

type database interface {
	openworkflow.Backend
	Close() error
}

// site is a database made for one measurement.
type site struct {
	place
	db      database
	client  *openworkflow.Client
	cleanup func()
}

func (p place) open(ctx context.Context) (database, error) {
	switch p.Backend {
	case "postgres":
		return postgres.Open(ctx, p.URL, postgres.WithSchema(p.Schema))
	case "sqlite":
		return sqlite.Open(ctx, p.URL)
	}
	return memory.New(), nil
}

// place makes room for a database.
func (b *bench) place() (place, func(), error) {
	switch b.backend {
	case "postgres":
		p := place{Backend: b.backend, URL: b.postgres, Schema: fmt.Sprintf("bench_%d_%d_%d", os.Getpid(), time.Now().Unix(), sites.Add(1))}
		return p, func() { _ = p.exec(`DROP SCHEMA IF EXISTS ` + p.Schema + ` CASCADE`) }, nil
	case "sqlite":
		dir, err := os.MkdirTemp("", "openworkflow-bench-")
		return place{Backend: b.backend, URL: filepath.Join(dir, "bench.db")}, func() { _ = os.RemoveAll(dir) }, err
	}
	return place{Backend: b.backend}, func() {}, nil
}

// exec runs a statement of the benchmark's own on the Postgres server.
func (p place) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

// open makes a database and a client of it.
func (b *bench) open(ctx context.Context) (*site, error) {
	p, cleanup, err := b.place()
	if err != nil {
		return nil, err
	}
	db, err := p.open(ctx)
	if err != nil {
		cleanup()
		return nil, err
	}
	client, err := openworkflow.New(db)
	if err != nil {
		return nil, err
	}
	return &site{place: p, db: db, client: client, cleanup: cleanup}, nil
}

// reopen connects to the same database anew.
func (s *site) reopen(ctx context.Context) error {
	_ = s.client.Close()
	_ = s.db.Close()
	db, err := s.place.open(ctx)
	if err != nil {
		return err
	}
	s.db = db
	s.client, err = openworkflow.New(db)
	return err
}

func (s *site) close() {
	_ = s.client.Close()
	_ = s.db.Close()
	s.cleanup()
}

// settle lets the server write what it still owes from before.
func (s *site) settle() {
	if s.Backend == "postgres" {
		_ = s.exec("CHECKPOINT") // a role that may not is told so; the measurement is a little noisier
	}
}
