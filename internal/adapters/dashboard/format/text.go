package format

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const day = 24 * time.Hour

// Duration writes d in at most two units: "840 µs", "1.25 s", "3 min 12 s", "4 d 2 h". What is negative is 0.
func Duration(d time.Duration) string {
	switch {
	case d <= 0:
		return "0 s"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", max(1, d.Microseconds()))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return trimZeros(fmt.Sprintf("%.2f", d.Truncate(10*time.Millisecond).Seconds())) + " s"
	case d < time.Minute:
		return trimZeros(fmt.Sprintf("%.1f", d.Truncate(100*time.Millisecond).Seconds())) + " s"
	case d < time.Hour:
		return units(d, time.Minute, "min", time.Second, "s")
	case d < day:
		return units(d, time.Hour, "h", time.Minute, "min")
	case d < 365*day:
		return units(d, day, "d", time.Hour, "h")
	}
	return units(d, 365*day, "y", day, "d")
}

func trimZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func units(d, big time.Duration, bigName string, small time.Duration, smallName string) string {
	rest := d % big / small
	if rest == 0 {
		return fmt.Sprintf("%d %s", d/big, bigName)
	}
	return fmt.Sprintf("%d %s %d %s", d/big, bigName, rest, smallName)
}

// Ago says how long before now (or after it) t is, coarsely: "just now", "12 s ago", "in 3 d". The zero time is "never".
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d > -time.Second && d < 2*time.Second:
		return "just now"
	case d < 0:
		return "in " + coarse(-d)
	}
	return coarse(d) + " ago"
}

// coarse is a duration in one unit, rounded down, as script does it too (assets/app.js).
func coarse(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d < 365*day:
		return fmt.Sprintf("%d d", d/day)
	}
	return fmt.Sprintf("%d y", d/(365*day))
}

// Time writes an instant in full, in UTC; the zero time is "".
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.000 UTC")
}

// Machine writes an instant for the datetime attribute.
func Machine(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// thinSpace groups digits without being a decimal mark in any language, and does not break the line.
const thinSpace = "\u202f"

// Count writes n with its digits grouped.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteString(thinSpace)
		}
		b.WriteRune(r)
	}
	return sign + b.String()
}

// Capped writes a number that was counted up to limit: "10 000+" is at least so many.
func Capped(n, limit int64) string {
	if limit > 0 && n >= limit {
		return Count(n) + "+"
	}
	return Count(n)
}

// Bytes writes a size: "312 B", "4.2 kB", "1.1 MB".
func Bytes(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return trimZeros(fmt.Sprintf("%.1f", float64(n)/1000)) + " kB"
	}
	return trimZeros(fmt.Sprintf("%.1f", float64(n)/1_000_000)) + " MB"
}

// Percent writes a part of a whole; of nothing it is "–".
func Percent(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case part > 0 && p < 0.1:
		return "< 0.1 %"
	case p < 10:
		return trimZeros(fmt.Sprintf("%.1f", p)) + " %"
	}
	return fmt.Sprintf("%.0f %%", p)
}

// Visible makes text show as what it is: characters that have no shape or turn the direction of the text around them are
// written as U+XXXX, and bytes that are no UTF-8 as U+FFFD. Line breaks and tabs stay.
func Visible(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
			continue
		}
		b.WriteRune(r) // of bytes that are no UTF-8, range makes U+FFFD
	}
	return b.String()
}

// hidden also covers the marks that override the direction of text. Joiners that languages and emoji need stay.
func hidden(r rune) bool {
	switch r {
	case '\n', '\t', '\r', '\u200c', '\u200d':
		return false
	case '\u2028', '\u2029', '\ufeff':
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// Shorten cuts text to at most n characters, the last of them an ellipsis if something is missing. Line breaks become spaces.
func Shorten(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	runes := []rune(s)
	return strings.TrimSpace(string(runes[:n-1])) + "…"
}
