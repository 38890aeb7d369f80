// Package backendtest is the conformance suite of the storage port: what a backend must do, as tests that
// any backend can run, anyone's own included.
//
//	func TestConformance(t *testing.T) {
//		backendtest.Run(t, func(t *testing.T, store, namespace string) backend.Backend {
//			return openMine(t, store, namespace)
//		})
//	}
//
// The suite waits by polling with a deadline, never by sleeping for a guessed time, so that it holds on a
// busy database too. It takes some seconds: a few rules are about time that passes.
//
// What may enter: tests of the port's contract, written against package backend and the standard library
// only. Nothing about one store in particular.
package backendtest
