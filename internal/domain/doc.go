// Package domain holds the words of OpenWorkflow and the rules that need nothing but those words:
// runs, step attempts, transitions and what they do, retry arithmetic, step names, payload checks.
//
// What may enter: pure types and pure functions. No I/O, no clock (time is an argument), no SQL, no
// goroutines. It imports the standard library and ulid, nothing else. Every other package may import it.
package domain
