package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// memoryPath is the path of a database that lives and dies with its handle.
const memoryPath = ":memory:"

// busyTimeout is the connections' own: how long one try for a lock takes. Between tries contexts are looked at.
const busyTimeout = 100 * time.Millisecond

// readerCount is how many connections read beside the writer.
const readerCount = 4

// Open opens, or creates, the database in a file; ":memory:" is one in memory.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := checkPath(path); err != nil {
		return nil, err
	}
	db := &database{name: path, hub: newHub(), scan: defaultScan}
	if path != memoryPath {
		db.file = path
	}
	writeDB, err := openHandle(path, false)
	if err != nil {
		return nil, interpretError(path, err)
	}
	writeDB.SetMaxOpenConns(1)
	db.own = append(db.own, writeDB)
	if err := prepare(ctx, writeDB, path, o); err != nil {
		return nil, errors.Join(interpretError(path, err), writeDB.Close())
	}
	db.writer = &writer{pool: newPool(writeDB, 1, true), hub: db.hub, patience: o.BusyTimeout}
	if path != memoryPath {
		readDB, err := openHandle(path, true)
		if err != nil {
			return nil, errors.Join(interpretError(path, err), writeDB.Close())
		}
		db.own = append(db.own, readDB)
		db.readers = newPool(readDB, readerCount, true)
	}
	db.hub.source = &ownSource{writer: db.writer}
	if err := db.writer.do(ctx, "", nil); err != nil { // what others commit from now on is news
		return nil, errors.Join(interpretError(path, err), db.close())
	}
	return newStore(db, o.Namespace), nil
}

// FromDB uses the caller's handle, which the caller closes.
func FromDB(ctx context.Context, handle *sql.DB, o Options) (*Store, error) {
	o = o.withDefaults()
	if handle == nil {
		return nil, errors.New("openworkflow: sqlite: the *sql.DB is nil")
	}
	name := "(of the caller's handle)"
	var file string
	if err := handle.QueryRowContext(ctx, sqlDatabaseFile).Scan(&file); err != nil {
		return nil, interpretError(name, err)
	}
	single := handle.Stats().MaxOpenConnections == 1
	if file == "" && !single {
		return nil, errors.New("openworkflow: sqlite: every connection of this *sql.DB has a database in memory of its own; " +
			"use a file, or call SetMaxOpenConns(1)")
	}
	if file != "" {
		name = file
	}
	if err := prepareShared(ctx, handle, o); err != nil {
		return nil, interpretError(name, err)
	}
	db := &database{name: name, file: file, hub: newHub(), scan: defaultScan}
	db.writer = &writer{pool: newPool(handle, 1, false), hub: db.hub, patience: o.BusyTimeout}
	if !single {
		db.readers = newPool(handle, readerCount, false)
		db.hub.source = &sharedSource{handle: handle, writer: db.writer}
	}
	return newStore(db, o.Namespace), nil
}

// checkPath gives the mistakes that SQLite answers with "unable to open database file" a better answer.
func checkPath(path string) error {
	switch {
	case path == memoryPath:
		return nil
	case strings.TrimSpace(path) == "":
		return errors.New("openworkflow: sqlite: the path is empty; give the path of a file, or \":memory:\"")
	case strings.HasPrefix(path, "file:") || strings.Contains(path, "://"):
		return errors.New("openworkflow: sqlite: give the path of a file, not a URI")
	case strings.IndexByte(path, 0) >= 0:
		return errors.New("openworkflow: sqlite: the path contains NUL")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("openworkflow: sqlite: %s is a directory; give the path of a file in it", path)
	}
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("openworkflow: sqlite: the directory %s does not exist; create it first", dir)
	case err == nil && !info.IsDir():
		return fmt.Errorf("openworkflow: sqlite: %s is not a directory", dir)
	case err != nil:
		return fmt.Errorf("openworkflow: sqlite: the directory of the database cannot be looked at: %w", err)
	}
	return nil
}

// openHandle opens a handle whose connections are set up as the store needs them.
func openHandle(path string, readOnly bool) (*sql.DB, error) {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(" + strconv.FormatInt(busyTimeout.Milliseconds(), 10) + ")",
		"foreign_keys(1)",
		"synchronous(FULL)",
		"temp_store(MEMORY)",
		"cache_size(-16000)",
	}}
	if readOnly {
		query.Add("_pragma", "query_only(1)")
	}
	name := memoryPath
	if path != memoryPath {
		uri, err := fileURI(path)
		if err != nil {
			return nil, err
		}
		name = uri
	}
	handle, err := sql.Open("sqlite", name+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	handle.SetMaxIdleConns(readerCount + 1)
	return handle, nil
}

// fileURI writes a path so that SQLite reads nothing in it as anything else.
func fileURI(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") { // a drive letter
		slashed = "/" + slashed
	}
	segments := strings.Split(slashed, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	return "file://" + strings.Join(segments, "/"), nil
}

// prepare makes the store's own file ready: WAL, the tables, and the right to write.
func prepare(ctx context.Context, handle *sql.DB, path string, o Options) error {
	if err := checkVersion(ctx, handle); err != nil {
		return err
	}
	if path != memoryPath {
		if err := enableWAL(ctx, handle); err != nil {
			return err
		}
	}
	return prepareTables(ctx, handle, o)
}

func prepareShared(ctx context.Context, handle *sql.DB, o Options) error {
	if err := checkVersion(ctx, handle); err != nil {
		return err
	}
	return prepareTables(ctx, handle, o)
}

func prepareTables(ctx context.Context, handle *sql.DB, o Options) error {
	current, err := isMigrated(ctx, handle)
	switch {
	case err != nil:
		return err
	case !current && o.WithoutMigrations:
		return ports.ErrNotMigrated
	case !current:
		return migrateUp(ctx, handle)
	}
	return checkWritable(ctx, handle, o)
}

// enableWAL switches the file to WAL mode, which stays. The switch needs the file for itself, and SQLite
// does not wait for that: several processes that open a new file together take turns here.
func enableWAL(ctx context.Context, handle *sql.DB) error {
	var mode string
	for start := time.Now(); ; {
		err := handle.QueryRowContext(ctx, sqlEnableWAL).Scan(&mode)
		if err == nil {
			break
		}
		if !isBusy(err) || time.Since(start) >= defaultBusyTimeout {
			return err
		}
		select {
		case <-time.After(25 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if mode != "wal" {
		return fmt.Errorf("openworkflow: sqlite: the journal mode stays %q instead of WAL; the file system must support shared memory (network file systems do not)", mode)
	}
	return nil
}

// checkWritable finds out at once what the first run would find out later.
func checkWritable(ctx context.Context, handle *sql.DB, o Options) error {
	conn, err := handle.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := beginOn(ctx, conn, o.BusyTimeout); err != nil {
		return err
	}
	return endOn(ctx, conn, sqlTouch, sqlRollback)
}

// checkVersion refuses a SQLite that can damage a WAL database when two connections write and checkpoint at
// once (the WAL-reset bug, fixed in 3.51.3).
func checkVersion(ctx context.Context, handle *sql.DB) error {
	var version string
	if err := handle.QueryRowContext(ctx, sqlVersion).Scan(&version); err != nil {
		return err
	}
	if !versionAtLeast(version, 3, 51, 3) {
		return fmt.Errorf("openworkflow: sqlite: the driver contains SQLite %s, which can damage databases in WAL mode; "+
			"3.51.3 or newer is needed (modernc.org/sqlite v1.50.1 has it)", version)
	}
	return nil
}

func versionAtLeast(version string, least ...int) bool {
	parts := strings.Split(version, ".")
	for i, want := range least {
		got := 0
		if i < len(parts) {
			got, _ = strconv.Atoi(parts[i]) // what is no number counts as 0
		}
		if got != want {
			return got > want
		}
	}
	return true
}
