package backendtest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backendtest"
	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/memory"
)

// The suite is only worth what it refuses: each backend below is broken in one way, and the case that is
// there to see it must fail. A failing test cannot be expected inside one process, so each runs in a
// process of its own, chosen by this variable.
const brokenVariable = "OPENWORKFLOW_BACKENDTEST_BROKEN"

// breakage makes a broken backend out of a sound one.
type breakage struct {
	seenBy string // Group/Case
	wrap   func(*memory.Backend) backend.Backend
}

func breakages() map[string]breakage {
	all := workerBreakages()
	for name, b := range clientBreakages() {
		all[name] = b
	}
	for name, b := range inspectBreakages() {
		all[name] = b
	}
	for name, b := range raceBreakages() {
		all[name] = b
	}
	return all
}

func TestBrokenBackendsAreSeen(t *testing.T) {
	t.Parallel()
	for name, b := range breakages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := runBroken(name, b.seenBy)
			if err == nil {
				t.Fatalf("the suite passed a backend that %s:\n%s", name, out)
			}
			if want := "--- FAIL: TestBrokenBackend/" + b.seenBy; !strings.Contains(out, want) {
				t.Fatalf("%s did not see it (%v):\n%s", b.seenBy, err, out)
			}
		})
	}
}

func TestSoundBackendPassesThere(t *testing.T) {
	t.Parallel()
	out, err := runBroken("is sound", "Claim/.*")
	if err != nil || !strings.Contains(out, "--- PASS: TestBrokenBackend/Claim/DueOrder") {
		t.Fatalf("a sound backend, run as the broken ones are: %v\n%s", err, out)
	}
}

func runBroken(name, seenBy string) (string, error) {
	group, testCase, _ := strings.Cut(seenBy, "/")
	cmd := exec.Command(os.Args[0], "-test.v", "-test.run", "^TestBrokenBackend$/^"+group+"$/^"+testCase+"$")
	cmd.Env = append(os.Environ(), brokenVariable+"="+name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestBrokenBackend is what the processes run; it does nothing otherwise.
func TestBrokenBackend(t *testing.T) {
	t.Parallel()
	name := os.Getenv(brokenVariable)
	if name == "" {
		t.Skip("runs in a process of its own, for " + brokenVariable)
	}
	wrap := func(b *memory.Backend) backend.Backend { return b }
	if b, ok := breakages()[name]; ok {
		wrap = b.wrap
	}
	var m memories
	backendtest.Run(t, func(_ *testing.T, store, namespace string) backend.Backend {
		if name == "forgets everything on reopening" {
			return memory.New(memory.WithNamespace(namespace))
		}
		return wrap(m.open(store, namespace))
	})
}
