package pgstore

// The SQL that sqlc cannot express: transaction control, LISTEN, and the making of a schema. Names in it
// are validated and quoted (see schema).

// The isolation level is spelt out: rows that were locked are looked at by later statements, which must
// see what was committed while they waited, whatever the database's default level is.
const (
	sqlBegin    = "begin isolation level read committed"
	sqlCommit   = "commit"
	sqlRollback = "rollback"

	sqlSavepoint         = "savepoint openworkflow"
	sqlReleaseSavepoint  = "release savepoint openworkflow"
	sqlRollbackSavepoint = "rollback to savepoint openworkflow; release savepoint openworkflow"
)

func sqlListen(channel string) string { return `listen "` + channel + `"` }

const (
	sqlSchemaExists  = "select to_regnamespace($1) is not null"
	sqlMigrationLock = "select pg_advisory_xact_lock(hashtextextended($1, 0))"
	sqlKeepAlive     = "select 1"
)

func sqlCreateSchema(quoted string) string { return "create schema " + quoted }
