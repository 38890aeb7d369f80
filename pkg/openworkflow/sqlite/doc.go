// Package sqlite is the backend on SQLite: a file, no server, no cgo. Several processes may share the file
// (one language at a time), on one machine: SQLite's locks do not work over network file systems.
//
// What may enter: the constructors, their options, and the migration commands. The store itself is
// internal/adapters/sqlitestore.
package sqlite
