package backendtest

import (
	"testing"

	"github.com/openworkflowdev/openworkflow-go/pkg/openworkflow/backend"
)

// Opener opens a backend for the test. store names a data set, in lower-case letters: calls with one store
// name and different namespaces share a database, and a call with the same store and namespace again opens
// it a second time. What it opens it closes itself, with t.Cleanup. A store that lives in memory keeps a
// map and hands out the same data again.
type Opener = func(t *testing.T, store, namespace string) backend.Backend

// Run holds a backend to the contract of the port. Each subtest works in a namespace of its own, in the
// store of its group, in parallel with the others.
func Run(t *testing.T, open Opener) {
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			open(t, g.store, "default") // once alone, so that the cases meet a prepared store
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(newFixture(t, open, g.store))
				})
			}
		})
	}
}

type group struct {
	name  string
	store string
	cases []testCase
}

type testCase struct {
	name string
	run  func(*fixture)
}

func groups() []group {
	return []group{
		{"Create", "create", createCases()},
		{"Inherit", "inherit", inheritCases()},
		{"Claim", "claim", claimCases()},
		{"Lease", "lease", leaseCases()},
		{"Reclaim", "reclaim", reclaimCases()},
		{"Fencing", "fencing", fencingCases()},
		{"Recommit", "recommit", recommitCases()},
		{"Step", "step", stepCases()},
		{"RunTransition", "runs", runCases()},
		{"Batch", "batch", batchCases()},
		{"Child", "child", childCases()},
		{"Signal", "signal", signalCases()},
		{"Buffer", "buffer", bufferCases()},
		{"Race", "race", raceCases()},
		{"Cancel", "cancel", cancelCases()},
		{"Sweep", "sweep", sweepCases()},
		{"List", "list", listCases()},
		{"Payload", "payload", payloadCases()},
		{"Namespace", "namespaces", namespaceCases()},
		{"Reopen", "reopen", reopenCases()},
		{"Notify", "notify", notifyCases()},
		{"Inspect", "inspect", inspectCases()},
		{"Registry", "registry", registryCases()},
	}
}
