package domain_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/domain"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestCarrierIsTypeScripts(t *testing.T) {
	t.Parallel()
	carrier := map[string]string{"traceparent": traceparent, "baggage": "who=ann&bob<1>"}
	raw := domain.WithCarrier(nil, carrier)
	var stored struct {
		TraceContext map[string]string `json:"traceContext"`
	}
	if err := json.Unmarshal(raw, &stored); err != nil || !maps.Equal(stored.TraceContext, carrier) {
		t.Errorf("%s: %v", raw, err)
	}
	if got := string(domain.WithCarrier(nil, map[string]string{"traceparent": traceparent})); got != `{"traceContext":{"traceparent":"`+traceparent+`"}}` {
		t.Error(got)
	}
	if got := domain.CarrierOf(raw); !maps.Equal(got, carrier) {
		t.Errorf("read back: %v", got)
	}
}

func TestCarrierBesideOthers(t *testing.T) {
	t.Parallel()
	before := json.RawMessage(`{"other":{"deep":[1]},"traceContext":{"traceparent":"old","tracestate":"old"}}`)
	after := domain.WithCarrier(before, map[string]string{"traceparent": "new"})
	if string(after) != `{"other":{"deep":[1]},"traceContext":{"traceparent":"new"}}` {
		t.Errorf("%s", after)
	}
}

// What cannot be stored is left out, and the run's context stays as it is.
func TestCarrierThatCannotBeStored(t *testing.T) {
	t.Parallel()
	before := json.RawMessage(`{"other":1}`)
	for name, carrier := range map[string]map[string]string{
		"nil": nil, "empty": {}, "nothing in it": {"": ""}, "NUL": {"a": "b\x00"}, "too large": {"baggage": strings.Repeat("x", 20<<10)},
	} {
		if got := domain.WithCarrier(before, carrier); string(got) != string(before) {
			t.Errorf("%s: %s", name, got)
		}
		if got := domain.WithCarrier(nil, carrier); got != nil {
			t.Errorf("%s, no context before: %s", name, got)
		}
	}
	for _, odd := range []string{`null`, `[]`, `"text"`, `1`, ``} {
		got := domain.WithCarrier(json.RawMessage(odd), map[string]string{"traceparent": "new"})
		if string(got) != `{"traceContext":{"traceparent":"new"}}` {
			t.Errorf("a context of %q: %s", odd, got)
		}
	}
}

func TestCarrierThatIsNone(t *testing.T) {
	t.Parallel()
	for _, context := range []string{
		``, `null`, `[]`, `{}`, `{"traceContext":null}`, `{"traceContext":[]}`, `{"traceContext":"x"}`, `{"traceContext":{}}`,
		`{"traceContext":{"traceparent":1}}`, `{"traceContext":{"traceparent":"x","other":null}}`, `{`,
	} {
		if got := domain.CarrierOf(json.RawMessage(context)); got != nil {
			t.Errorf("%s: %v", context, got)
		}
	}
}
