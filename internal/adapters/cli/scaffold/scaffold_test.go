package scaffold_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/internal/adapters/cli/scaffold"
)

func TestFindModule(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if module, path, err := scaffold.FindModule(deep); module != "" || path != "" || err != nil {
		t.Errorf("without go.mod: %q, %q, %v", module, path, err)
	}
	mod := filepath.Join(root, "go.mod")
	for text, want := range map[string][2]string{
		"module example.com/m\n":                {"example.com/m", "example.com/m/a/b"},
		"// a comment\n\nmodule \"x\" // why\n": {"x", "x/a/b"},
		"module\texample.com/m/v2":              {"example.com/m/v2", "example.com/m/v2/a/b"},
	} {
		if err := os.WriteFile(mod, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if module, path, err := scaffold.FindModule(deep); module != want[0] || path != want[1] || err != nil {
			t.Errorf("%q: %q, %q, %v", text, module, path, err)
		}
	}
	if err := os.WriteFile(mod, []byte("go 1.25\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := scaffold.FindModule(deep); err == nil || !strings.Contains(err.Error(), "names no module") {
		t.Errorf("without a name: %v", err)
	}
}

func TestCheckModule(t *testing.T) {
	t.Parallel()
	for module, good := range map[string]bool{
		"app": true, "example.com/a_b/v2": true, "my-shop.io/~x": false, "": false, "a//b": false, "/a": false, "a/": false, "a b": false, "a\nb": false, "..": false,
	} {
		if err := scaffold.CheckModule(module); (err == nil) != good {
			t.Errorf("%q: %v", module, err)
		}
	}
}

// TestValues: whatever the URL holds, the files give it back.
func TestValues(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"sqlite:app.db":         "url: sqlite:app.db\n",
		"sqlite:my app #1.db":   "url: \"sqlite:my app #1.db\"\n",
		"sqlite:it's \"it\".db": "url: \"sqlite:it's \\\"it\\\".db\"\n",
	} {
		dir := t.TempDir()
		if _, err := scaffold.Write(scaffold.Project{Dir: dir, Backend: scaffold.SQLite, URL: url, Module: "app"}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "openworkflow.yaml"))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%q: %v\n%s", url, err, text)
		}
	}
}

// TestUnwritable: what cannot be written is an error, and not silence.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cmd"), nil, 0o600); err != nil { // a file where a directory must be
		t.Fatal(err)
	}
	if _, err := scaffold.Write(scaffold.Project{Dir: dir, Backend: scaffold.SQLite, URL: "sqlite:a.db", Module: "app"}); err == nil {
		t.Error("no error")
	}
}
