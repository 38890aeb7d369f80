// Package ports holds the driven port of the engine: the Backend that stores runs and step attempts, its
// parameters and its contract. Package backendtest holds every adapter to that contract.
//
// What may enter: interfaces, their parameter types, and what they promise, which includes what a filter selects
// and a page is. No implementation, no policy.
// It imports package domain and the standard library.
package ports
