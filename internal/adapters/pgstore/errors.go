package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

// The SQLSTATEs that something is done about.
const (
	stateSerialization    = "40001"
	stateDeadlock         = "40P01"
	stateLockTimeout      = "55P03" // also of NOWAIT
	stateUniqueViolation  = "23505"
	stateReadOnly         = "25006" // a standby: the primary has moved
	stateUndefinedTable   = "42P01"
	stateUndefinedColumn  = "42703"
	stateUndefinedSchema  = "3F000"
	stateNoPrivilege      = "42501"
	stateBadPassword      = "28P01"
	stateBadAuthorization = "28000"
	stateNoDatabase       = "3D000"
	stateUnsupported      = "0A000"
	stateNoStatement      = "26000"
)

// closedPool is what a closed pool answers; its error is another module's that pgx does not show.
const closedPool = "closed pool"

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// transient reports whether the transaction is worth trying again at once: it was rolled back because of
// others, or because a statement was prepared before a migration.
func transient(err error) bool {
	switch sqlState(err) {
	case stateSerialization, stateDeadlock, stateLockTimeout, stateNoStatement:
		return true
	case stateUnsupported:
		return strings.Contains(err.Error(), "cached plan")
	}
	return false
}

// poison reports whether the server refuses values: cardinality, data, integrity, limits.
func poison(err error) bool {
	state := sqlState(err)
	return len(state) == 5 && slices.Contains([]string{"21", "22", "23", "54"}, state[:2])
}

// rejected is the answer to an item whose values the server refuses.
func rejected(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fmt.Errorf("%w: %s (SQLSTATE %s)", domain.ErrRejected, pg.Message, pg.Code)
	}
	return fmt.Errorf("%w: %w", domain.ErrRejected, err)
}

// connectionLost reports whether the connection is of no more use: it broke, or leads to a server that
// stops, has no room, or is no longer the primary.
func connectionLost(err error) bool {
	if err == nil {
		return false
	}
	state := sqlState(err)
	if state == "" {
		var network net.Error
		return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
	}
	return state == stateReadOnly || strings.HasPrefix(state, "57P0") || strings.HasPrefix(state, "53") || strings.HasPrefix(state, "08")
}

// interpretError says what an error of pgx means, and what to do about it. Nothing that it returns holds a
// password. Errors about values keep their SQLSTATE, for poison.
func interpretError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ports.ErrClosed) {
		return err
	}
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		// Its text may hold parts of a password that make the URL unreadable.
		return errors.New("openworkflow: the Postgres connection string cannot be read: use postgres://user:password@host:port/database, with special characters percent-encoded, or key=value pairs; check its options")
	}
	var dns *net.DNSError
	var connect *pgconn.ConnectError
	switch state := sqlState(err); {
	case state == stateUndefinedTable || state == stateUndefinedColumn || state == stateUndefinedSchema:
		return fmt.Errorf("%w (%w)", ports.ErrNotMigrated, err)
	case state == stateBadPassword || state == stateBadAuthorization:
		return fmt.Errorf("openworkflow: Postgres refused the user or password; check them in the connection string, and the server's pg_hba.conf: %w", err)
	case state == stateNoDatabase:
		return fmt.Errorf("openworkflow: the Postgres database does not exist; create it or check the connection string: %w", err)
	case state == stateNoPrivilege:
		return fmt.Errorf("openworkflow: the Postgres role lacks a privilege; grant it, or migrate with another role and open with WithoutMigrations: %w", err)
	case connectionLost(err) && state != "":
		return fmt.Errorf("openworkflow: the Postgres server cannot serve now: %w", err)
	case errors.As(err, &dns):
		return fmt.Errorf("openworkflow: the Postgres host %q is unknown; check the connection string and the name service: %w", dns.Name, err)
	case errors.As(err, &connect):
		return fmt.Errorf("openworkflow: Postgres cannot be reached; check that it runs and that host, port and TLS settings are right: %w", err)
	case err.Error() == closedPool:
		return ports.ErrClosed
	}
	return fmt.Errorf("openworkflow: postgres: %w", err)
}
