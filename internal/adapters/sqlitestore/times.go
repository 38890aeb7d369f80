package sqlitestore

import (
	"database/sql"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// Times are text that compares as the times do. lastTime and lastID are greater than any that is stored.
const (
	lastTime = "~"
	lastID   = "~"
)

// fact writes a time at which something happened.
func fact(t time.Time) string { return domain.FormatTime(t) }

// wake writes a time that is waited for: rounded up, so that no wait ends early.
func wake(t time.Time) string { return domain.FormatTime(domain.CeilMillis(t)) }

func factOrNull(t time.Time) sql.NullString {
	if t.IsZero() {
		return sql.NullString{}
	}
	return text(fact(t))
}

func wakeOrNull(t time.Time) sql.NullString {
	if t.IsZero() {
		return sql.NullString{}
	}
	return text(wake(t))
}

// text is a value that is not NULL.
func text(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }

// textOrNull stores "" as NULL.
func textOrNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// readTime reads a time as it is stored. What is no time reads as none, so that a damaged row harms itself only.
func readTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func readNullTime(s sql.NullString) time.Time {
	if !s.Valid {
		return time.Time{}
	}
	return readTime(s.String)
}
