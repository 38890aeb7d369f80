package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"time"
)

// Diagnosis is what a look at a database's file finds. It judges nothing.
type Diagnosis struct {
	Version     string // of the SQLite in the driver
	Path        string
	JournalMode string
	Bytes       int64 // of the file
	FreeBytes   int64 // of it, in pages that nothing uses
	WALBytes    int64 // of the file beside it with what is not in it yet
	// WriteError is why nothing can be written; nil if it can. LockWait is how long the lock took.
	WriteError error
	LockWait   time.Duration
}

// diagnosisPatience is how long the write lock is waited for: whoever looks waits too.
const diagnosisPatience = 2 * time.Second

// Path is the path of the database's file; "" if there is none, or if the caller's handle does not tell.
func (s *Store) Path() string { return s.db.file }

// Diagnose looks at the database in a file, migrated or not. It changes nothing; a file that does not exist is
// an error.
func Diagnose(ctx context.Context, path string) (*Diagnosis, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil && path != memoryPath {
		return nil, interpretError(path, err)
	}
	handle, err := openHandle(path, false)
	if err != nil {
		return nil, interpretError(path, err)
	}
	handle.SetMaxOpenConns(1)
	d, err := diagnose(ctx, handle, path)
	return d, interpretError(path, errors.Join(err, handle.Close()))
}

func diagnose(ctx context.Context, handle *sql.DB, path string) (*Diagnosis, error) {
	d := &Diagnosis{Path: path}
	if err := handle.QueryRowContext(ctx, sqlVersion).Scan(&d.Version); err != nil {
		return nil, err
	}
	var size, pages, free int64
	if err := handle.QueryRowContext(ctx, sqlFileFacts).Scan(&d.JournalMode, &size, &pages, &free); err != nil {
		return nil, err
	}
	d.Bytes, d.FreeBytes = size*pages, size*free
	info, err := os.Stat(path + "-wal")
	switch {
	case err == nil:
		d.WALBytes = info.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	started := time.Now()
	d.WriteError = interpretError(path, writable(ctx, handle))
	d.LockWait = time.Since(started)
	return d, nil
}

// writable takes the write lock and gives it back; with the tables there, it also tries to change one.
func writable(ctx context.Context, handle *sql.DB) error {
	conn, err := handle.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	exists, err := hasTable(ctx, conn, "openworkflow_migrations")
	if err != nil {
		return err
	}
	if err := beginOn(ctx, conn, diagnosisPatience); err != nil {
		return err
	}
	if exists {
		return endOn(ctx, conn, sqlTouch, sqlRollback)
	}
	return endOn(ctx, conn, sqlRollback)
}
