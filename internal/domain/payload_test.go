package domain_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

func TestCheckPayloadAccepts(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`null`, `true`, `false`, `0`, `-0`, `12`, `-1.5e3`, `1E+308`, `4.9e-324`, `0e5`, ` {} `, "\t[ ]\r\n",
		`""`, `"é世界🎉"`, `"\ud83c\udf89 \u00e9 \ufffd \" \\ \/ \b\f\n\r\t"`, `"\uD83C\uDF89"`,
		`{"a":[1,{"b":null}],"":""}`, `[[[[]]]]`, `{ "a" : 1 , "b" : [ 2 , 3 ] }`,
		`9007199254740993`, `123456789012345678901234567890.123456789`,
		strings.Repeat("9", 308), `0.` + strings.Repeat("1", 500), `"` + strings.Repeat("x", 100) + "\u00e9\"",
		"\"\x7f\"",
	} {
		if err := domain.CheckPayload(json.RawMessage(s), 0); err != nil {
			t.Errorf("%.40q: %v", s, err)
		}
	}
}

func TestCheckPayloadRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, what string }{
		{``, "too early at byte 0"},
		{`  `, "too early at byte 2"},
		{`nul`, "not JSON at byte 0"},
		{`tru]`, "not JSON"},
		{`undefined`, "not JSON"},
		{`'a'`, "not JSON"},
		{`1 2`, "follows the JSON value at byte 2"},
		{`{}x`, "follows"},
		{`{`, "without a quoted key"},
		{`{"a"}`, "without a colon"},
		{`{"a":1,}`, "without a quoted key"},
		{`{"a":1`, "too early"},
		{`[1,]`, "not JSON at byte 3"},
		{`[1 2]`, "comma or closing bracket is missing at byte 3"},
		{`[1}`, "comma or closing bracket"},
		{`"abc`, "a string without end"},
		{`"a\`, "a string without end"},
		{`"\x"`, "an unknown escape at byte 1"},
		{`"\u12g4"`, `a broken \u escape`},
		{`"\u12`, `a broken \u escape`},
		{`"ab\u0000"`, `a NUL character (\u0000) at byte 3`},
		{"\"12345678\x00\"", "a NUL character at byte 9"},
		{"\"a\nb\"", "a control character that is not escaped at byte 2"},
		{"\"12345678\x1f2345678\"", "a control character that is not escaped at byte 9"},
		{"\"12345678\xff\"", "invalid UTF-8 at byte 9"},
		{"\"\xed\xa0\x80\"", "invalid UTF-8 at byte 1"},
		{"\xff", "not JSON"},
		{`"\ud83c"`, "a lone surrogate at byte 1"},
		{`"\ud83cx\udf89"`, "a lone surrogate at byte 1"},
		{`"\udf89"`, "a lone surrogate at byte 1"},
		{`"\ud83c\ud83c"`, "a lone surrogate at byte 1"},
		{`01`, "a malformed number"},
		{`-`, "a malformed number"},
		{`1.`, "a malformed number"},
		{`.5`, "not JSON"},
		{`1e`, "a malformed number"},
		{`1e+`, "a malformed number"},
		{`[1e309]`, "a number beyond the range of a float64 at byte 1"},
		{`-1e309`, "beyond the range"},
		{strings.Repeat("9", 309), "beyond the range"},
		{`1e-400`, "beyond the range"},
		{`0e99999999999999999999`, "beyond the range"},
		{`0e100001`, "beyond the range"},
		{strings.Repeat("[", 20000), "nests too deep"},
	} {
		err := domain.CheckPayload(json.RawMessage(c.raw), 0)
		if !errors.Is(err, domain.ErrInvalidPayload) || !strings.Contains(err.Error(), c.what) {
			t.Errorf("%.40q: got %v, want %q", c.raw, err, c.what)
		}
	}
}

func TestCheckPayloadLimit(t *testing.T) {
	t.Parallel()
	raw := json.RawMessage(`"12345678"`)
	if err := domain.CheckPayload(raw, len(raw)); err != nil {
		t.Error(err)
	}
	err := domain.CheckPayload(raw, len(raw)-1)
	if !errors.Is(err, domain.ErrPayloadTooLarge) || !strings.Contains(err.Error(), "10 bytes of JSON, the limit is 9") {
		t.Error(err)
	}
}

// Whatever is accepted is JSON that Go reads, and whatever Go reads is refused only for a reason that
// can be found in the value.
func FuzzCheckPayload(f *testing.F) {
	for _, s := range []string{`{"a":[1,"x\u0000",true]}`, `"\ud83c\udf89"`, `1e309`, "\"\xff\"", `[0.1,-2E-3,null]`, `"1234567\"8901234\\"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := domain.CheckPayload(raw, 0)
		if err == nil {
			var v any
			if !utf8.Valid(raw) || json.Unmarshal(raw, &v) != nil {
				t.Fatalf("accepted %q", raw)
			}
			if !sane(v) {
				t.Fatalf("accepted the value of %q", raw)
			}
			return
		}
		if !json.Valid(raw) || !utf8.Valid(raw) {
			return
		}
		text := strings.ToLower(string(raw))
		if !strings.Contains(text, `\u0000`) && !strings.Contains(text, `\ud`) && !strings.ContainsAny(text, "e") && len(text) < 300 {
			t.Fatalf("refused %q: %v", raw, err)
		}
	})
}

func sane(v any) bool {
	switch v := v.(type) {
	case string:
		return !strings.Contains(v, "\x00")
	case float64:
		return !math.IsInf(v, 0)
	case []any:
		for _, e := range v {
			if !sane(e) {
				return false
			}
		}
	case map[string]any:
		for k, e := range v {
			if !sane(k) || !sane(e) {
				return false
			}
		}
	}
	return true
}

func BenchmarkCheckPayload(b *testing.B) {
	prose := `"` + strings.Repeat("All happy families are alike. ", 1000) + `"`
	order := `{"id":"01JD5","lines":[` + strings.Repeat(`{"sku":"A-1","qty":3,"price":12.5},`, 20) + `{}],"paid":true}`
	for _, c := range []struct{ name, raw string }{{"small", `{"userId":"1"}`}, {"order", order}, {"prose", prose}} {
		b.Run(c.name, func(b *testing.B) {
			raw := []byte(c.raw)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if err := domain.CheckPayload(raw, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
