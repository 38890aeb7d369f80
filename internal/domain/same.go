package domain

import (
	"bytes"
	"encoding/json"
	"io"
	"math/big"
)

// sameOutcome reports whether two attempts ended alike: a proposal that finds its attempt ended in another
// way was not the one that ended it.
func sameOutcome(a, b *StepAttempt) bool {
	return a.Status == b.Status && sameJSON(a.Output, b.Output) && sameFailure(a.Error, b.Error)
}

func sameFailure(a, b *Failure) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := ParseFailure(a.JSON()), ParseFailure(b.JSON()) // as they are once stored
	return *x == *y
}

// sameJSON compares values, not texts: databases write numbers and the order of keys in their own way. No
// value is null.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, okX := parseJSON(a)
	y, okY := parseJSON(b)
	return okX && okY && sameValue(x, y)
}

func parseJSON(raw json.RawMessage) (v any, ok bool) {
	if len(raw) == 0 {
		return nil, true
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}

func sameValue(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			if w, found := y[k]; !found || !sameValue(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !sameValue(x[i], y[i]) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := b.(json.Number)
		return ok && sameNumber(x.String(), y.String())
	}
	return a == b
}

func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}
