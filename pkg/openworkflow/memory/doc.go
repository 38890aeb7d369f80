// Package memory is the backend in memory: for tests, and for trying things out. Nothing survives the
// process. Its time is time.Now, so that inside a testing/synctest bubble it lives in virtual time.
//
// What may enter: the constructor and its options. The store itself is internal/adapters/memstore.
package memory
