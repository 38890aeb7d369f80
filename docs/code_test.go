package docs_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCode compiles the Go code of the README and of the guides against the module. The code of one document is one
// package, together with testdata/<document>.go.txt, which holds what the text leaves out. A block is a whole
// file, declarations, or statements of a function with a ctx; imports are added.
func TestCode(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	replaced := make(map[string]string) // files that are not there, and where their text is
	var packages []string
	for name, path := range map[string]string{
		"README": "README.md", "concepts": "docs/concepts.md", "testing": "docs/testing.md", "production": "docs/production.md", "cli": "docs/cli.md",
		"observability": "docs/observability.md", "dashboard": "docs/dashboard.md",
	} {
		files := codeOf(t, filepath.Join(root, path), filepath.Join("testdata", name+".go.txt"))
		dir := "docs/compiled/" + strings.ToLower(name)
		packages = append(packages, "./"+dir)
		for i, text := range files {
			file := filepath.Join(t.TempDir(), fmt.Sprintf("%s%d.go", name, i))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			replaced[filepath.Join(root, dir, fmt.Sprintf("block%d.go", i))] = file
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-gcflags=-e", "-overlay=" + overlayFile}, packages...)...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	for _, line := range faults(string(out)) {
		t.Error(line)
	}
	if err != nil && len(out) == 0 {
		t.Error(err)
	}
}

var unused = regexp.MustCompile(`declared and not used|imported and not used`)

// faults are the lines of the compiler that matter: excerpts need not use all that they declare.
func faults(out string) []string {
	var all []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !unused.MatchString(line) {
			all = append(all, line)
		}
	}
	return all
}

// split separates the fenced blocks of a language from the text without any fenced block.
func split(document, language string) (blocks []string, text string) {
	var rest, block strings.Builder
	fenced, wanted := false, false
	for line := range strings.Lines(document) {
		fence, isFence := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "```")
		switch {
		case isFence && !fenced:
			fenced, wanted = true, fence == language
			block.Reset()
		case isFence:
			fenced = false
			if wanted {
				blocks = append(blocks, block.String())
			}
		case fenced:
			block.WriteString(line)
		default:
			rest.WriteString(line)
		}
	}
	return blocks, rest.String()
}

// codeOf returns the files that a document's blocks make.
func codeOf(t *testing.T, document, missing string) []string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	rest, err := os.ReadFile(missing)
	if err != nil {
		t.Fatal(err)
	}
	clause, _, _ := strings.Cut(string(rest), "\n")
	files := []string{withImports(t, string(rest))}
	blocks, _ := split(string(text), "go")
	for i, block := range blocks {
		file := asFile(block, clause)
		if file == "" {
			t.Fatalf("%s: Go block %d is neither a file nor declarations nor statements:\n%s", document, i+1, block)
		}
		files = append(files, withImports(t, file))
	}
	if len(files) == 1 {
		t.Fatalf("%s holds no Go code", document)
	}
	return files
}

// asFile makes a file of a block; "" if it cannot.
func asFile(block, clause string) string {
	for _, file := range []string{
		block,
		clause + "\n\n" + block,
		clause + "\n\nfunc _(ctx openworkflow.Context) error {\n" + block + "\nreturn nil\n}\n",
	} {
		if _, err := parser.ParseFile(token.NewFileSet(), "", file, 0); err == nil {
			return file
		}
	}
	return ""
}

const module = "github.com/openworkflowdev/openworkflow-go/pkg/openworkflow"

// known are the packages that blocks may use without importing them.
var known = map[string]string{
	"context": "context", "errors": "errors", "filepath": "path/filepath", "io": "io", "json": "encoding/json", "os": "os",
	"slog": "log/slog", "testing": "testing", "time": "time",
	"errgroup": "golang.org/x/sync/errgroup", "pgx": "github.com/jackc/pgx/v5", "pgxpool": "github.com/jackc/pgx/v5/pgxpool",
	"http": "net/http", "regexp": "regexp", "prometheus": "github.com/prometheus/client_golang/prometheus",
	"metrics": module + "/metrics", "owotel": module + "/otel", "health": module + "/health", "dashboard": module + "/dashboard",
	"cli": module + "/cli", "openworkflow": module, "postgres": module + "/postgres", "step": module + "/step", "workflowtest": module + "/workflowtest",
}

// withImports adds the imports of what the file names, unless it has imports of its own.
func withImports(t *testing.T, file string) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", file, 0)
	if err != nil {
		t.Fatalf("%v:\n%s", err, file)
	}
	if len(f.Imports) > 0 {
		return file
	}
	var used []string
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && known[x.Name] != "" && !slices.Contains(used, known[x.Name]) {
			used = append(used, known[x.Name])
		}
		return true
	})
	clause, rest, _ := strings.Cut(file, "\n")
	var imports strings.Builder
	for _, path := range used {
		fmt.Fprintf(&imports, "import %q\n", path)
	}
	return clause + "\n" + imports.String() + rest
}

// TestLinks finds links of the documents to files that are not there.
func TestLinks(t *testing.T) {
	t.Parallel()
	code := regexp.MustCompile("`[^`\n]*`")
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	for _, document := range []string{"../README.md", "concepts.md", "testing.md", "production.md", "observability.md", "cli.md"} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		_, prose := split(string(text), "")
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(prose, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}
