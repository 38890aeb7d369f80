// Package format turns values into the text that people read on the dashboard: durations, ages, counts, sizes
// and JSON.
//
// What may enter: pure functions from a value to its text. Only JSON makes HTML, from text that it escapes
// itself; everything else is plain text that templates escape.
package format
