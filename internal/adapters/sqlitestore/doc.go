// Package sqlitestore is the Backend on SQLite: one file, no server, no cgo, any number of processes.
//
// SQLite has one writer at a time, so this store has one too. Callers queue for it, and whoever is first
// commits for all that wait: one BEGIN IMMEDIATE transaction and one fsync for many calls, each call under
// a savepoint of its own. Inside the transaction a row is read, given to the domain function that says what
// happens to it, and written back, so the store agrees with package domain by construction. Readers have
// connections of their own and never wait for the writer (WAL).
//
// The clock is the process clock. Rows keep milliseconds, as TypeScript's do: facts are cut to the
// millisecond, times that somebody waits for are rounded up.
//
// What may enter: how rows are found and written. What a transition does is package domain's; SQL belongs in
// db/queries/sqlite, except for the few words that sqlc cannot express, which are in sql.go.
package sqlitestore
