package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/sqlite"
)

// From where on something deserves a word.
const (
	lockLong   = time.Second
	walLarge   = 256 << 20
	freeLarge  = 256 << 20
	freeShare  = 0.5
	journalWAL = "wal"
)

func (a *app) examineSQLite(ctx context.Context, d *diagnosis, path string) {
	file, err := sqlite.Diagnose(ctx, path)
	if err != nil {
		d.add("connection", faulty, err.Error(), "check that the file is an SQLite database and that you may read and write it and its directory")
		return
	}
	file.Path = a.shown(file.Path)
	d.sqliteFile(file, a.prog.Name)
	a.examineTables(ctx, d, file.WriteError == nil)
}

func (d *diagnosis) sqliteFile(file *sqlite.Diagnosis, program string) {
	d.ok("connection", "%s, %s, SQLite %s", file.Path, render.Bytes(file.Bytes), file.Version)
	if file.JournalMode != journalWAL {
		d.add("journal", warning, fmt.Sprintf("the journal mode is %s: readers and the writer wait for each other", file.JournalMode),
			"the first worker or `"+program+" migrate up` sets WAL; a network file system cannot have it")
	} else {
		d.journal(file)
	}
	switch {
	case file.WriteError != nil:
		d.add("permissions", faulty, file.WriteError.Error(), "give this user the right to write the file and its directory, or end the program that locks it")
	case file.LockWait > lockLong:
		d.add("permissions", warning, fmt.Sprintf("it took %s to get the write lock", render.Duration(file.LockWait)), "look for a program that keeps transactions open on the file")
	default:
		d.ok("permissions", "the file can be written")
	}
	d.freeSpace(file)
}

func (d *diagnosis) journal(file *sqlite.Diagnosis) {
	if file.WALBytes > walLarge {
		d.add("journal", warning, fmt.Sprintf("%s-wal has grown to %s: a reader keeps it from being worked off", file.Path, render.Bytes(file.WALBytes)),
			"look for a program that keeps a transaction open on the file; PRAGMA wal_checkpoint(TRUNCATE) afterwards")
		return
	}
	d.ok("journal", "WAL, %s", render.Bytes(file.WALBytes))
}

func (d *diagnosis) freeSpace(file *sqlite.Diagnosis) {
	if file.FreeBytes > freeLarge && float64(file.FreeBytes) > freeShare*float64(file.Bytes) {
		d.add("free space", warning, fmt.Sprintf("%s of the file's %s are unused", render.Bytes(file.FreeBytes), render.Bytes(file.Bytes)),
			"VACUUM, while no worker runs, gives them back to the file system")
	}
}
