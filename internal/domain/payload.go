package domain

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// maxPayloadDepth bounds how deep a payload nests; encoding/json reads no deeper.
const maxPayloadDepth = 10000

// CheckPayload refuses what cannot be stored and read back alike in every database and both languages:
// what is not one JSON value, invalid UTF-8, NUL characters (raw or escaped), lone surrogates, and
// numbers beyond the range of a float64 (more digits than a float64 holds are kept). A payload of more
// than limit bytes is refused first; a limit of 0 is none.
//
// The errors wrap ErrPayloadTooLarge or ErrInvalidPayload and say what is wrong at which byte. They never
// quote the payload.
func CheckPayload(raw json.RawMessage, limit int) error {
	if limit > 0 && len(raw) > limit {
		return fmt.Errorf("%w: %d bytes of JSON, the limit is %d", ErrPayloadTooLarge, len(raw), limit)
	}
	c := payloadCheck{s: raw}
	c.space()
	if !c.value(0) {
		return c.err()
	}
	c.space()
	if c.i != len(c.s) {
		c.fail("something follows the JSON value")
		return c.err()
	}
	return nil
}

// payloadCheck reads JSON once. Its methods return false after they have noted what is wrong.
type payloadCheck struct {
	s     []byte
	i     int
	wrong string
	at    int
}

func (c *payloadCheck) err() error {
	return fmt.Errorf("%w: %s at byte %d", ErrInvalidPayload, c.wrong, c.at)
}

func (c *payloadCheck) fail(what string) bool {
	c.wrong, c.at = what, c.i
	return false
}

func (c *payloadCheck) space() {
	for c.i < len(c.s) {
		switch c.s[c.i] {
		case ' ', '\t', '\n', '\r':
			c.i++
		default:
			return
		}
	}
}

func (c *payloadCheck) value(depth int) bool {
	if c.i >= len(c.s) {
		return c.fail("the JSON ends too early")
	}
	if depth > maxPayloadDepth {
		return c.fail("the JSON nests too deep")
	}
	switch b := c.s[c.i]; {
	case b == '"':
		return c.text()
	case b == '{':
		return c.object(depth)
	case b == '[':
		return c.array(depth)
	case b == '-' || isDigit(b):
		return c.number()
	case b == 't':
		return c.literal("true")
	case b == 'f':
		return c.literal("false")
	case b == 'n':
		return c.literal("null")
	}
	return c.fail("not JSON")
}

func (c *payloadCheck) literal(word string) bool {
	if len(c.s)-c.i < len(word) || string(c.s[c.i:c.i+len(word)]) != word {
		return c.fail("not JSON")
	}
	c.i += len(word)
	return true
}

func (c *payloadCheck) object(depth int) bool {
	if c.opened('}') {
		return true
	}
	for {
		if c.i >= len(c.s) || c.s[c.i] != '"' {
			return c.fail("an object without a quoted key")
		}
		if !c.text() {
			return false
		}
		c.space()
		if c.i >= len(c.s) || c.s[c.i] != ':' {
			return c.fail("an object key without a colon")
		}
		c.i++
		c.space()
		if more, ok := c.member(depth, '}'); !more {
			return ok
		}
	}
}

func (c *payloadCheck) array(depth int) bool {
	if c.opened(']') {
		return true
	}
	for {
		if more, ok := c.member(depth, ']'); !more {
			return ok
		}
	}
}

// opened steps over the opening bracket and reports whether the closing one follows.
func (c *payloadCheck) opened(end byte) bool {
	c.i++
	c.space()
	if c.i < len(c.s) && c.s[c.i] == end {
		c.i++
		return true
	}
	return false
}

// member reads one value of an object or array and the comma or bracket behind it.
func (c *payloadCheck) member(depth int, end byte) (more, ok bool) {
	if !c.value(depth + 1) {
		return false, false
	}
	c.space()
	if c.i >= len(c.s) {
		return false, c.fail("the JSON ends too early")
	}
	switch c.s[c.i] {
	case ',':
		c.i++
		c.space()
		return true, true
	case end:
		c.i++
		return false, true
	}
	return false, c.fail("a comma or closing bracket is missing")
}

// text reads a string. Plain ASCII, by far the most, goes eight bytes at a time.
func (c *payloadCheck) text() bool {
	c.i++
	for {
		c.i += plain(c.s[c.i:])
		if c.i >= len(c.s) {
			return c.fail("a string without end")
		}
		switch b := c.s[c.i]; {
		case b == '"':
			c.i++
			return true
		case b == '\\':
			if !c.escape() {
				return false
			}
		case b == 0:
			return c.fail("a NUL character")
		case b < ' ':
			return c.fail("a control character that is not escaped")
		case b >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(c.s[c.i:])
			if r == utf8.RuneError && n == 1 {
				return c.fail("invalid UTF-8")
			}
			c.i += n
		default: // the tail of a string, shorter than eight bytes
			c.i++
		}
	}
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
)

// plain counts the leading bytes that need no look: whole words without quote, backslash, control
// character or non-ASCII, and of the word that has one, the bytes before it.
func plain(s []byte) int {
	n := 0
	for len(s)-n >= 8 {
		w := binary.LittleEndian.Uint64(s[n:])
		quote, slash := w^(everyByte*'"'), w^(everyByte*'\\')
		special := (quote-everyByte)&^quote | (slash-everyByte)&^slash | (w-everyByte*' ')&^w | w
		if special &= highBits; special != 0 {
			// The lowest bit set is exact; only those above it may be borrowed.
			return n + bits.TrailingZeros64(special)/8
		}
		n += 8
	}
	return n
}

func (c *payloadCheck) escape() bool {
	if c.i+1 >= len(c.s) {
		return c.fail("a string without end")
	}
	switch c.s[c.i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		c.i += 2
		return true
	case 'u':
		return c.unicodeEscape()
	}
	return c.fail("an unknown escape")
}

func (c *payloadCheck) unicodeEscape() bool {
	switch u := c.hex(c.i); {
	case u < 0:
		return c.fail("a broken \\u escape")
	case u == 0:
		return c.fail("a NUL character (\\u0000)")
	case u >= 0xDC00 && u <= 0xDFFF:
		return c.fail("a lone surrogate")
	case u >= 0xD800 && u <= 0xDBFF:
		if low := c.hex(c.i + 6); low < 0xDC00 || low > 0xDFFF {
			return c.fail("a lone surrogate")
		}
		c.i += 12
	default:
		c.i += 6
	}
	return true
}

// hex reads the escape \uXXXX at i; -1 if there is none.
func (c *payloadCheck) hex(i int) int {
	if len(c.s)-i < 6 || c.s[i] != '\\' || c.s[i+1] != 'u' {
		return -1
	}
	u := 0
	for _, b := range c.s[i+2 : i+6] {
		switch {
		case isDigit(b):
			u = u<<4 | int(b-'0')
		case b >= 'a' && b <= 'f':
			u = u<<4 | int(b-'a'+10)
		case b >= 'A' && b <= 'F':
			u = u<<4 | int(b-'A'+10)
		default:
			return -1
		}
	}
	return u
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// digits steps over digits and counts them.
func (c *payloadCheck) digits() int {
	from := c.i
	for c.i < len(c.s) && isDigit(c.s[c.i]) {
		c.i++
	}
	return c.i - from
}

func (c *payloadCheck) number() bool {
	from := c.i
	if c.s[c.i] == '-' {
		c.i++
	}
	zero := c.i < len(c.s) && c.s[c.i] == '0'
	whole := c.digits()
	if whole == 0 || (zero && whole > 1) {
		return c.fail("a malformed number")
	}
	fraction := 0
	if c.i < len(c.s) && c.s[c.i] == '.' {
		c.i++
		if fraction = c.digits(); fraction == 0 {
			return c.fail("a malformed number")
		}
	}
	exponent := c.i < len(c.s) && c.s[c.i]|0x20 == 'e'
	if exponent {
		c.i++
		if c.i < len(c.s) && (c.s[c.i] == '+' || c.s[c.i] == '-') {
			c.i++
		}
		if c.digits() == 0 {
			return c.fail("a malformed number")
		}
	}
	if !exponent && whole <= 308 && fraction <= 308 { // cannot leave the range
		return true
	}
	return c.inRange(from)
}

// inRange checks a number whose text is long or has an exponent.
func (c *payloadCheck) inRange(from int) bool {
	text := string(c.s[from:c.i])
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || (f == 0 && !isZero(text)) || hugeExponent(text) {
		c.i = from
		return c.fail("a number beyond the range of a float64")
	}
	return true
}

// isZero reports whether the digits before the exponent are all zero.
func isZero(number string) bool {
	for i := 0; i < len(number) && number[i]|0x20 != 'e'; i++ {
		if number[i] >= '1' && number[i] <= '9' {
			return false
		}
	}
	return true
}

// hugeExponent finds the exponents that only a zero can have and that Postgres refuses.
func hugeExponent(number string) bool {
	for i := range len(number) {
		if number[i]|0x20 == 'e' {
			e, err := strconv.Atoi(number[i+1:])
			return err != nil || e > 10000 || e < -10000
		}
	}
	return false
}
