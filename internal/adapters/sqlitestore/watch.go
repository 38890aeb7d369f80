package sqlitestore

import (
	"context"
	"database/sql"
	"time"
)

// How often the file is looked at for commits of others, and how often at most they are told of when it
// cannot be said whether they were this store's own.
const (
	watchInterval     = 25 * time.Millisecond
	doubtfulAtMostPer = time.Second
)

// source watches the database for commits that are not this store's, until ctx ends.
type source interface {
	watch(ctx context.Context, committed func())
}

// ownSource asks the writer's connection: SQLite's data version, as that connection sees it, changes with
// everybody's commits but its own. While the writer is at work it looks itself.
type ownSource struct{ writer *writer }

func (o *ownSource) watch(ctx context.Context, _ func()) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		_ = o.writer.do(ctx, "", nil) // a failure is the next caller's to report; the next tick looks again
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// sharedSource has a connection of its own from the caller's handle. It sees this store's commits like all
// others; when both may have happened, it speaks up anyway, but not often.
type sharedSource struct {
	handle *sql.DB
	writer *writer
}

func (o *sharedSource) watch(ctx context.Context, committed func()) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	var s *session
	defer func() {
		if s != nil {
			_ = s.close()
		}
	}()
	w := sharedWatch{committed: committed}
	for {
		if s == nil {
			if conn, err := o.handle.Conn(ctx); err == nil {
				s = newSession(conn)
			}
		}
		if s != nil && !w.look(s, o.writer.commits.Load()) {
			_ = s.close()
			s = nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// sharedWatch is what one look leaves for the next.
type sharedWatch struct {
	committed func()
	commits   int64 // of the store's own, at the last look
	doubt     bool
	told      time.Time
}

func (w *sharedWatch) look(s *session, commits int64) (ok bool) {
	changed, err := s.readDataVersion()
	if err != nil {
		return false
	}
	own := commits != w.commits
	w.commits = commits
	w.doubt = w.doubt || changed && own
	switch {
	case changed && !own, w.doubt && time.Since(w.told) >= doubtfulAtMostPer:
		w.doubt, w.told = false, time.Now()
		w.committed()
	}
	return true
}
