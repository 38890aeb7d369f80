// Package postgres is the backend on PostgreSQL 14 or newer: for production, with any number of workers on
// any number of machines.
//
// What may enter: the constructors, their options, and the migration commands. The store itself is
// internal/adapters/pgstore.
//
// # Poolers
//
// It works through PgBouncer in transaction mode. Three things to know there: a PgBouncer older than 1.21,
// or one with max_prepared_statements = 0, needs default_query_exec_mode=cache_describe in the connection
// string; LISTEN is accepted by a pooler but never delivers, so give WithListenDSN the server's own address
// for the latency that notifications bring; and run long migrations past the pooler.
//
// # Connections
//
// A backend uses the pool that it made or was given, up to two more connections for heartbeats, so that a
// busy pool never costs a lease, and one that listens. The size of the pool is the connection string's
// pool_max_conns. Calls whose context has no deadline end after 30 seconds.
//
// # Schemas and TypeScript
//
// The tables live in the schema openworkflow, or another one (WithSchema). They are those of the npm
// package openworkflow with a few columns more: either language adopts a database that the other one made,
// and both can use it at once.
package postgres
