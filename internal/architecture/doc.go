// Package architecture holds the tests that keep the shape of the house: which package may import which,
// and which versions of Go the module asks for.
//
// What may enter: tests about the source tree as a whole. No code that anything imports.
package architecture
