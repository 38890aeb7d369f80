// Package pgstore keeps workflow runs in PostgreSQL: it is ports.Backend and ports.Notifier on pgx.
//
// Every call is one pipeline: the generated methods of dbsqlc queue their statements, which then go to the
// server together, as one transaction in one round trip. A transaction locks all the rows it may touch with
// its first statement, in one order; a later statement looks at what must be seen; then it writes. Where all that is
// proposed is plain (domain.Transition.Plain), there is nothing to look at, and one statement locks and writes. What a
// transition means is package domain's to say: the SQL does the same to sets of rows, and the answers to
// what was not written are domain's own.
//
// What may enter: SQL's callers, the mapping of rows, connections, migrations, notifications. SQL itself
// belongs in db/queries, except the few words of sql.go. No retry policy, no replay, no parking decisions.
package pgstore
