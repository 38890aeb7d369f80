package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/sqlitestore/internal/dbsqlc"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// session is one connection with its prepared statements; it serves one goroutine at a time.
//
// Statements run to their end: the driver ends one by interrupting the connection, which costs a goroutine
// a statement and the connection. They are short, and contexts are looked at between them.
type session struct {
	conn        *sql.Conn
	stmts       map[string]*sql.Stmt
	queries     *dbsqlc.Queries
	dataVersion int64 // 0 is not read yet
}

var _ dbsqlc.DBTX = (*session)(nil)

func newSession(conn *sql.Conn) *session {
	s := &session{conn: conn, stmts: make(map[string]*sql.Stmt)}
	s.queries = dbsqlc.New(s)
	return s
}

func (s *session) close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

func (s *session) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = stmt
	return stmt, nil
}

// ExecContext is dbsqlc.DBTX's.
func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.stmt(ctx, query) //nolint:sqlclosecheck // kept with the connection
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// PrepareContext is dbsqlc.DBTX's.
func (s *session) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return s.conn.PrepareContext(ctx, query)
}

// QueryContext is dbsqlc.DBTX's.
func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.stmt(ctx, query) //nolint:sqlclosecheck // kept with the connection
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// QueryRowContext is dbsqlc.DBTX's.
func (s *session) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := s.stmt(ctx, query) //nolint:sqlclosecheck // kept with the connection
	if err != nil {
		return s.conn.QueryRowContext(ctx, query, args...) // fails alike; a Row cannot be made to carry an error
	}
	return stmt.QueryRowContext(ctx, args...)
}

func (s *session) exec(query string) error {
	_, err := s.ExecContext(context.Background(), query)
	return err
}

// readDataVersion reports whether a commit that was not this connection's came, or may have come, since it
// was last asked.
func (s *session) readDataVersion() (changed bool, err error) {
	var version int64
	if err := s.QueryRowContext(context.Background(), sqlDataVersion).Scan(&version); err != nil {
		return false, err
	}
	changed = s.dataVersion != version
	s.dataVersion = version
	return changed, nil
}

// pool lends sessions. One that keeps them has all their statements prepared; the other takes a connection
// of somebody else's handle each time and gives it back.
type pool struct {
	db    *sql.DB
	keep  bool
	slots chan struct{}

	mu     sync.Mutex
	idle   []*session
	closed bool
}

func newPool(db *sql.DB, size int, keep bool) *pool {
	return &pool{db: db, keep: keep, slots: make(chan struct{}, size)}
}

func (p *pool) get(ctx context.Context) (*session, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s, err := p.take(ctx)
	if err != nil {
		<-p.slots
	}
	return s, err
}

func (p *pool) take(ctx context.Context) (*session, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ports.ErrClosed
	}
	if n := len(p.idle); n > 0 {
		s := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return s, nil
	}
	p.mu.Unlock()
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return newSession(conn), nil
}

// put takes a session back; broken ones are not lent again.
func (p *pool) put(s *session, broken bool) {
	p.mu.Lock()
	keep := p.keep && !broken && !p.closed
	if keep {
		p.idle = append(p.idle, s)
	}
	p.mu.Unlock()
	if !keep {
		_ = s.close() // its statements and connection are gone with it
	}
	<-p.slots
}

// close waits for the sessions that are lent, and closes all.
func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	defer func() {
		for range cap(p.slots) {
			<-p.slots
		}
	}()
	var errs []error
	for _, s := range p.idle {
		errs = append(errs, s.close())
	}
	p.idle = nil
	return errors.Join(errs...)
}
