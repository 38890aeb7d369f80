// Package render prints what the openworkflow command has found out: tables and words for people, JSON and
// YAML for programs.
//
// What may enter: text, colours, times and numbers. It knows nothing of workflows, reads nothing and opens
// nothing. Text that comes from a database is made harmless for terminals here, in one place.
package render
