package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Config says how a store is opened. Its zero value is the usual one.
type Config struct {
	Schema         string        // of the tables; "" is DefaultSchema
	Namespace      string        // "" is domain.DefaultNamespace
	SkipMigrations bool          // the tables must be there already
	PollInterval   time.Duration // how long a worker with nothing to do goes without looking; 0: found out
	ListenDSN      string        // for LISTEN, where the pool's way leads through a transaction pooler; "" is the pool's
}

// connectTimeout bounds connecting where the connection string does not.
const connectTimeout = 10 * time.Second

// applicationName is what the server's list of activity shows where the connection string names nothing.
const applicationName = "openworkflow"

// Open connects, applies the migrations that are pending, and checks that the tables are there.
func Open(ctx context.Context, dsn string, cfg Config) (*Store, error) {
	sc, err := newSchema(cfg.Schema)
	if err != nil {
		return nil, err
	}
	pc, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	pc.AfterConnect, pc.ShouldPing = settle, shouldPing
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, interpretError(err)
	}
	s, err := open(ctx, sc, pool, true, cfg)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// FromPool is Open on a pool of the caller's, which stays the caller's to close. Heartbeats, migrations and
// LISTEN use connections of their own, made as the pool makes its.
func FromPool(ctx context.Context, pool *pgxpool.Pool, cfg Config) (*Store, error) {
	if pool == nil {
		return nil, errors.New("openworkflow: the connection pool is nil")
	}
	sc, err := newSchema(cfg.Schema)
	if err != nil {
		return nil, err
	}
	return open(ctx, sc, pool, false, cfg)
}

func parseDSN(dsn string) (*pgxpool.Config, error) {
	pc, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, interpretError(err)
	}
	if pc.ConnConfig.ConnectTimeout == 0 {
		pc.ConnConfig.ConnectTimeout = connectTimeout
	}
	if pc.ConnConfig.RuntimeParams["application_name"] == "" {
		pc.ConnConfig.RuntimeParams["application_name"] = applicationName
	}
	return pc, nil
}

func open(ctx context.Context, sc *schema, pool *pgxpool.Pool, owns bool, cfg Config) (*Store, error) {
	if cfg.Namespace == "" {
		cfg.Namespace = domain.DefaultNamespace
	}
	if cfg.PollInterval < 0 {
		return nil, fmt.Errorf("openworkflow: a poll interval of %s", cfg.PollInterval)
	}
	listen, err := listenConfig(pool, cfg.ListenDSN)
	if err != nil {
		return nil, err
	}
	if err := reach(ctx, pool); err != nil {
		return nil, err
	}
	if !cfg.SkipMigrations {
		mc := pool.Config()
		if owns {
			mc.AfterConnect = nil // migrations may take their time
		}
		if err := migrateUp(ctx, mc, sc); err != nil {
			return nil, err
		}
	}
	bc := pool.Config()
	bc.MaxConns, bc.MinConns, bc.MinIdleConns = 2, 0, 0
	beats, err := pgxpool.NewWithConfig(ctx, bc)
	if err != nil {
		return nil, interpretError(err)
	}
	c := &core{
		schema: sc, pool: pool, ownsPool: owns, typed: typed(pool), beats: beats, scan: defaultScan,
		poll: cfg.PollInterval, sweeps: make(map[string]sweepPlace), paces: make(map[string]*pace),
	}
	c.news = newNotifier(c, listen)
	s := newStore(c, cfg.Namespace)
	if err := s.runner.run(ctx, planOnce, (*pipeline).probe); err != nil {
		c.close(false)
		return nil, err
	}
	return s, nil
}

// reach fails early, with an error that says what to do.
func reach(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	return interpretError(pool.Ping(ctx))
}

// listenConfig is how the connection that listens is made.
func listenConfig(pool *pgxpool.Pool, dsn string) (func(context.Context) (*pgx.Conn, error), error) {
	pc := pool.Config()
	if dsn != "" {
		own, err := parseDSN(dsn)
		if err != nil {
			return nil, err
		}
		pc = own
	}
	return func(ctx context.Context) (*pgx.Conn, error) {
		cc := pc.ConnConfig.Copy()
		if pc.BeforeConnect != nil {
			if err := pc.BeforeConnect(ctx, cc); err != nil {
				return nil, err
			}
		}
		return pgx.ConnectConfig(ctx, cc)
	}, nil
}

// Close ends the store and all that share its connections: their methods return ports.ErrClosed, and
// subscriptions end. A pool of the caller's stays open. What was done last is told to the other processes before,
// which takes two seconds at most.
func (s *Store) Close() error {
	s.core.close(s.core.ownsPool)
	return nil
}

func (c *core) close(pool bool) {
	c.once.Do(func() {
		c.news.tellRest()
		c.closed.Store(true)
		c.news.close()
		c.beats.Close()
		if pool {
			c.pool.Close()
		}
	})
}
