package edge

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

var (
	errorType     = reflect.TypeFor[error]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	rawMessage    = reflect.TypeFor[json.RawMessage]()
	checkedTypes  sync.Map // reflect.Type → typeVerdict
)

type typeVerdict struct{ err error }

// CheckType refuses types whose values do not survive being stored as JSON and read back: functions,
// channels, complex numbers, error and other interfaces with methods, and structs that have fields but no
// exported one, at any depth. Types that marshal themselves (json.Marshaler, encoding.TextMarshaler) are
// trusted. Each type is looked at once. The error wraps domain.ErrInvalidPayload.
func CheckType(t reflect.Type) error {
	if t == nil {
		return nil
	}
	if v, ok := checkedTypes.Load(t); ok {
		return v.(typeVerdict).err
	}
	var err error
	if wrong := (typeCheck{}).check(t, ""); wrong != "" {
		err = fmt.Errorf("%w: values of type %s cannot be stored as JSON and read back: %s", domain.ErrInvalidPayload, t, wrong)
	}
	checkedTypes.Store(t, typeVerdict{err})
	return err
}

// typeCheck holds the types already looked at, so that recursive types end.
type typeCheck map[reflect.Type]struct{}

// check returns what is wrong with the type found at path ("" is the type itself), or "".
func (c typeCheck) check(t reflect.Type, path string) string {
	if _, seen := c[t]; seen {
		return ""
	}
	c[t] = struct{}{}
	if t.Kind() != reflect.Interface && marshalsItself(t) {
		return ""
	}
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return where(path, t) + " is a " + kindName(t.Kind())
	case reflect.Interface:
		return checkInterface(t, path)
	case reflect.Pointer:
		return c.check(t.Elem(), path)
	case reflect.Slice, reflect.Array:
		return c.check(t.Elem(), path+"[]")
	case reflect.Map:
		if !keyType(t.Key()) {
			return where(path, t) + " has keys that JSON has not"
		}
		return c.check(t.Elem(), path+"[]")
	case reflect.Struct:
		return c.checkStruct(t, path)
	default:
		return ""
	}
}

func checkInterface(t reflect.Type, path string) string {
	switch {
	case t == errorType:
		return where(path, t) + " is an error: return it as the error, or store its text"
	case t.NumMethod() > 0:
		return where(path, t) + " is an interface: JSON does not say which type to read back"
	}
	return ""
}

func (c typeCheck) checkStruct(t reflect.Type, path string) string {
	visible := t.NumField() == 0
	for f := range fields(t) {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "-" && options == "" {
			visible = visible || f.IsExported()
			continue
		}
		if f.Anonymous && !f.IsExported() {
			wrong, promoted := c.checkEmbedded(f, path)
			if wrong != "" {
				return wrong
			}
			visible = visible || promoted
			continue
		}
		if !f.IsExported() {
			continue
		}
		visible = true
		if strings.Contains(","+options+",", ",omitzero,") && !marshalsItself(f.Type) {
			continue // may be left out, so its values decide
		}
		if wrong := c.check(f.Type, join(path, f.Name)); wrong != "" {
			return wrong
		}
	}
	if !visible {
		return where(path, t) + ` has no exported field: export them, implement json.Marshaler, or tag the field json:"-"`
	}
	return ""
}

// checkEmbedded looks at an embedded field of an unexported type: only a struct's fields are promoted.
func (c typeCheck) checkEmbedded(f reflect.StructField, path string) (wrong string, promoted bool) {
	switch {
	case f.Type.Kind() == reflect.Struct && f.Type.NumField() > 0:
		return c.check(f.Type, join(path, f.Name)), true
	case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct:
		return where(join(path, f.Name), f.Type) + " is an embedded pointer to an unexported struct, which JSON cannot be read into", false
	}
	return "", false
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// marshalsItself reports whether the type's values, which are marshalled through a pointer, say
// themselves how they look as JSON.
func marshalsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonMarshaler) || p.Implements(textMarshaler) || t.Implements(jsonMarshaler) || t.Implements(textMarshaler)
}

func keyType(t reflect.Type) bool {
	switch k := t.Kind(); {
	case k == reflect.String, k >= reflect.Int && k <= reflect.Uintptr:
		return true
	}
	return t.Implements(textMarshaler)
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Func:
		return "function"
	case reflect.Chan:
		return "channel"
	case reflect.UnsafePointer:
		return "pointer without a type"
	default:
		return "complex number"
	}
}

func where(path string, t reflect.Type) string {
	if path == "" {
		return "it"
	}
	return strings.TrimPrefix(path, ".") + " (" + t.String() + ")"
}

func join(path, field string) string { return path + "." + field }
