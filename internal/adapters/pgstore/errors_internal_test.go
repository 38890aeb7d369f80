package pgstore

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openworkflowdev/openworkflow-go/internal/ports"
)

func TestErrorsByState(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]struct {
		transient, poison, lost, notMigrated bool
		says                                 string
	}{
		"40001": {transient: true},
		"40P01": {transient: true},
		"26000": {transient: true},
		"21000": {poison: true},
		"22P02": {poison: true},
		"23505": {poison: true},
		"54000": {poison: true},
		"25006": {lost: true, says: "cannot serve now"},
		"57P01": {lost: true, says: "cannot serve now"},
		"57P03": {lost: true, says: "cannot serve now"},
		"53300": {lost: true, says: "cannot serve now"},
		"53100": {lost: true, says: "cannot serve now"},
		"08006": {lost: true, says: "cannot serve now"},
		"57014": {}, // a statement's time was up
		"42P01": {notMigrated: true},
		"42703": {notMigrated: true},
		"3F000": {notMigrated: true},
		"28P01": {says: "refused the user or password"},
		"28000": {says: "refused the user or password"},
		"3D000": {says: "does not exist"},
		"42501": {says: "lacks a privilege"},
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			pg := &pgconn.PgError{Code: state, Message: "words", Severity: "ERROR"}
			err := interpretError(fmt.Errorf("sending: %w", pg))
			if !errors.Is(err, pg) || !strings.Contains(err.Error(), want.says) {
				t.Errorf("interpreted as %v", err)
			}
			if transient(err) != want.transient || poison(err) != want.poison || connectionLost(err) != want.lost || errors.Is(err, ports.ErrNotMigrated) != want.notMigrated {
				t.Errorf("transient %v, poison %v, lost %v, not migrated %v", transient(err), poison(err), connectionLost(err), errors.Is(err, ports.ErrNotMigrated))
			}
		})
	}
	if !connectionLost(fmt.Errorf("reading: %w", io.ErrUnexpectedEOF)) || connectionLost(nil) || connectionLost(errors.New("other")) {
		t.Error("a broken connection is not told from others")
	}
}

func TestCreationKeyIsJavaScripts(t *testing.T) {
	t.Parallel()
	got := creationKey("n<s>&", "w\"\\/\b\f\n\r\t\x01\x1f\x7f", "k\u2028\u2029é😀")
	want := `{"namespaceId":"n<s>&","workflowName":"w\"\\/\b\f\n\r\t\u0001\u001f` + "\x7f" + `","idempotencyKey":"k` + "\u2028\u2029é😀" + `"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
