package edge

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// findInvalidText looks for the string in v that is not valid UTF-8 and says where it is. What types that
// marshal themselves hide is searched too: what they write cannot be told from what the encoder replaced.
func findInvalidText(v reflect.Value) (at string, found bool) {
	w := textWalk{seen: make(map[visit]struct{})}
	if !w.bad(v, "", false) {
		return "", false
	}
	if w.at == "" {
		return "the text", true
	}
	return "the text at " + strings.TrimPrefix(w.at, "."), true
}

type visit struct {
	pointer uintptr
	length  int
	t       reflect.Type
}

type textWalk struct {
	seen map[visit]struct{}
	at   string
}

// bad reports whether there is invalid text in v, found at path. hidden is true inside values that
// marshal themselves: there unexported fields count as well.
func (w *textWalk) bad(v reflect.Value, path string, hidden bool) bool {
	if !v.IsValid() || v.Type() == rawMessage { // raw JSON has been checked byte by byte
		return false
	}
	if !hidden && v.Kind() != reflect.Interface && marshalsItself(v.Type()) {
		hidden = true
		if text, ok := marshalText(v); ok {
			return w.note(text, path)
		}
	}
	switch v.Kind() {
	case reflect.String:
		return w.note(v.String(), path)
	case reflect.Interface:
		return w.bad(v.Elem(), path, hidden)
	case reflect.Pointer:
		return !v.IsNil() && w.first(v) && w.bad(v.Elem(), path, hidden)
	case reflect.Slice:
		return w.first(v) && w.badList(v, path, hidden)
	case reflect.Array:
		return w.badList(v, path, hidden)
	case reflect.Map:
		return w.first(v) && w.badMap(v, path, hidden)
	case reflect.Struct:
		return w.badStruct(v, path, hidden)
	default:
		return false
	}
}

func (w *textWalk) note(text, path string) bool {
	if utf8.ValidString(text) {
		return false
	}
	w.at = path
	return true
}

// first reports whether a pointer, map or slice has not been followed before: what types that marshal
// themselves hide may have cycles.
func (w *textWalk) first(v reflect.Value) bool {
	key := visit{pointer: v.Pointer(), t: v.Type()}
	if v.Kind() == reflect.Slice {
		key.length = v.Len()
	}
	_, seen := w.seen[key]
	w.seen[key] = struct{}{}
	return !seen
}

func (w *textWalk) badList(v reflect.Value, path string, hidden bool) bool {
	switch v.Type().Elem().Kind() {
	case reflect.Uint8, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return false
	default:
	}
	for i := range v.Len() {
		if w.bad(v.Index(i), fmt.Sprintf("%s[%d]", path, i), hidden) {
			return true
		}
	}
	return false
}

func (w *textWalk) badMap(v reflect.Value, path string, hidden bool) bool {
	for it := v.MapRange(); it.Next(); {
		if w.bad(it.Key(), path+"[key]", hidden) || w.bad(it.Value(), path+"[…]", hidden) {
			return true
		}
	}
	return false
}

func (w *textWalk) badStruct(v reflect.Value, path string, hidden bool) bool {
	i := -1
	for f := range fields(v.Type()) {
		i++
		if !hidden && (f.Tag.Get("json") == "-" || (!f.IsExported() && !f.Anonymous)) {
			continue
		}
		if w.bad(v.Field(i), join(path, f.Name), hidden) {
			return true
		}
	}
	return false
}

// marshalText asks a value that is written as text, and not as JSON of its own, for it.
func marshalText(v reflect.Value) (string, bool) {
	if v.CanAddr() {
		v = v.Addr()
	}
	if v.Type().Implements(jsonMarshaler) || !v.Type().Implements(textMarshaler) || !v.CanInterface() {
		return "", false
	}
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return "", false
	}
	m, ok := v.Interface().(encoding.TextMarshaler)
	if !ok {
		return "", false
	}
	text, err := m.MarshalText()
	return string(text), err == nil
}
