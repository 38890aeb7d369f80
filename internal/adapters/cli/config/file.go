package config

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file reads the openworkflow.yaml that was named, or the nearest one, or the user's own.
func (s Sources) file(out *Config) (map[string]Value, error) {
	path, found := s.File, s.File != ""
	if found && !filepath.IsAbs(path) {
		path = filepath.Join(s.Dir, path)
	}
	if !found {
		path, found = s.nearest(FileName)
	}
	if !found && s.UserDir != "" {
		path = filepath.Join(s.UserDir, userFolder, FileName)
		found = isFile(path)
	}
	if !found {
		return nil, nil
	}
	text, err := s.read(path)
	if err != nil {
		return nil, err
	}
	out.Files = append(out.Files, s.short(path))
	r := fileReader{name: s.short(path), dir: filepath.Dir(path), values: make(map[string]Value)}
	return r.values, r.read(text, out)
}

// fileReader reads one openworkflow.yaml.
type fileReader struct {
	name, dir string
	values    map[string]Value
}

func (r *fileReader) read(text []byte, out *Config) error {
	var doc yaml.Node
	switch err := yaml.Unmarshal(text, &doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return r.syntax(err)
	case len(doc.Content) == 0: // nothing but comments
		return nil
	}
	return r.mapping(doc.Content[0], "", []field{
		{"url", r.text("url")},
		{"namespace", r.text("namespace")},
		{"schema", r.text("schema")},
		{"output", r.text("output")},
		{"worker", r.section("worker.", []field{
			{"concurrency", r.positive("worker.concurrency", &out.Worker.Concurrency)},
			{"metricsAddr", r.into("worker.metricsAddr", &out.Worker.MetricsAddr)},
		})},
		{"dashboard", r.section("dashboard.", []field{
			{"addr", r.into("dashboard.addr", &out.Dashboard.Addr)},
			{"readOnly", r.truth("dashboard.readOnly", &out.Dashboard.ReadOnly)},
		})},
	})
}

// field is an entry that may be given, and what reads it.
type field struct {
	key  string
	read func(*yaml.Node) error
}

func (r *fileReader) section(prefix string, fields []field) func(*yaml.Node) error {
	return func(n *yaml.Node) error { return r.mapping(n, prefix, fields) }
}

// mapping hands each entry to its field.
func (r *fileReader) mapping(n *yaml.Node, prefix string, fields []field) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return r.fault(n, "write entries such as %q here", prefix+fields[0].key+": …")
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		found := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		if found < 0 {
			return r.fault(key, "the entry %q is unknown; there are %s", prefix+key.Value, names(fields))
		}
		if line, twice := seen[key.Value]; twice {
			return r.fault(key, "%q was given in line %d already; keep one of them", prefix+key.Value, line)
		}
		seen[key.Value] = key.Line
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if err := fields[found].read(value); err != nil {
			return err
		}
	}
	return nil
}

func (r *fileReader) text(key string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		var text string
		err := r.into(key, &text)(n)
		r.values[key] = Value{Text: text, Origin: at(r.name, n.Line), Dir: r.dir}
		return err
	}
}

func (r *fileReader) into(key string, to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		switch {
		case n.Kind != yaml.ScalarNode:
			return r.fault(n, "%s is one text, not a list or a mapping", key)
		case n.Tag != "!!null":
			*to = strings.TrimSpace(n.Value)
		}
		return nil
	}
}

func (r *fileReader) positive(key string, to *int) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		var text string
		if err := r.into(key, &text)(n); err != nil || text == "" {
			return err
		}
		number, err := strconv.Atoi(text)
		if err != nil || number <= 0 {
			return r.fault(n, "%s is a whole number above 0", key)
		}
		*to = number
		return nil
	}
}

func (r *fileReader) truth(key string, to *bool) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Tag == "!!null" {
			return nil
		}
		if n.Kind != yaml.ScalarNode || n.Decode(to) != nil {
			return r.fault(n, "%s is true or false", key)
		}
		return nil
	}
}

func (r *fileReader) fault(n *yaml.Node, format string, args ...any) error {
	return &Error{r.name, n.Line, fmt.Sprintf(format, args...)}
}

var yamlLine = regexp.MustCompile(`line (\d+): ([\w ,'-]*)`)

// syntax keeps the line of the parser's error and, where it quotes nothing, its words.
func (r *fileReader) syntax(err error) error {
	out := &Error{File: r.name, Message: "this is not YAML; write entries such as \"url: sqlite:openworkflow.db\""}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		out.Line, _ = strconv.Atoi(m[1])
		if m[2] != "" {
			out.Message = "this is not YAML (" + strings.TrimSpace(m[2]) + "); check the indentation, and quote text with special characters"
		}
	}
	return out
}

func names(fields []field) string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.key
	}
	return strings.Join(out, ", ")
}

func at(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }
