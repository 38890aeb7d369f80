package ports

import "errors"

var (
	// ErrClientOnly is returned by the worker's methods of a backend that lives in a caller's transaction.
	ErrClientOnly = errors.New("openworkflow: a backend inside a transaction serves clients only; give the worker the backend itself")
	// ErrNotMigrated: the database lacks tables or columns that this version needs.
	ErrNotMigrated = errors.New("openworkflow: the database is not migrated; run `openworkflow migrate up` or open the backend without WithoutMigrations")
	// ErrClosed: the backend has been closed.
	ErrClosed = errors.New("openworkflow: the backend is closed")
)
