package postgres

import (
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/pgstore"
)

// Option changes how Open and FromPool make a backend.
type Option interface{ applyOpen(*pgstore.Config) }

// MigrateOption changes what Migrate, MigrateDown, MigrateDownTo and MigrationStatus work on.
type MigrateOption interface{ applyMigrate(*migrateConfig) }

type migrateConfig struct{ schema string }

// SchemaOption is an option of Open and FromPool, and of the migration commands.
type SchemaOption struct{ name string }

func (o SchemaOption) applyOpen(c *pgstore.Config)   { c.Schema = o.name }
func (o SchemaOption) applyMigrate(c *migrateConfig) { c.schema = o.name }

// WithSchema uses the tables of this schema instead of "openworkflow". The name has letters, digits and
// underscores, not a digit first, and at most 63 bytes. Migrations make the schema if it is not there.
func WithSchema(name string) SchemaOption { return SchemaOption{name} }

type openOption func(*pgstore.Config)

func (o openOption) applyOpen(c *pgstore.Config) { o(c) }

// WithNamespace makes Open and FromPool return the view of this namespace instead of "default".
func WithNamespace(namespace string) Option {
	return openOption(func(c *pgstore.Config) { c.Namespace = namespace })
}

// WithoutMigrations makes Open and FromPool leave the tables alone: a database that lacks some of them is an
// error. For services whose migrations run elsewhere, with another role.
func WithoutMigrations() Option {
	return openOption(func(c *pgstore.Config) { c.SkipMigrations = true })
}

// WithPollInterval sets how long a worker that has nothing to do goes without asking the database, at most. Without it,
// that is 40 seconds where every writer tells the others of what it writes, as this library does by NOTIFY; and 5 seconds where
// notifications do not arrive, or while a TypeScript service, which sends none, writes to the same namespace. Set it
// where such a service writes seldom and its runs must not wait that long. It must be well below two lease durations.
func WithPollInterval(d time.Duration) Option {
	return openOption(func(c *pgstore.Config) { c.PollInterval = d })
}

// WithListenDSN makes the connection that listens for notifications with this connection string. It is
// for services whose own connections lead through a transaction pooler.
func WithListenDSN(dsn string) Option {
	return openOption(func(c *pgstore.Config) { c.ListenDSN = dsn })
}

func configOf(opts []Option) pgstore.Config {
	var c pgstore.Config
	for _, opt := range opts {
		opt.applyOpen(&c)
	}
	return c
}

func schemaOf(opts []MigrateOption) string {
	var c migrateConfig
	for _, opt := range opts {
		opt.applyMigrate(&c)
	}
	return c.schema
}
