package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

// DefaultMaxPayload is the limit of a payload's JSON where the client sets none.
const DefaultMaxPayload = 1 << 20

// null is what a value that is not there is stored as.
var null = json.RawMessage("null")

// Null returns the JSON null.
func Null() json.RawMessage { return null }

// Marshal makes the storable JSON of *v, at most limit bytes of it. The value is marshalled through the
// pointer, so that MarshalJSON methods of pointers are used. The error wraps domain.ErrInvalidPayload or
// domain.ErrPayloadTooLarge.
func Marshal[T any](v *T, limit int) (json.RawMessage, error) {
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Interface {
		return MarshalAny(*v, limit)
	}
	if err := CheckType(t); err != nil {
		return nil, err
	}
	if t.Kind() == reflect.Pointer && reflect.ValueOf(v).Elem().IsNil() {
		return null, nil
	}
	return marshal(v, limit)
}

// MarshalAny is Marshal for a value whose type is not known before.
func MarshalAny(v any, limit int) (json.RawMessage, error) {
	if v == nil {
		return null, nil
	}
	t := reflect.TypeOf(v)
	if err := CheckType(t); err != nil {
		return nil, err
	}
	p := reflect.New(t)
	p.Elem().Set(reflect.ValueOf(v))
	return marshal(p.Interface(), limit)
}

// encoder is a JSON encoder with the buffer that it writes to.
type encoder struct {
	buf  bytes.Buffer
	json *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.json = json.NewEncoder(&e.buf)
	e.json.SetEscapeHTML(false) // as JSON.stringify, which TypeScript writes with
	return e
}}

// maxKeptBuffer is the largest buffer worth keeping for the next value.
const maxKeptBuffer = 64 << 10

func marshal(pointer any, limit int) (json.RawMessage, error) {
	e := encoders.Get().(*encoder)
	defer func() {
		if e.buf.Cap() <= maxKeptBuffer {
			e.buf.Reset()
			encoders.Put(e)
		}
	}()
	if err := e.json.Encode(pointer); err != nil {
		return nil, fmt.Errorf("%w: %s", domain.ErrInvalidPayload, err.Error()) // the chain of a user's MarshalJSON ends here
	}
	raw := bytes.TrimSuffix(e.buf.Bytes(), []byte("\n"))
	if err := domain.CheckPayload(raw, limit); err != nil {
		return nil, err
	}
	// The encoder writes the bytes of a string that are not UTF-8 as this escape, and a real U+FFFD as it is.
	if bytes.Contains(raw, []byte(`\ufffd`)) {
		if at, found := findInvalidText(reflect.ValueOf(pointer).Elem()); found {
			return nil, fmt.Errorf("%w: %s is not valid UTF-8", domain.ErrInvalidPayload, at)
		}
	}
	return bytes.Clone(raw), nil
}

// Decode reads stored JSON into *out. No JSON at all, which is SQL's NULL, is null, and null leaves the
// zero value. The error says what does not fit, without the value; the caller says whose it is.
func Decode[T any](raw json.RawMessage, out *T) error {
	if len(raw) == 0 {
		raw = null
	}
	if string(raw) == "null" && reflect.TypeFor[T]().Kind() == reflect.Pointer {
		var none T
		*out = none
		return nil
	}
	err := json.Unmarshal(raw, out)
	if err == nil {
		return nil
	}
	var misfit *json.UnmarshalTypeError
	if !errors.As(err, &misfit) {
		return fmt.Errorf("it does not fit %s: %w", reflect.TypeFor[T](), err)
	}
	kind, _, _ := strings.Cut(misfit.Value, " ") // "number 12.5" quotes the value
	at := ""
	if misfit.Field != "" {
		at = " at " + misfit.Field
	}
	return fmt.Errorf("it does not fit %s: a JSON %s%s cannot be read into %s", reflect.TypeFor[T](), kind, at, misfit.Type)
}
