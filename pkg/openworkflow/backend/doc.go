// Package backend is the storage port of OpenWorkflow, for authors of backends: the interface that a store
// implements, the types that it handles, and the pure functions that say what a change does to a row.
// Users of OpenWorkflow do not need it; they open package postgres, sqlite or memory.
//
// # How to write a backend
//
// Implement Backend. Let every method find rows, call the pure functions below (ApplyStep, ApplyRun,
// ApplyClaim, ApplyEnd, ApplyClose, ApplyWake, Claimable, DueAt) or write SQL that agrees with them, and
// store the outcome, all in one transaction. Then run package backendtest against it:
//
//	func TestConformance(t *testing.T) {
//		backendtest.Run(t, func(t *testing.T, store, namespace string) backend.Backend { … })
//	}
//
// A store that can tell other processes news implements Notifier too; without it, they poll.
//
// # The idea
//
// A worker proposes transitions (Transition); the backend commits a batch of them atomically and durably
// and answers each with a Verdict. Each claim of a run raises its epoch (Run.Attempts); whatever a worker
// writes carries its Lease (run, worker, epoch), and a lease that is not the run's any more changes nothing.
//
// What may enter: aliases of the internal port and its types, with their contracts, and re-exported pure
// functions. No behaviour of its own.
package backend
