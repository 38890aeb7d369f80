package domain

import (
	"encoding/json"
)

// A run's context column holds what its creator propagated to whoever executes it, under the key that the
// TypeScript package uses (npm 0.10): {"traceContext": {"traceparent": "00-…", …}}.
const carrierKey = "traceContext"

// maxCarrier is the most bytes of propagated names and values that a run keeps: enough for W3C's limits of
// a traceparent, a tracestate and baggage.
const maxCarrier = 16 << 10

// WithCarrier returns the run context with the carrier in it, whatever else it holds kept. An empty carrier,
// and one that cannot be stored, leaves it as it is: what is propagated must not get in a run's way.
func WithCarrier(context json.RawMessage, carrier map[string]string) json.RawMessage {
	size := 0
	for name, value := range carrier {
		size += len(name) + len(value)
	}
	if size == 0 || size > maxCarrier {
		return context
	}
	kept := make(map[string]json.RawMessage)
	if len(context) > 0 && json.Unmarshal(context, &kept) != nil || kept == nil {
		kept = make(map[string]json.RawMessage)
	}
	raw, err := json.Marshal(carrier)
	if err != nil {
		return context
	}
	kept[carrierKey] = raw
	out, err := json.Marshal(kept)
	if err != nil || storableJSON("context", out) != nil {
		return context
	}
	return out
}

// CarrierOf returns the carrier in a run context, nil if there is none. One that holds anything but strings is
// none, as in TypeScript.
func CarrierOf(context json.RawMessage) map[string]string {
	if len(context) == 0 {
		return nil
	}
	var kept map[string]json.RawMessage
	if json.Unmarshal(context, &kept) != nil {
		return nil
	}
	var values map[string]any
	if json.Unmarshal(kept[carrierKey], &values) != nil || len(values) == 0 {
		return nil
	}
	carrier := make(map[string]string, len(values))
	for name, value := range values {
		text, ok := value.(string)
		if !ok {
			return nil
		}
		carrier[name] = text
	}
	return carrier
}
