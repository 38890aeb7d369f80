package config

import (
	"fmt"
	"path/filepath"
)

// The variables that are read, from the process's environment and from .env.
const (
	EnvURL       = "OPENWORKFLOW_URL"
	EnvNamespace = "OPENWORKFLOW_NAMESPACE"
	EnvSchema    = "OPENWORKFLOW_SCHEMA"

	EnvDashboardToken    = "OPENWORKFLOW_DASHBOARD_TOKEN" //nolint:gosec // a variable's name
	EnvDashboardUser     = "OPENWORKFLOW_DASHBOARD_USER"
	EnvDashboardPassword = "OPENWORKFLOW_DASHBOARD_PASSWORD" //nolint:gosec // likewise
)

// The files that are read.
const (
	FileName   = "openworkflow.yaml"
	DotenvName = ".env"
	userFolder = "openworkflow" // in the user's folder of configuration
)

// Value is a setting and where it comes from. Its zero value is a setting that nobody gave.
type Value struct {
	Text   string
	Origin string // "--url", "$OPENWORKFLOW_URL", ".env:3", "openworkflow.yaml:2"; "" is the default
	Dir    string // what a relative path in it is relative to; "" is the working directory
	Flag   bool   // given on the command line
}

// Config is what the command goes by.
type Config struct {
	URL       Value
	Namespace Value
	Schema    Value
	Output    Value
	Worker    Worker
	Dashboard Dashboard
	// Files are those that were found and read.
	Files []string

	secrets map[string]string
}

// Secret is what one of the dashboard's variables says, in the environment or in .env; "" if it is not set.
func (c *Config) Secret(name string) string { return c.secrets[name] }

// Worker is the worker section of openworkflow.yaml.
type Worker struct {
	Concurrency int // 0: not given
	MetricsAddr string
}

// Dashboard is the dashboard section of openworkflow.yaml.
type Dashboard struct {
	Addr     string
	ReadOnly bool
}

// Sources are where settings come from.
type Sources struct {
	Flags   map[string]string // by name, those that were given: url, namespace, schema, output
	Getenv  func(string) string
	Dir     string // the working directory
	UserDir string // the user's folder of configuration, such as ~/.config; "" is none
	File    string // --config: read instead of looking for openworkflow.yaml
}

// Error is a mistake in a file.
type Error struct {
	File    string
	Line    int // 0 is the whole file
	Message string
}

// Error is "file:line: message".
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// Load reads the sources. What is empty counts as not given. It returns an *Error for a mistake in a file.
func Load(s Sources) (*Config, error) {
	out := new(Config)
	dotenv, err := s.dotenv(out)
	if err != nil {
		return nil, err
	}
	file, err := s.file(out)
	if err != nil {
		return nil, err
	}
	for _, setting := range []struct {
		to             *Value
		name, variable string
	}{
		{&out.URL, "url", EnvURL},
		{&out.Namespace, "namespace", EnvNamespace},
		{&out.Schema, "schema", EnvSchema},
		{&out.Output, "output", ""},
	} {
		*setting.to = firstGiven(
			Value{Text: s.Flags[setting.name], Origin: "--" + setting.name, Dir: s.Dir, Flag: true},
			s.variable(setting.variable),
			dotenv[setting.variable],
			file[setting.name],
		)
	}
	out.secrets = make(map[string]string)
	for _, name := range []string{EnvDashboardToken, EnvDashboardUser, EnvDashboardPassword} {
		out.secrets[name] = firstGiven(s.variable(name), dotenv[name]).Text
	}
	return out, nil
}

func (s Sources) variable(name string) Value {
	if name == "" || s.Getenv == nil {
		return Value{}
	}
	return Value{Text: s.Getenv(name), Origin: "$" + name, Dir: s.Dir}
}

func firstGiven(values ...Value) Value {
	for _, v := range values {
		if v.Text != "" {
			return v
		}
	}
	return Value{}
}

// short is a path as people would name it from the working directory.
func (s Sources) short(path string) string {
	if rel, err := filepath.Rel(s.Dir, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
