// Package dbsqlc is the SQL of package sqlitestore as sqlc types it: generated from db/queries/sqlite. What may
// enter: nothing written by hand but this page.
package dbsqlc
