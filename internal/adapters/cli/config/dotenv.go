package config

import (
	"path/filepath"
	"strings"
)

// dotenv reads OPENWORKFLOW_… from the nearest .env. Other variables in it are other programs', and so are
// lines that this reader does not understand.
func (s Sources) dotenv(out *Config) (map[string]Value, error) {
	path, found := s.nearest(DotenvName)
	if !found {
		return nil, nil
	}
	text, err := s.read(path)
	if err != nil {
		return nil, err
	}
	out.Files = append(out.Files, s.short(path))
	values := make(map[string]Value)
	for _, entry := range parseDotenv(string(text)) {
		if !strings.HasPrefix(entry.name, "OPENWORKFLOW_") {
			continue
		}
		if entry.fault != "" {
			return nil, &Error{s.short(path), entry.line, entry.fault}
		}
		values[entry.name] = Value{
			Text: entry.value, Origin: at(s.short(path), entry.line), Dir: filepath.Dir(path),
		}
	}
	return values, nil
}

// entry is an assignment of a .env file.
type entry struct {
	line        int
	name, value string
	fault       string
}

// parseDotenv reads NAME=value, with or without "export", quotes and a comment behind. Text in double quotes
// knows \n, \" and \\; text in quotes may go over several lines.
func parseDotenv(text string) []entry {
	var out []entry
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		if line == "" || line[0] == '#' {
			continue
		}
		line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
		name, value, assigned := strings.Cut(line, "=")
		e := entry{line: i + 1, name: strings.TrimSpace(name)}
		value = strings.TrimSpace(value)
		switch {
		case !assigned:
			e.fault = "write NAME=value"
		case strings.HasPrefix(value, `"`), strings.HasPrefix(value, "'"):
			var closed bool
			for e.value, closed = unquote(value); !closed && i+1 < len(lines); e.value, closed = unquote(value) {
				i++
				value += "\n" + strings.TrimSuffix(lines[i], "\r")
			}
			if !closed {
				e.fault = "the quote is not closed"
			}
		default:
			e.value = uncommented(value)
		}
		out = append(out, e)
	}
	return out
}

// unquote reads text that begins with a quote up to its fellow.
func unquote(text string) (value string, closed bool) {
	var out strings.Builder
	quote := text[0]
	for i := 1; i < len(text); i++ {
		c := text[i]
		switch {
		case c == quote:
			return out.String(), true
		case c == '\\' && quote == '"' && i+1 < len(text):
			i++
			out.WriteString(unescaped(text[i]))
		default:
			out.WriteByte(c)
		}
	}
	return "", false
}

func unescaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case '"', '\\', '$':
		return string(c)
	}
	return `\` + string(c)
}

// uncommented drops a comment: a # after a space, since URLs have # within.
func uncommented(value string) string {
	for i := range len(value) {
		if value[i] == '#' && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
			return strings.TrimSpace(value[:i])
		}
	}
	return value
}
