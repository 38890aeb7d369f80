package pgstore

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// pgx encodes the arguments of a statement into a small buffer and the messages of a pipeline into another, which grow as
// they fill, and lets both go afterwards. For columns of hundreds of values that is five times what is sent, and two fifths
// of all that a busy worker allocates. What is here has both buffers begin as large as they will be.

// enoughRoom is what pgx's buffers have anyhow.
const enoughRoom = 1024

// roomy is a column that makes room for all arguments of its statement, of which it is the first column.
type roomy struct {
	column texts
	room   int
}

// withRoom has the first column of texts make the room that args need.
func withRoom(args []any, room int) {
	for i := range args {
		if column, ok := args[i].(texts); ok && column != nil {
			args[i] = roomy{column, room}
			return
		}
	}
}

// MarshalJSON has logs of statements show the column.
func (r roomy) MarshalJSON() ([]byte, error) { return json.Marshal(r.column) }

// String has logs of statements show the column.
func (r roomy) String() string { return fmt.Sprint(r.column) }

// learnRoom teaches a connection to encode a roomy, if it cannot.
func learnRoom(conn *pgx.Conn) {
	types := conn.TypeMap()
	if types.PlanEncode(pgtype.TextArrayOID, pgtype.BinaryFormatCode, roomy{}) == nil {
		types.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapRoomy}, types.TryWrapEncodePlanFuncs...)
	}
}

func wrapRoomy(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	r, ok := value.(roomy)
	if !ok {
		return nil, nil, false
	}
	return &roomyPlan{}, r.column, true
}

type roomyPlan struct{ next pgtype.EncodePlan }

func (p *roomyPlan) SetNext(next pgtype.EncodePlan) { p.next = next }

func (p *roomyPlan) Encode(value any, buf []byte) ([]byte, error) {
	r := value.(roomy)
	return p.next.Encode(r.column, slices.Grow(buf, r.room))
}

// vacancy is a message that is not sent: it makes room for those that are. A trace of the protocol shows it as unknown, with 0 bytes.
type vacancy int

// Frontend marks a message to the server.
func (vacancy) Frontend() {}

// Decode does nothing.
func (vacancy) Decode([]byte) error { return nil }

// Encode adds nothing to what is about to be sent.
func (v vacancy) Encode(unsent []byte) ([]byte, error) { return slices.Grow(unsent, int(v)), nil }
