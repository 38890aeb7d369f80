package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

// MaxShown is how much of a payload a page shows, in bytes of indented text. The rest can be downloaded.
const MaxShown = 64 << 10

// Payload is JSON as a page shows it.
type Payload struct {
	HTML  template.HTML // indented and coloured
	Size  int           // bytes as stored
	Lines int           // of HTML
	Kind  string        // "object, 3 keys", "array, 12 items", "text", "number", …
	Cut   bool          // only the beginning is in HTML
	Large bool          // shown folded
}

// JSON prepares raw for a page. Text that is not JSON is shown as it is. Everything in the result that came from
// raw is escaped.
func JSON(raw json.RawMessage) Payload {
	p := Payload{Size: len(raw), Kind: kind(raw)}
	text := indent(raw)
	if len(text) > MaxShown {
		text, p.Cut = text[:MaxShown], true
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	p.Lines = strings.Count(text, "\n") + 1
	p.Large = p.Lines > 24 || len(text) > 2000
	p.HTML = colour(text)
	return p
}

// Indented is the whole of raw, indented for people; what is not JSON stays as it is.
func Indented(raw json.RawMessage) string { return indent(raw) }

func indent(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) == 0 {
		return ""
	}
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

func kind(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "nothing"
	}
	switch c := raw[0]; {
	case c == '{':
		var m map[string]json.RawMessage
		if json.Unmarshal(raw, &m) == nil {
			return plural(len(m), "object", "key")
		}
	case c == '[':
		var l []json.RawMessage
		if json.Unmarshal(raw, &l) == nil {
			return plural(len(l), "array", "item")
		}
	case !json.Valid(raw):
	case c == '"':
		return "text"
	case c == 't', c == 'f':
		return "boolean"
	case c == 'n':
		return "null"
	default:
		return "number"
	}
	return "not JSON"
}

func plural(n int, what, of string) string {
	switch n {
	case 0:
		return "empty " + what
	case 1:
		return fmt.Sprintf("%s, 1 %s", what, of)
	}
	return fmt.Sprintf("%s, %d %ss", what, n, of)
}

// colour wraps the tokens of (perhaps cut, perhaps broken) JSON in spans. It writes nothing but its own tags and what
// HTMLEscapeString has escaped.
func colour(text string) template.HTML {
	var b strings.Builder
	b.Grow(len(text) * 2)
	for len(text) > 0 {
		class, n := token(text)
		part := template.HTMLEscapeString(Visible(text[:n]))
		if class == "" {
			b.WriteString(part)
		} else {
			b.WriteString(`<span class="` + class + `">` + part + `</span>`)
		}
		text = text[n:]
	}
	return template.HTML(b.String()) //nolint:gosec // every piece of it was escaped on the way in
}

// token finds the class and the length of the next token; a token has at least one byte.
func token(s string) (class string, n int) {
	switch c := s[0]; {
	case c == '"':
		n = stringEnd(s)
		if rest := strings.TrimLeft(s[n:], " "); strings.HasPrefix(rest, ":") {
			return "j-k", n
		}
		return "j-s", n
	case c == '-' || c >= '0' && c <= '9':
		return "j-n", span(s, "+-.eE0123456789")
	case c >= 'a' && c <= 'z':
		return "j-w", span(s, "abcdefghijklmnopqrstuvwxyz")
	}
	n = strings.IndexAny(s[1:], "\"-0123456789abcdefghijklmnopqrstuvwxyz")
	if n < 0 {
		return "", len(s)
	}
	return "", n + 1
}

func stringEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func span(s, of string) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(of, r) }); n >= 0 {
		return n
	}
	return len(s)
}
