package interop_test

import (
	"context"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

//go:embed typescript/*.mjs typescript/package.json typescript/package-lock.json
var program embed.FS

// installed is the folder of the Node program with its packages, or why there is none.
var installed = sync.OnceValues(install)

var installDir string // to be removed at the end

// parallel is how many tests run at once, whatever the number of processors: they wait most of the time.
const parallel = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set(parallel)
	}
	code := m.Run()
	if installDir != "" {
		os.RemoveAll(installDir)
	}
	os.Exit(code)
}

// install lays the program into a folder of its own, with the packages beside it.
func install() (string, error) {
	if err := checkNode(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "openworkflow-interop-")
	if err != nil {
		return "", err
	}
	installDir = dir
	files, err := fs.Sub(program, "typescript")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, files); err != nil {
		return "", err
	}
	if modules := findModules(); modules != "" {
		return dir, os.Symlink(modules, filepath.Join(dir, "node_modules"))
	}
	return dir, npmInstall(dir)
}

func checkNode() error {
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		return fmt.Errorf("there is no Node here: %w", err)
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < 20 {
		return fmt.Errorf("node is %s; the npm package openworkflow needs 20 or newer", version)
	}
	return nil
}

// findModules is a node_modules folder that holds the pinned versions.
func findModules() string {
	for _, dir := range []string{os.Getenv("OPENWORKFLOW_TEST_NODE_MODULES"), "typescript/node_modules"} {
		abs, err := filepath.Abs(dir)
		if dir != "" && err == nil && holdsPinned(abs) {
			return abs
		}
	}
	return ""
}

func holdsPinned(modules string) bool {
	raw, err := program.ReadFile("typescript/package.json")
	var pinned struct{ Dependencies map[string]string }
	if err != nil || json.Unmarshal(raw, &pinned) != nil {
		return false
	}
	for name, version := range pinned.Dependencies {
		var found struct{ Version string }
		raw, err := os.ReadFile(filepath.Join(modules, name, "package.json"))
		if err != nil || json.Unmarshal(raw, &found) != nil || found.Version != version {
			return false
		}
	}
	return true
}

func npmInstall(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm cannot install the package openworkflow (%w); run npm ci in internal/interop/typescript\n%s", err, out)
	}
	return nil
}
