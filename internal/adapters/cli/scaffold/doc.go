// Package scaffold writes the project that `openworkflow init` starts people off with.
//
// What may enter: the files' templates, and the writing of files that are not there yet. It never overwrites
// one. A test builds what it writes and runs it.
package scaffold
