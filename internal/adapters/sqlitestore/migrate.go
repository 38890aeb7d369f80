package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"

	"github.com/openworkflowdev/openworkflow-go/db/migrations"
)

// versionTable is goose's table, under a name that cannot be another tool's.
const versionTable = "openworkflow_goose_migrations"

// migrationPatience is how long a migrator waits for the write lock: another one may be at an index of many rows.
const migrationPatience = 5 * time.Minute

// Migration is the state of one migration of a database.
type Migration struct {
	Version   int64
	Name      string
	Applied   bool
	AppliedAt time.Time // zero if it is not applied
}

// Migrate applies the pending migrations of the database in a file, which it creates if need be.
func Migrate(ctx context.Context, path string) error {
	return withHandle(ctx, path, migrateUp)
}

// MigrateDown rolls back the latest migration that is applied; there may be none.
func MigrateDown(ctx context.Context, path string) error {
	return withHandle(ctx, path, migrateDown)
}

// MigrationStatus lists the migrations of the database in a file, oldest first.
func MigrationStatus(ctx context.Context, path string) (list []Migration, err error) {
	err = withHandle(ctx, path, func(ctx context.Context, handle *sql.DB) error {
		list, err = migrationStatus(ctx, handle)
		return err
	})
	return list, err
}

func withHandle(ctx context.Context, path string, fn func(context.Context, *sql.DB) error) error {
	if err := checkPath(path); err != nil {
		return err
	}
	handle, err := openHandle(path, false)
	if err != nil {
		return interpretError(path, err)
	}
	handle.SetMaxOpenConns(1)
	err = checkVersion(ctx, handle)
	if err == nil && path != memoryPath {
		err = enableWAL(ctx, handle)
	}
	if err == nil {
		err = fn(ctx, handle)
	}
	return interpretError(path, errors.Join(err, handle.Close()))
}

func migrateUp(ctx context.Context, handle *sql.DB) error {
	return migrate(ctx, handle, func(ctx context.Context, p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
}

func migrateDown(ctx context.Context, handle *sql.DB) error {
	return migrate(ctx, handle, func(ctx context.Context, p *goose.Provider) error {
		_, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		return err
	})
}

func migrate(ctx context.Context, handle *sql.DB, run func(context.Context, *goose.Provider) error) error {
	store, err := newVersionStore()
	if err != nil {
		return err
	}
	p, err := newProvider(handle, store)
	if err != nil {
		return err
	}
	err = makeVersionTable(ctx, handle, store)
	if err == nil {
		err = run(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	return nil
}

func newProvider(handle *sql.DB, store *versionStore) (*goose.Provider, error) {
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectCustom, handle, files,
		goose.WithStore(store), goose.WithSessionLocker(migrationLock{}), goose.WithDisableGlobalRegistry(true))
}

func newVersionStore() (*versionStore, error) {
	store, err := goosedb.NewStore(goosedb.DialectSQLite3, versionTable)
	return &versionStore{store}, err
}

// versionStore marks, with a savepoint, how far the migrations have come whenever a version is recorded.
type versionStore struct{ goosedb.Store }

// Insert is database.Store's.
func (s *versionStore) Insert(ctx context.Context, db goosedb.DBTxConn, req goosedb.InsertRequest) error {
	if err := s.Store.Insert(ctx, db, req); err != nil {
		return err
	}
	return mark(ctx, db)
}

// Delete is database.Store's.
func (s *versionStore) Delete(ctx context.Context, db goosedb.DBTxConn, version int64) error {
	if err := s.Store.Delete(ctx, db, version); err != nil {
		return err
	}
	return mark(ctx, db)
}

func mark(ctx context.Context, db goosedb.DBTxConn) error {
	for _, statement := range []string{sqlReleaseMigration, sqlSavepointMigration} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// migrationLock lets one migrator at a time at the file: all it does is one transaction that holds the
// write lock. A migration that fails half-way is undone back to the last one that was recorded.
type migrationLock struct{}

// SessionLock is goose's lock.SessionLocker's.
func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	if err := beginOn(ctx, conn, migrationPatience); err != nil {
		return err
	}
	return endOn(ctx, conn, sqlSavepointMigration)
}

// SessionUnlock is goose's lock.SessionLocker's.
func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	return endOn(ctx, conn, sqlRollbackToMigration, sqlCommit)
}

// beginOn takes the write lock on one connection, in tries of the connection's busy timeout. The statement
// itself is not cancelled: it could then have begun a transaction that nobody ends.
func beginOn(ctx context.Context, conn *sql.Conn, patience time.Duration) error {
	for start := time.Now(); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := conn.ExecContext(context.WithoutCancel(ctx), sqlBeginImmediate)
		if err == nil || !isBusy(err) || time.Since(start) >= patience {
			return err
		}
	}
}

// endOn runs the statements, which usually end the connection's transaction; one that fails rolls it back.
func endOn(ctx context.Context, conn *sql.Conn, statements ...string) error {
	ctx = context.WithoutCancel(ctx)
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			_, rollbackErr := conn.ExecContext(ctx, sqlRollback)
			return errors.Join(err, rollbackErr)
		}
	}
	return nil
}

// makeVersionTable makes goose's table under the write lock; goose itself would do so without one.
func makeVersionTable(ctx context.Context, handle *sql.DB, store *versionStore) error {
	conn, err := handle.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := beginOn(ctx, conn, migrationPatience); err != nil {
		return err
	}
	exists, err := hasTable(ctx, conn, versionTable)
	if err == nil && !exists {
		err = store.CreateVersionTable(ctx, conn)
		if err == nil {
			err = store.Store.Insert(ctx, conn, goosedb.InsertRequest{Version: 0})
		}
	}
	if err != nil {
		return errors.Join(err, endOn(ctx, conn, sqlRollback))
	}
	return endOn(ctx, conn, sqlCommit)
}

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func hasTable(ctx context.Context, db rowQuerier, name string) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, sqlHasTable, name).Scan(&n)
	return n > 0, err
}

// isMigrated reports whether the database has all migrations of this version; one that is newer will do.
func isMigrated(ctx context.Context, handle *sql.DB) (bool, error) {
	list, err := migrationStatus(ctx, handle)
	for _, m := range list {
		if !m.Applied {
			return false, err
		}
	}
	return err == nil, err
}

// migrationStatus only reads.
func migrationStatus(ctx context.Context, handle *sql.DB) ([]Migration, error) {
	store, err := newVersionStore()
	if err != nil {
		return nil, err
	}
	p, err := newProvider(handle, store)
	if err != nil {
		return nil, err
	}
	applied, err := appliedVersions(ctx, handle, store)
	if err != nil {
		return nil, err
	}
	var list []Migration
	for _, source := range p.ListSources() {
		at, ok := applied[source.Version]
		list = append(list, Migration{Version: source.Version, Name: filepath.Base(source.Path), Applied: ok, AppliedAt: at})
	}
	return list, nil
}

func appliedVersions(ctx context.Context, handle *sql.DB, store *versionStore) (map[int64]time.Time, error) {
	if exists, err := hasTable(ctx, handle, versionTable); err != nil || !exists {
		return nil, err
	}
	rows, err := store.ListMigrations(ctx, handle)
	if err != nil {
		return nil, err
	}
	applied := make(map[int64]time.Time, len(rows))
	for _, r := range rows {
		m, err := store.GetMigration(ctx, handle, r.Version)
		if err != nil {
			return nil, err
		}
		if m.IsApplied {
			applied[r.Version] = m.Timestamp
		}
	}
	return applied, nil
}
