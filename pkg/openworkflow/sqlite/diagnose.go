package sqlite

import (
	"context"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore"
)

// Diagnosis is what Diagnose finds. It judges nothing: `openworkflow doctor` does.
type Diagnosis struct {
	// Version is that of the SQLite in the driver.
	Version string
	// Path is the database's file.
	Path string
	// JournalMode is "wal" once the database has been opened by Open.
	JournalMode string
	// Bytes is the size of the file, FreeBytes what of it nothing uses, and WALBytes the size of the file
	// beside it, whose content is not in it yet.
	Bytes, FreeBytes, WALBytes int64
	// WriteError is why nothing can be written; nil if it can. LockWait is how long it took to get the write
	// lock.
	WriteError error
	LockWait   time.Duration
}

// Diagnose looks at the database in the file with this path, migrated or not, and changes nothing. A file that
// does not exist is an error.
func Diagnose(ctx context.Context, path string) (*Diagnosis, error) {
	d, err := sqlitestore.Diagnose(ctx, path)
	if err != nil {
		return nil, err
	}
	out := Diagnosis(*d)
	return &out, nil
}
