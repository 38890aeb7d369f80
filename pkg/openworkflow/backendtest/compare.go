package backendtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"time"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

func runIDs(runs []backend.Run) []string {
	out := make([]string, len(runs))
	for i := range runs {
		out[i] = runs[i].ID
	}
	return out
}

func sorted(ids []string) []string {
	out := slices.Clone(ids)
	slices.Sort(out)
	return out
}

func (f *fixture) sameIDs(what string, got, want []string) {
	f.Helper()
	if !slices.Equal(got, want) {
		f.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func (f *fixture) isErr(what string, got, want error) {
	f.Helper()
	if !errors.Is(got, want) {
		f.Fatalf("%s: got error %v, want %v", what, got, want)
	}
}

// sameJSON compares as JSON values; nil is null. Numbers compare exactly, however they are written.
func sameJSON(a, b json.RawMessage) bool {
	va, errA := decode(a)
	vb, errB := decode(b)
	return errA == nil && errB == nil && reflect.DeepEqual(va, vb)
}

func decode(raw json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return canonical(v), nil
}

func canonical(v any) any {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return "number " + r.RatString()
		}
		return v
	case []any:
		for i := range v {
			v[i] = canonical(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = canonical(v[k])
		}
	}
	return v
}

// moment stands, in an expected row, for the time at which the store did it.
var moment = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// span is the time in which the store did something, by its own clock.
type span struct{ from, to time.Time }

// during does something between two readings of the database's clock.
func (f *fixture) during(do func()) span {
	f.Helper()
	s := span{from: f.now()}
	do()
	s.to = f.now()
	return s
}

// precision is what rows have to keep of a time.
const precision = time.Millisecond

func (s span) sameTime(got, want time.Time) bool {
	switch {
	case want.IsZero() || got.IsZero():
		return want.IsZero() && got.IsZero()
	case want.Equal(moment):
		return !got.Before(s.from.Add(-precision)) && !got.After(s.to.Add(precision))
	}
	return got.Sub(want).Abs() < precision
}

type difference struct {
	field     string
	got, want any
}

func (d difference) String() string {
	return fmt.Sprintf("%s is %s, want %s", d.field, show(d.got), show(d.want))
}

func show(v any) string {
	switch v := v.(type) {
	case json.RawMessage:
		return string(v)
	case *backend.Failure:
		return string(v.JSON())
	case time.Time:
		if v.Equal(moment) {
			return "the time of the change"
		}
	}
	return fmt.Sprintf("%v", v)
}

// rows compares two rows field by field.
func (s span) rows(got, want any) (out []difference) {
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		a, b := g.Field(i).Interface(), w.Field(i).Interface()
		if !s.sameValue(a, b) {
			out = append(out, difference{g.Type().Field(i).Name, a, b})
		}
	}
	return out
}

func (s span) sameValue(got, want any) bool {
	switch w := want.(type) {
	case time.Time:
		return s.sameTime(got.(time.Time), w)
	case json.RawMessage:
		return sameJSON(got.(json.RawMessage), w)
	case *backend.Failure:
		return bytes.Equal(got.(*backend.Failure).JSON(), w.JSON())
	}
	return reflect.DeepEqual(got, want)
}

// sameRow compares a row with what the pure function makes of it.
func (f *fixture) sameRow(what string, s span, got, want any) {
	f.Helper()
	for _, d := range s.rows(got, want) {
		f.Errorf("%s: %v", what, d)
	}
}
