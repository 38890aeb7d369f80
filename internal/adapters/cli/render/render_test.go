package render_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/render"
)

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]string{
		0: "now", 999 * time.Millisecond: "now", time.Second: "1s ago", 59 * time.Second: "59s ago", 61 * time.Second: "1m ago",
		3 * time.Hour: "3h ago", 47 * time.Hour: "47h ago", 48 * time.Hour: "2d ago", 30 * 24 * time.Hour: "30d ago",
		31 * 24 * time.Hour: "2026-10-22", -400 * time.Millisecond: "now", -700 * time.Millisecond: "in 1s",
		-5 * time.Minute: "in 5m", -5*time.Minute + time.Millisecond: "in 5m", -31 * 24 * time.Hour: "2026-12-23",
	} {
		if got := render.Ago(now, now.Add(-ago)); got != want {
			t.Errorf("%v: %q, want %q", ago, got, want)
		}
	}
	if got := render.Ago(now, time.Time{}); got != "-" {
		t.Errorf("never: %q", got)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0ms", 999 * time.Microsecond: "0ms", 7 * time.Millisecond: "7ms", 1240 * time.Millisecond: "1.24s", 2 * time.Second: "2s",
		12340 * time.Millisecond: "12.3s", 20 * time.Second: "20s", 192 * time.Second: "3m12s", 5*time.Hour + 4*time.Minute: "5h04m",
		51 * time.Hour: "2d03h", -time.Second: "-1s",
	} {
		if got := render.Duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", 1234567: "1 234 567", -12345: "-12 345", -123: "-123"} {
		if got := render.Count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 30: "5.0 GiB"} {
		if got := render.Bytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestSafe(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain – ümläut 日本 🎉":     "plain – ümläut 日本 🎉",
		"\x1b]0;title\x07":        `\x1b]0;title\x07`,
		"a\nb\tc\rd\x00":          `a\nb\tc\x0dd\x00`,
		"\u009b2J\u202eabc\u2066": `\x9b2J\u202eabc\u2066`,
		"bro\xffken":              "bro\ufffdken",
	} {
		if got := render.Safe(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := render.SafeLines("a\n\tb\x1b\rc"); got != "a\n\tb\\x1b\\x0dc" {
		t.Errorf("%q", got)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := render.Table{Columns: []render.Column{
		{Title: "NAME", Shrink: true}, {Title: "N", Right: true}, {Title: "GONE", Optional: true}, {Title: "NOTE", Max: 10},
	}}
	table.Add(render.Cell{Text: "日本語", Style: render.Green}, render.Cell{Text: "7"}, render.Cell{Text: "-"}, render.Cell{Text: "a note that is long"})
	table.Add(render.Cell{Text: "a long name for a thing"}, render.Cell{Text: "1 000"}, render.Cell{}, render.Cell{Text: "\x1b[2J"})
	for name, tt := range map[string]struct {
		width  int
		colour bool
		want   string
	}{
		"plain":  {0, false, "NAME                         N  NOTE\n日本語                       7  a note th…\na long name for a thing  1 000  \\x1b[2J\n"},
		"narrow": {31, false, "NAME              N  NOTE\n日本語            7  a note th…\na long name…  1 000  \\x1b[2J\n"},
		"colour": {0, true, "\x1b[1mNAME\x1b[0m                         \x1b[1mN\x1b[0m  \x1b[1mNOTE\x1b[0m\n" +
			"\x1b[32m日本語\x1b[0m                       7  a note th…\na long name for a thing  1 000  \\x1b[2J\n"},
	} {
		var out bytes.Buffer
		if err := table.Write(&out, render.Palette{Colours: tt.colour}, tt.width); err != nil || out.String() != tt.want {
			t.Errorf("%s: %v\n%q\nwant\n%q", name, err, out.String(), tt.want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"short": "short", "exactly10!": "exactly10!", "eleven char": "eleven ch…", "日本語日本語": "日本語日…"} {
		if got := render.Cut(text, 10); got != want || render.Cells(got) > 10 {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for id, want := range map[string]string{"a1": "a1", "01KAA0000000000000W0RKER01": "…W0RKER01"} {
		if got := render.CutID(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}

type thing struct {
	Zeta  string          `json:"zeta"`
	Alpha []string        `json:"alpha"`
	Raw   json.RawMessage `json:"raw"`
	Time  time.Time       `json:"time"`
	Yes   bool            `json:"yes"`
}

func TestYAML(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := render.YAML(&out, thing{
		Zeta: "true", Alpha: []string{}, Raw: json.RawMessage(`{"big":12345678901234567890,"text":"a\nb","null":null,"list":[1,"2",{}]}`),
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Yes: true,
	})
	want := `zeta: "true"
alpha: []
raw:
  big: 12345678901234567890
  text: |-
    a
    b
  "null": null
  list:
    - 1
    - "2"
    - {}
time: "2026-01-02T03:04:05Z"
yes: true
`
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out.String(), want)
	}
}

// FuzzData: what is printed as JSON and as YAML is read back as what it was, and holds nothing that a terminal
// would obey.
func FuzzData(f *testing.F) {
	f.Add("plain", `{"a":[1,2.5,null,true,"x"]}`)
	f.Add("\x1b[2J\u202e\u0085", "\"\u009b\"")
	f.Fuzz(func(t *testing.T, text, raw string) {
		if !json.Valid([]byte(raw)) {
			raw = "null"
		}
		in := thing{Zeta: text, Raw: json.RawMessage(raw)}
		plain, err := json.Marshal(in)
		if err != nil {
			t.Skip(err)
		}
		var want any
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Skip(err)
		}
		var out bytes.Buffer
		var got any
		if err := render.JSON(&out, in); err != nil {
			t.Fatal(err)
		}
		if render.SafeLines(out.String()) != out.String() {
			t.Errorf("JSON with %q", out.String())
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || !same(t, got, want) {
			t.Errorf("%v: %s is not %s", err, out.String(), plain)
		}
		out.Reset()
		if err := render.YAML(&out, in); err != nil {
			t.Fatal(err)
		}
		var back struct{ Zeta string }
		if err := yaml.Unmarshal(out.Bytes(), &back); err != nil || !same(t, back.Zeta, want.(map[string]any)["zeta"]) {
			t.Errorf("%v: YAML %q gives %q", err, out.String(), back.Zeta)
		}
	})
}

func same(t *testing.T, a, b any) bool {
	t.Helper()
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}
