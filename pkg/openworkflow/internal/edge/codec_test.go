package edge_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/internal/edge"
)

type marked string

func (u marked) MarshalText() ([]byte, error) { return []byte("^" + string(u)), nil }

// sealed marshals what nobody sees.
type sealed struct{ text string }

func (s sealed) MarshalJSON() ([]byte, error) { return json.Marshal(s.text) }

// addressed marshals itself only through a pointer.
type addressed struct{ n int }

func (a *addressed) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]int{"n": a.n}) }
func (a *addressed) UnmarshalJSON(raw []byte) error {
	var m map[string]int
	err := json.Unmarshal(raw, &m)
	a.n = m["n"]
	return err
}

func TestMarshalAny(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, `null`},
		{(*struct{})(nil), `null`},
		{struct{}{}, `{}`},
		{"<a href=\"x\">&\u2028", "\"<a href=\\\"x\\\">&\\u2028\""},
		{"\uFFFD", "\"\uFFFD\""},
		{`\ufffd`, `"\\ufffd"`},
		{json.RawMessage(`{ "a" : "\ufffd" }`), `{"a":"\ufffd"}`},
		{json.RawMessage(`12345678901234567890.5`), `12345678901234567890.5`},
		{json.Number("9007199254740993"), `9007199254740993`},
		{int64(math.MaxInt64), `9223372036854775807`},
		{[]byte{0xff, 0}, `"/wA="`},
		{map[string]any{"b": 1, "a": []any{}}, `{"a":[],"b":1}`},
		{map[int]string{1: "x"}, `{"1":"x"}`},
		{marked("abc"), `"^abc"`},
		{sealed{"x"}, `"x"`},
		{addressed{3}, `{"n":3}`},
		{*big.NewInt(7), `7`},
		{time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), `"2026-01-02T03:04:05.000006Z"`},
	} {
		got, err := edge.MarshalAny(c.v, 0)
		if err != nil || string(got) != c.want {
			t.Errorf("%#v: got %s, %v; want %s", c.v, got, err, c.want)
		}
	}
}

func TestMarshalThroughPointer(t *testing.T) {
	t.Parallel()
	v := addressed{5}
	raw, err := edge.Marshal(&v, 0)
	if err != nil || string(raw) != `{"n":5}` {
		t.Fatal(string(raw), err)
	}
	var back addressed
	if err := edge.Decode(raw, &back); err != nil || back.n != 5 {
		t.Error(back, err)
	}
	var dynamic any = addressed{6}
	if raw, err = edge.Marshal(&dynamic, 0); err != nil || string(raw) != `{"n":6}` {
		t.Error(string(raw), err)
	}
	dynamic = func() {}
	if _, err = edge.Marshal(&dynamic, 0); !errors.Is(err, domain.ErrInvalidPayload) {
		t.Error(err)
	}
}

func TestMarshalRefusesText(t *testing.T) {
	t.Parallel()
	type address struct {
		Street string
		Skip   string `json:"-"`
	}
	type base struct{ Note string }
	type person struct {
		base
		Name      string
		Addresses []address
		Meta      map[string]any
		Pointer   *string
		Sealed    *sealed
		Raw       json.RawMessage `json:",omitempty"`
	}
	bad := "a\xffb"
	for _, c := range []struct {
		v     any
		where string
	}{
		{bad, "the text is not valid UTF-8"},
		{&bad, "the text is not valid UTF-8"},
		{person{Name: bad}, "Name is not"},
		{person{Addresses: []address{{}, {Street: bad}}}, "Addresses[1].Street is not"},
		{person{Meta: map[string]any{"k": []any{1, bad}}}, "Meta[…][1] is not"},
		{person{Meta: map[string]any{bad: 1}}, "Meta[key] is not"},
		{person{Pointer: &bad}, "Pointer is not"},
		{person{Sealed: &sealed{bad}}, "Sealed.text is not"},
		{person{base: base{bad}}, "base.Note is not"},
		{map[string]int{bad: 1}, "[key] is not"},
		{marked(bad), "is not valid UTF-8"},
		{"a\x00b", `a NUL character (\u0000) at byte 2`},
		{person{Raw: json.RawMessage("\"\xff\"")}, "invalid UTF-8 at byte"},
		{json.RawMessage(`"\ud800"`), "a lone surrogate at byte 1"},
		{json.Number("1e999"), "beyond the range"},
		{math.NaN(), "unsupported value"},
	} {
		raw, err := edge.MarshalAny(c.v, 0)
		if !errors.Is(err, domain.ErrInvalidPayload) || !strings.Contains(err.Error(), c.where) {
			t.Errorf("%#v: got %s, %v; want %q", c.v, raw, err, c.where)
		}
	}
	// What is not written is not searched, and what is a real U+FFFD is no error beside an escape of one.
	ok := person{Addresses: []address{{Street: "\uFFFD", Skip: bad}}, Raw: json.RawMessage(`"\ufffd"`), Sealed: &sealed{"\uFFFD"}}
	if raw, err := edge.MarshalAny(ok, 0); err != nil {
		t.Error(string(raw), err)
	}
}

func TestMarshalLimit(t *testing.T) {
	t.Parallel()
	s := strings.Repeat("x", 98)
	if _, err := edge.Marshal(&s, 100); err != nil {
		t.Error(err)
	}
	if _, err := edge.Marshal(&s, 99); !errors.Is(err, domain.ErrPayloadTooLarge) {
		t.Error(err)
	}
}

// The buffers are shared, the results must not be.
func TestMarshalResultsAreTheirOwn(t *testing.T) {
	t.Parallel()
	one := "one"
	a, err := edge.Marshal(&one, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"two", "three"} {
		if _, err := edge.Marshal(&other, 0); err != nil {
			t.Fatal(err)
		}
	}
	if string(a) != `"one"` {
		t.Error(string(a))
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	type inner struct{ Qty int }
	type outer struct{ Lines []inner }
	var n int
	if err := edge.Decode(nil, &n); err != nil || n != 0 {
		t.Error(n, err)
	}
	var raw json.RawMessage
	if err := edge.Decode(nil, &raw); err != nil || string(raw) != "null" {
		t.Error(string(raw), err)
	}
	var p *struct{}
	if err := edge.Decode(json.RawMessage(`null`), &p); err != nil || p != nil {
		t.Error(p, err)
	}
	var o outer
	err := edge.Decode(json.RawMessage(`{"Lines":[{"Qty":12.75}]}`), &o)
	if err == nil || strings.Contains(err.Error(), "12.75") || !strings.Contains(err.Error(), "a JSON number at Lines.Qty cannot be read into int") {
		t.Error(err)
	}
	err = edge.Decode(json.RawMessage(`"secret"`), &o)
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "edge_test.outer") {
		t.Error(err)
	}
	if err = edge.Decode(json.RawMessage(`{"Lines":`), &o); err == nil {
		t.Error("half a value is accepted")
	}
}

// Every string is either stored and read back as it is, or refused.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", "\xff", "\x00", "\uFFFD", `\ufffd`, "\xed\xa0\x80", "🎉", "<&>\u2028\"\\"} {
		f.Add(s)
	}
	type value struct {
		A string
		M map[string]string
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := value{s, map[string]string{s: s}}
		raw, err := edge.Marshal(&v, 0)
		storable := utf8.ValidString(s) && !strings.Contains(s, "\x00")
		if (err == nil) != storable {
			t.Fatalf("%q: %v", s, err)
		}
		if err != nil {
			return
		}
		var back value
		if err := edge.Decode(raw, &back); err != nil || !reflect.DeepEqual(v, back) {
			t.Fatalf("%q came back as %+v, %v", s, back, err)
		}
	})
}

func BenchmarkMarshal(b *testing.B) {
	type userLine struct {
		SKU string
		Qty int
	}
	type user struct {
		ID    string `json:"id"`
		Email string `json:"email"`
		Lines []userLine
	}
	v := user{"01JD5", "ann@example.com", []userLine{{"a", 1}, {"b", 2}, {"c", 3}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := edge.Marshal(&v, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}
