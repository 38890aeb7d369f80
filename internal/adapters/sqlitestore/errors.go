package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// The primary result codes of SQLite that mean something here.
const (
	codeBusy       = 5
	codeLocked     = 6
	codeReadOnly   = 8
	codeInterrupt  = 9
	codeIO         = 10
	codeCorrupt    = 11
	codeFull       = 13
	codeCantOpen   = 14
	codeTooBig     = 18
	codeConstraint = 19
	codeMismatch   = 20
	codeNotADB     = 26
)

// coder is how drivers tell SQLite's result code; modernc.org/sqlite does.
type coder interface{ Code() int }

// codeOf is the primary result code of an error of SQLite, or 0.
func codeOf(err error) int {
	var c coder
	if errors.As(err, &c) {
		return c.Code() & 0xff
	}
	if err != nil && strings.Contains(err.Error(), "database is locked") {
		return codeBusy // of another driver
	}
	return 0
}

func isBusy(err error) bool {
	code := codeOf(err)
	return code == codeBusy || code == codeLocked
}

// isRefusal reports whether SQLite refused values, and would again.
func isRefusal(err error) bool {
	switch codeOf(err) {
	case codeConstraint, codeTooBig, codeMismatch:
		return true
	}
	return errors.Is(err, domain.ErrRejected)
}

// isBroken reports whether a connection is of no further use.
func isBroken(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || codeOf(err) == codeInterrupt
}

// isAnswer reports whether an error is the answer to a call. Any other one says that the database did not
// do its work, and that nothing of the transaction may be kept.
func isAnswer(err error) bool {
	for _, answer := range []error{
		domain.ErrRejected, domain.ErrRunNotFound, domain.ErrRunFinished, domain.ErrLeaseLost, domain.ErrWaitSatisfied,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return isRefusal(err)
}

// interpretError says what an error of the database means and what to do about it. Answers pass unchanged.
func interpretError(file string, err error) error {
	if err == nil || errors.Is(err, domain.ErrRejected) || errors.Is(err, ports.ErrNotMigrated) {
		return err
	}
	if strings.Contains(err.Error(), "no such table: ") || strings.Contains(err.Error(), "no such column: ") {
		return fmt.Errorf("%w (%s): %w", ports.ErrNotMigrated, file, err)
	}
	code := codeOf(err)
	if isRefusal(err) {
		return fmt.Errorf("%w: %w", domain.ErrRejected, err)
	}
	if advice, ok := adviceByCode[code]; ok {
		return fmt.Errorf("openworkflow: SQLite database %s: %s: %w", file, advice, err)
	}
	if code != 0 {
		return fmt.Errorf("openworkflow: SQLite database %s: %w", file, err)
	}
	return err
}

var adviceByCode = map[int]string{
	codeBusy:     "another connection holds the write lock for too long; keep transactions on the file short",
	codeLocked:   "another connection holds the write lock for too long; keep transactions on the file short",
	codeReadOnly: "cannot be written; the file, its -wal and -shm files and the directory must be writable by this user",
	codeIO:       "the disk reported an error; check the file system and that the file was not moved or deleted",
	codeCorrupt:  "the file is damaged; restore it from a backup, or save what can be read with the sqlite3 shell's .recover",
	codeFull:     "the disk (or the database's max_page_count) is full; make room, nothing was written",
	codeCantOpen: "cannot be opened; the directory must exist, and it and the file must be readable and writable",
	codeNotADB:   "the file is not a SQLite database (or it is encrypted); check the path",
}
