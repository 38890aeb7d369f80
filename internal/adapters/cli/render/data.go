package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// JSON writes a value as indented JSON, with a line end behind.
func JSON(w io.Writer, value any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		return err
	}
	_, err := io.WriteString(w, safeJSON(out.String()))
	return err
}

// safeJSON writes what a terminal would obey as JSON's escapes: such characters only occur within texts.
func safeJSON(text string) string {
	if SafeLines(text) == text {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if hazardous(r) && r != '\n' && r != '\t' {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

// YAML writes a value as the YAML of its JSON: the same names in the same order.
func YAML(w io.Writer, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	node, err := yamlNode(dec)
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(node); err != nil {
		return err
	}
	return enc.Close()
}

var errEndOfList = errors.New("the end of a list or an object")

// yamlNode reads the next JSON value.
func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		switch v {
		case '{':
			return yamlList(dec, yaml.MappingNode)
		case '[':
			return yamlList(dec, yaml.SequenceNode)
		default:
			return nil, errEndOfList
		}
	case string:
		return yamlText(v), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null", Tag: "!!null"}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(token), Tag: "!!bool"}, nil
}

// yamlText is a text; one with what terminals obey is written between quotes, with escapes.
func yamlText(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text, Tag: "!!str"}
	if SafeLines(text) != text {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// yamlList reads the values up to the end of a list or an object, whose keys are values too.
func yamlList(dec *json.Decoder, kind yaml.Kind) (*yaml.Node, error) {
	out := &yaml.Node{Kind: kind}
	for {
		item, err := yamlNode(dec)
		if errors.Is(err, errEndOfList) {
			if len(out.Content) == 0 {
				out.Style = yaml.FlowStyle // {} and []
			}
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, item)
	}
}

// Payload writes stored JSON for people: indented, each line after so many spaces. Nothing is "-".
func Payload(raw json.RawMessage, spaces string) string {
	if len(raw) == 0 {
		return spaces + "-"
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, spaces, "  "); err != nil {
		return spaces + Safe(string(raw)) // not JSON: other programs may write to the tables too
	}
	return spaces + safeJSON(out.String())
}
