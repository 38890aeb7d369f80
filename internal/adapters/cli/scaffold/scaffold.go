package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"
)

// The backends that a project can begin with.
const (
	Postgres = "postgres"
	SQLite   = "sqlite"
)

// Project is what is written.
type Project struct {
	Dir     string // it is made if it is not there
	Backend string
	URL     string // of the database
	Module  string // the path for a new go.mod; where there is one, that counts
	Version string // of the library, for a new go.mod; "" leaves it to `go mod tidy`
}

// Result tells what became of the files, by their paths in the project.
type Result struct {
	Written []string `json:"written"`
	Kept    []string `json:"kept"` // there was a file already
	Module  string   `json:"module"`
	// Hints are what to do by hand to files that were kept.
	Hints []string `json:"hints,omitempty"`
}

//go:embed templates
var templates embed.FS

// files are the project's, in the order in which they are written.
var files = []struct {
	path, template string
	mode           fs.FileMode
}{
	{"go.mod", "gomod.tmpl", 0o644},
	{"openworkflow.yaml", "openworkflow.yaml.tmpl", 0o644},
	{".env", "env.tmpl", 0o600},
	{".gitignore", "gitignore.tmpl", 0o644},
	{"cmd/openworkflow/main.go", "main.go.tmpl", 0o644},
	{"workflows/greet.go", "greet.go.tmpl", 0o644},
	{"workflows/greet_test.go", "greet_test.go.tmpl", 0o644},
}

// Write writes the files that are not there yet.
func Write(p Project) (*Result, error) {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil { //nolint:gosec // a project is its team's to read
		return nil, err
	}
	existing, importPath, err := FindModule(p.Dir)
	if err != nil {
		return nil, err
	}
	out := &Result{Written: []string{}, Kept: []string{}, Module: existing}
	if existing == "" {
		if err := CheckModule(p.Module); err != nil {
			return nil, err
		}
		out.Module, importPath = p.Module, p.Module
	}
	values := map[string]string{
		"Backend": p.Backend, "URL": plainYAML(p.URL), "Quoted": quoted(p.URL), "Module": p.Module, "Import": importPath, "Version": p.Version,
	}
	for _, f := range files {
		if f.path == "go.mod" && existing != "" {
			continue // one above counts too
		}
		if err := out.write(p.Dir, f.path, f.template, f.mode, values); err != nil {
			return nil, err
		}
	}
	if existing != "" {
		out.Kept = append([]string{"go.mod"}, out.Kept...)
	}
	out.hint(p)
	return out, nil
}

func (r *Result) write(dir, name, from string, mode fs.FileMode, values map[string]string) error {
	t, err := template.ParseFS(templates, "templates/"+from)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, values); err != nil {
		return err
	}
	full := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil { //nolint:gosec // likewise
		return err
	}
	f, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) // whoever was first keeps it
	switch {
	case errors.Is(err, fs.ErrExist):
		r.Kept = append(r.Kept, name)
		return nil
	case err != nil:
		return err
	}
	_, err = f.Write(text.Bytes())
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	r.Written = append(r.Written, name)
	return nil
}

// hint says what is missing from files that were kept.
func (r *Result) hint(p Project) {
	for _, name := range r.Kept {
		text, err := os.ReadFile(filepath.Join(p.Dir, filepath.FromSlash(name)))
		if err != nil {
			continue
		}
		switch {
		case name == ".gitignore" && !ignores(string(text), ".env"):
			r.Hints = append(r.Hints, "add .env to .gitignore: it may hold a password")
		case name == ".env" && p.Backend == Postgres && !strings.Contains(string(text), "OPENWORKFLOW_URL"):
			r.Hints = append(r.Hints, "add OPENWORKFLOW_URL, the database's URL, to .env")
		}
	}
}

func ignores(text, name string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "/"); line == name || line == name+"*" || line == "*"+name {
			return true
		}
	}
	return false
}

// quoted is a value for .env: between quotes if it has characters that mean something there.
func quoted(value string) string {
	if !strings.ContainsAny(value, " \t#'\"\\$`\n") {
		return value
	}
	if !strings.ContainsAny(value, "'\n") {
		return "'" + value + "'"
	}
	return strconv.Quote(value)
}

var plainRE = regexp.MustCompile(`^[A-Za-z0-9_./:@-]+$`)

// plainYAML is a value for openworkflow.yaml, likewise.
func plainYAML(value string) string {
	if plainRE.MatchString(value) {
		return value
	}
	return strconv.Quote(value)
}

var moduleRE = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._~-]*(/[A-Za-z0-9_][A-Za-z0-9._~-]*)*$`)

// CheckModule refuses what Go would not take as a module's path.
func CheckModule(module string) error {
	if !moduleRE.MatchString(module) {
		return fmt.Errorf("%q is not a module path: write one such as example.com/app", module)
	}
	return nil
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+"?([^\s"]+)"?`)

// FindModule finds the module that a directory belongs to, and the import path of the directory. Both are "" if
// there is none.
func FindModule(dir string) (module, importPath string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		switch {
		case err == nil:
			m := moduleLine.FindSubmatch(text)
			if m == nil {
				return "", "", fmt.Errorf("%s names no module", filepath.Join(at, "go.mod"))
			}
			below, err := filepath.Rel(at, dir)
			return string(m[1]), path.Join(string(m[1]), filepath.ToSlash(below)), err
		case !errors.Is(err, fs.ErrNotExist):
			return "", "", err
		case at == filepath.Dir(at):
			return "", "", nil
		}
	}
}
