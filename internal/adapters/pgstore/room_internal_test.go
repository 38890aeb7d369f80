package pgstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// What makes room is what is sent, and it is enough for all arguments: no buffer grows again.
func TestRoomIsEnoughAndChangesNothing(t *testing.T) {
	t.Parallel()
	const n = 300
	now := time.Now()
	fresh := func() []any {
		long, short, times := make([]string, n), make([]string, n), make([]time.Time, n)
		for i := range n {
			long[i], short[i], times[i] = strings.Repeat("é", i), "x", now
		}
		return []any{"default", []string(nil), long, short, times, make([]int32, n), make([]int64, n), make([]bool, n)}
	}
	oids := []uint32{
		pgtype.TextOID, pgtype.TextArrayOID, pgtype.TextArrayOID, pgtype.TextArrayOID, pgtype.TimestamptzArrayOID,
		pgtype.Int4ArrayOID, pgtype.Int8ArrayOID, pgtype.BoolArrayOID,
	}
	types := pgtype.NewMap()
	types.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapRoomy}, types.TryWrapEncodePlanFuncs...)
	encode := func(args []any) (all []byte, values [][]byte, grown int) {
		roomy := false
		for i := range args {
			before := cap(all)
			buf, err := types.Encode(oids[i], types.FormatCodeForOID(oids[i]), args[i], all)
			if err != nil {
				t.Fatal(i, err)
			}
			if buf == nil {
				values = append(values, nil)
				continue
			}
			values = append(values, buf[len(all):])
			if all = buf; roomy && cap(all) > before {
				grown++
			}
			roomy = roomy || oids[i] == pgtype.TextArrayOID
		}
		return all, values, grown
	}
	plain := fresh()
	lean(plain)
	want, _, grows := encode(plain)
	if grows == 0 {
		t.Fatal("without room the buffer does not grow either: nothing is tested")
	}
	args := fresh()
	size := lean(args)
	withRoom(args, size)
	got, values, grows := encode(args)
	if !bytes.Equal(got, want) {
		t.Error("with room something else is sent")
	}
	if grows > 0 || size < len(want) || size > len(want)*5/4 {
		t.Errorf("room for %d bytes, of which %d were used; the buffer grew %d times", size, len(want), grows)
	}

	if asJSON, err := json.Marshal(args[2]); err != nil || !bytes.HasPrefix(asJSON, []byte(`["","é","éé",`)) || fmt.Sprint(args[2]) != fmt.Sprint(plain[2]) {
		t.Errorf("a log of the statement shows %.40s, %.40v, %v", asJSON, args[2], err)
	}

	var wire bytes.Buffer
	frontend := pgproto3.NewFrontend(nil, &wire)
	frontend.Send(vacancy(size))
	frontend.SendBind(&pgproto3.Bind{Parameters: values})
	if err := frontend.Flush(); err != nil {
		t.Fatal(err)
	}
	bind, err := (&pgproto3.Bind{Parameters: values}).Encode(nil)
	if err != nil || !bytes.Equal(wire.Bytes(), bind) {
		t.Errorf("%d bytes on the wire, and %d without the vacancy: %v", wire.Len(), len(bind), err)
	}
	if room, err := vacancy(size).Encode([]byte("unsent")); err != nil || string(room) != "unsent" || cap(room) < size {
		t.Errorf("%q with room for %d, %v", room, cap(room), err)
	}
}
