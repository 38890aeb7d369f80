package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Safe makes text harmless for a terminal and for a line: control characters, which could move the cursor or
// change the terminal, and marks that reverse the direction of writing become visible escapes.
func Safe(text string) string { return escape(text, "") }

// SafeLines is Safe that leaves line breaks and tabs as they are.
func SafeLines(text string) string { return escape(text, "\n\t") }

func escape(text, keep string) string {
	if !strings.ContainsFunc(text, hazardous) && utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		switch {
		case !hazardous(r) || strings.ContainsRune(keep, r):
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < 0x100:
			fmt.Fprintf(&out, `\x%02x`, r)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}

func hazardous(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
}

// Cut shortens text to so many cells, the last of which is then an ellipsis.
func Cut(text string, cells int) string {
	if Cells(text) <= cells {
		return text
	}
	used := 0
	for i, r := range text {
		if used += runeCells(r); used > cells-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// CutID shortens an id to its end, where two ids of one moment differ.
func CutID(id string) string {
	const shown = 8
	if len(id) <= shown+1 {
		return id
	}
	return "…" + id[len(id)-shown:]
}

// Cells is how wide text is on a terminal.
func Cells(text string) int {
	n := 0
	for _, r := range text {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}
