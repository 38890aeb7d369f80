package pgstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/openworkflowdev/openworkflow-go/db/migrations"
)

// versionTable is goose's, in the schema of the tables.
const versionTable = "openworkflow_goose_migrations"

// keepAlive is how often the transaction that holds the migration lock is used: no transaction of ours is
// idle for a second.
const keepAlive = 400 * time.Millisecond

// Migration is a step of the schema.
type Migration struct {
	Version   int64
	Name      string    // of its file
	AppliedAt time.Time // zero if it is pending
}

// MigrateUp applies the migrations that are pending. Services that start at once wait for each other; a
// migration that fails leaves nothing behind.
func MigrateUp(ctx context.Context, dsn, schemaName string) error {
	sc, pc, err := migrationTarget(dsn, schemaName)
	if err != nil {
		return err
	}
	return migrateUp(ctx, pc, sc)
}

// MigrateUp is MigrateUp of the store's database.
func (s *Store) MigrateUp(ctx context.Context) error {
	return migrateUp(ctx, s.core.pool.Config(), s.core.schema)
}

// MigrateDown takes back the migration that was applied last.
func MigrateDown(ctx context.Context, dsn, schemaName string) error {
	sc, pc, err := migrationTarget(dsn, schemaName)
	if err != nil {
		return err
	}
	return migrateBack(ctx, pc, sc, downOne)
}

// MigrateDown is MigrateDown of the store's database.
func (s *Store) MigrateDown(ctx context.Context) error {
	return migrateBack(ctx, s.core.pool.Config(), s.core.schema, downOne)
}

func downOne(ctx context.Context, p *goose.Provider) error {
	if _, err := p.Down(ctx); !errors.Is(err, goose.ErrNoNextVersion) {
		return err
	}
	return nil
}

// MigrateDownTo takes back all migrations after the version.
func MigrateDownTo(ctx context.Context, dsn, schemaName string, version int64) error {
	sc, pc, err := migrationTarget(dsn, schemaName)
	if err != nil {
		return err
	}
	return migrateBack(ctx, pc, sc, func(ctx context.Context, p *goose.Provider) error {
		_, err := p.DownTo(ctx, version)
		return err
	})
}

func migrateBack(ctx context.Context, pc *pgxpool.Config, sc *schema, down func(context.Context, *goose.Provider) error) error {
	m, err := newMigrator(pc, sc)
	if err != nil {
		return err
	}
	defer m.close()
	version, err := m.version(ctx)
	if err != nil || version == 0 {
		return interpretError(err)
	}
	return m.locked(ctx, func() error { return down(ctx, m.provider) })
}

// MigrationStatus lists the migrations in order. It changes nothing.
func MigrationStatus(ctx context.Context, dsn, schemaName string) ([]Migration, error) {
	sc, pc, err := migrationTarget(dsn, schemaName)
	if err != nil {
		return nil, err
	}
	return migrationStatus(ctx, pc, sc)
}

// MigrationStatus is MigrationStatus of the store's database.
func (s *Store) MigrationStatus(ctx context.Context) ([]Migration, error) {
	return migrationStatus(ctx, s.core.pool.Config(), s.core.schema)
}

func migrationStatus(ctx context.Context, pc *pgxpool.Config, sc *schema) ([]Migration, error) {
	m, err := newMigrator(pc, sc)
	if err != nil {
		return nil, err
	}
	defer m.close()
	version, err := m.version(ctx)
	if err != nil {
		return nil, interpretError(err)
	}
	var out []Migration
	for _, s := range m.provider.ListSources() {
		one := Migration{Version: s.Version, Name: s.Path}
		if version > 0 {
			if one.AppliedAt, err = m.appliedAt(ctx, s.Version); err != nil {
				return nil, interpretError(err)
			}
		}
		out = append(out, one)
	}
	return out, nil
}

func migrationTarget(dsn, schemaName string) (*schema, *pgxpool.Config, error) {
	sc, err := newSchema(schemaName)
	if err != nil {
		return nil, nil, err
	}
	pc, err := parseDSN(dsn)
	return sc, pc, err
}

func migrateUp(ctx context.Context, pc *pgxpool.Config, sc *schema) error {
	m, err := newMigrator(pc, sc)
	if err != nil {
		return err
	}
	defer m.close()
	version, err := m.version(ctx)
	if err != nil {
		return interpretError(err)
	}
	sources := m.provider.ListSources()
	if version >= sources[len(sources)-1].Version {
		return nil // as every time but the first; a role that may only use the tables gets here
	}
	return m.locked(ctx, func() error {
		if err := m.makeSchema(ctx); err != nil {
			return err
		}
		_, err := m.provider.Up(ctx)
		return err
	})
}

// migrator runs goose on connections of its own.
type migrator struct {
	schema   *schema
	db       *sql.DB
	store    database.Store
	provider *goose.Provider
}

func newMigrator(pc *pgxpool.Config, sc *schema) (*migrator, error) {
	var opts []stdlib.OptionOpenDB
	if pc.BeforeConnect != nil {
		opts = append(opts, stdlib.OptionBeforeConnect(pc.BeforeConnect))
	}
	db := stdlib.OpenDB(*pc.ConnConfig, opts...)
	m := &migrator{schema: sc, db: db}
	inner, err := database.NewStore(goose.DialectPostgres, sc.quoted()+"."+versionTable)
	if err == nil {
		// Without goose's look into the catalogue, which takes the quotes for a part of the name.
		m.store = struct{ database.Store }{inner}
		m.provider, err = goose.NewProvider("", db, migrationFiles{sc},
			goose.WithStore(m.store), goose.WithDisableGlobalRegistry(true))
	}
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("openworkflow: migrations: %w", err)
	}
	return m, nil
}

func (m *migrator) close() { _ = m.db.Close() }

// version is the latest migration applied; 0 if there is none, or no version table.
func (m *migrator) version(ctx context.Context) (int64, error) {
	version, err := m.store.GetLatestVersion(ctx, m.db)
	state := sqlState(err)
	if state == stateUndefinedTable || state == stateUndefinedSchema || errors.Is(err, database.ErrVersionNotFound) {
		return 0, nil
	}
	return version, err
}

func (m *migrator) appliedAt(ctx context.Context, version int64) (time.Time, error) {
	res, err := m.store.GetMigration(ctx, m.db, version)
	switch {
	case errors.Is(err, database.ErrVersionNotFound):
		return time.Time{}, nil
	case err != nil || !res.IsApplied:
		return time.Time{}, err
	}
	return res.Timestamp.UTC(), nil
}

// makeSchema makes the schema if it is not there: a role that may use it need not be allowed to make one.
func (m *migrator) makeSchema(ctx context.Context) error {
	var exists bool
	if err := m.db.QueryRowContext(ctx, sqlSchemaExists, m.schema.quoted()).Scan(&exists); err != nil || exists {
		return err
	}
	_, err := m.db.ExecContext(ctx, sqlCreateSchema(m.schema.quoted()))
	return err
}

// locked runs do while no other process migrates this schema. The lock is a transaction's, not a session's,
// so that it works through a transaction pooler too.
func (m *migrator) locked(ctx context.Context, do func() error) (err error) {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return interpretError(err)
	}
	if _, err := tx.ExecContext(ctx, sqlMigrationLock, "openworkflow migrations of "+m.schema.name); err != nil {
		_ = tx.Rollback()
		return interpretError(err)
	}
	release := holdOpen(ctx, tx)
	err = do()
	release()
	if end := tx.Commit(); err == nil && end != nil {
		err = fmt.Errorf("the migration lock was lost on the way: %w", end)
	}
	if err != nil {
		return fmt.Errorf("openworkflow: migration failed, and left nothing behind: %w", interpretError(err))
	}
	return nil
}

// holdOpen uses the transaction now and then, until the function that it returns is called.
func holdOpen(ctx context.Context, tx *sql.Tx) (release func()) {
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		tick := time.NewTicker(keepAlive)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if _, err := tx.ExecContext(ctx, sqlKeepAlive); err != nil {
					return // Commit will say so
				}
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop); done.Wait() }
}

// migrationFiles are the embedded migrations, for the configured schema.
type migrationFiles struct{ schema *schema }

// Open is fs.FS's.
func (m migrationFiles) Open(name string) (fs.File, error) {
	files, err := fs.Sub(migrations.Postgres, "postgres")
	if err != nil {
		return nil, err
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return f, err
	}
	defer func() { _ = f.Close() }()
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	return &migrationFile{bytes.NewReader(m.schema.migration(text)), info}, nil
}

type migrationFile struct {
	*bytes.Reader
	info fs.FileInfo
}

// Stat is fs.File's; the size is the embedded file's.
func (f *migrationFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close is fs.File's.
func (f *migrationFile) Close() error { return nil }
