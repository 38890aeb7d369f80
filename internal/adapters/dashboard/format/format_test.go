package format_test

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/dashboard/format"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 300: "1 µs", 42 * time.Microsecond: "42 µs", 999 * time.Millisecond: "999 ms",
		time.Second: "1 s", 1250 * time.Millisecond: "1.25 s", 9999 * time.Millisecond: "9.99 s", 59999 * time.Millisecond: "59.9 s",
		time.Minute: "1 min", 192 * time.Second: "3 min 12 s", 125 * time.Minute: "2 h 5 min", 76 * time.Hour: "3 d 4 h", 400 * 24 * time.Hour: "1 y 35 d",
	} {
		if got := format.Duration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "just now", 1900 * time.Millisecond: "just now", 12 * time.Second: "12 s ago", 90 * time.Second: "1 min ago", 50 * time.Hour: "2 d ago",
		-30 * time.Second: "in 30 s", -3 * 24 * time.Hour: "in 3 d", 800 * 24 * time.Hour: "2 y ago",
	} {
		if got := format.Ago(now.Add(-d), now); got != want {
			t.Errorf("%v before now is %q, want %q", d, got, want)
		}
	}
	if got := format.Ago(time.Time{}, now); got != "never" {
		t.Errorf("no time is %q", got)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		format.Count(0): "0", format.Count(999): "999", format.Count(1234567): "1\u202f234\u202f567", format.Count(-12345): "-12\u202f345",
		format.Capped(9_999, 10_000): "9\u202f999", format.Capped(10_000, 10_000): "10\u202f000+", format.Capped(5, 0): "5",
		format.Bytes(312): "312 B", format.Bytes(4200): "4.2 kB", format.Bytes(1_048_576): "1 MB",
		format.Percent(0, 0): "–", format.Percent(1, 3000): "< 0.1 %", format.Percent(1, 40): "2.5 %", format.Percent(1, 2): "50 %",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestVisibleAndShorten(t *testing.T) {
	t.Parallel()
	if got := format.Visible("a\u202eb\x00c\xffd\tשלום👩\u200d🚀"); got != "a⟨U+202E⟩b⟨U+0000⟩c\ufffdd\tשלום👩\u200d🚀" {
		t.Errorf("%q", got)
	}
	if got := format.Shorten("one\n two  three", 9); got != "one two…" && got != "one two t…" {
		t.Errorf("%q", got)
	}
}

func TestJSONKinds(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{}`: "empty object", `{"a":1}`: "object, 1 key", `[1,2]`: "array, 2 items", `"x"`: "text", `12.5`: "number", `true`: "boolean", `null`: "null",
		`{broken`: "not JSON", ``: "nothing", `[1,`: "not JSON", `nul`: "not JSON",
	} {
		if got := format.JSON(json.RawMessage(raw)).Kind; got != want {
			t.Errorf("%s is %q, want %q", raw, got, want)
		}
	}
}

var tags = regexp.MustCompile(`<span class="j-[ksnw]">|</span>`)

// FuzzJSON: what is shown is what was stored, indented, and holds no tag but ours.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,"x",null,true,-1.5e3]}`, `"<script>"`, `{"a\"b":"\u0000"}`, `not json`, `"` + strings.Repeat("é", 40_000) + `"`, "\xff\"", `"\`, `12345678901234567890`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := format.JSON(json.RawMessage(s))
		shown := tags.ReplaceAllString(string(p.HTML), "")
		if strings.ContainsAny(shown, "<>\"'\x00") {
			t.Fatalf("%q is shown as %q", s, shown)
		}
		whole := format.Visible(strings.ToValidUTF8(format.Indented(json.RawMessage(s)), "\ufffd"))
		got := html.UnescapeString(shown)
		if !p.Cut && got != whole {
			t.Errorf("%q is shown as %q", whole, got)
		}
	})
}
