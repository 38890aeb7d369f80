package workflowtest

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
)

// equalJSON compares two JSON values as values: the order of keys, white space and the spelling of numbers,
// which databases change, do not count. Nothing is null.
func equalJSON(a, b json.RawMessage) bool {
	x, okA := parse(a)
	y, okB := parse(b)
	if !okA || !okB {
		return bytes.Equal(a, b)
	}
	return reflect.DeepEqual(x, y)
}

func parse(raw json.RawMessage) (value any, ok bool) {
	if len(raw) == 0 {
		return nil, true
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, false
	}
	return normal(value), true
}

// normal spells numbers alike.
func normal(value any) any {
	switch v := value.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return json.Number(r.RatString())
		}
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = normal(v[k])
		}
	}
	return value
}
