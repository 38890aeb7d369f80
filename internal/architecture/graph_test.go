package architecture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/openworkflowdev/openworkflow-go"

// pkg is what `go list` tells of a package. Imports are those of its code without its tests.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// graph is the packages of the module and everything they depend on.
type graph map[string]pkg

func loadGraph(t *testing.T) graph {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	g := graph{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatalf("the output of go list: %v", err)
		}
		g[p.ImportPath] = p
	}
}

// reach returns everything that the package depends on, each with the chain of imports that leads there.
func (g graph) reach(from string) map[string][]string {
	chains := map[string][]string{from: {from}}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g[queue[0]].Imports {
			if _, seen := chains[next]; seen {
				continue
			}
			chain := chains[queue[0]]
			chains[next] = append(chain[:len(chain):len(chain)], next)
			queue = append(queue, next)
		}
	}
	delete(chains, from)
	return chains
}

// short drops the module's path: "internal/domain" says it all.
func short(path string) string {
	if rest, ours := strings.CutPrefix(path, module+"/"); ours {
		return rest
	}
	return path
}

func ours(path string) bool { return strings.HasPrefix(path, module+"/") }

// within reports whether path is the folder or below it.
func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

func withinAny(path string, folders []string) bool {
	for _, f := range folders {
		if within(path, f) {
			return true
		}
	}
	return false
}
