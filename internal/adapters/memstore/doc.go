// Package memstore is the Backend in memory: the reference model of the port, and the store of tests. It
// applies the pure functions of package domain to maps under one lock, and nothing else decides anything.
//
// What may enter: data structures and the verbs of ports.Backend and ports.Notifier. No goroutine, timer or
// state of the package's own; time is time.Now, so that testing/synctest gives it virtual time.
package memstore
