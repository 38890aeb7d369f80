// Package migrations holds the goose migrations of the SQL stores.
//
// What may enter: migrations, one folder per dialect, numbered from 00001, each with a way up and a way
// down. 00001 is always what the TypeScript package makes. No Go code but this.
package migrations

import "embed"

// Postgres holds the folder postgres. Its files name the schema "openworkflow"; package pgstore puts the
// configured one in its place.
//
//go:embed postgres/*.sql
var Postgres embed.FS

// SQLite holds the folder sqlite.
//
//go:embed sqlite/*.sql
var SQLite embed.FS
