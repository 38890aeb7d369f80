package sqlitestore

// What sqlc does not express: transactions, savepoints, pragmas, and the questions asked before there are tables.
const (
	sqlBeginImmediate = "BEGIN IMMEDIATE"
	sqlBegin          = "BEGIN"
	sqlCommit         = "COMMIT"
	sqlRollback       = "ROLLBACK"

	sqlSavepointCall  = "SAVEPOINT openworkflow_call"
	sqlReleaseCall    = "RELEASE openworkflow_call"
	sqlRollbackToCall = "ROLLBACK TO openworkflow_call"

	sqlSavepointItem  = "SAVEPOINT openworkflow_item"
	sqlReleaseItem    = "RELEASE openworkflow_item"
	sqlRollbackToItem = "ROLLBACK TO openworkflow_item"

	sqlSavepointMigration  = "SAVEPOINT openworkflow_migration"
	sqlReleaseMigration    = "RELEASE openworkflow_migration"
	sqlRollbackToMigration = "ROLLBACK TO openworkflow_migration"

	// Changes nothing, but fails where nothing can be changed; BEGIN IMMEDIATE does not.
	sqlTouch = "DELETE FROM openworkflow_migrations WHERE FALSE"

	sqlDataVersion  = "PRAGMA data_version"
	sqlEnableWAL    = "PRAGMA journal_mode = WAL"
	sqlDatabaseFile = "SELECT coalesce(file, '') FROM pragma_database_list WHERE name = 'main'"
	sqlVersion      = "SELECT sqlite_version()"
	sqlFileFacts    = "SELECT (SELECT journal_mode FROM pragma_journal_mode), (SELECT page_size FROM pragma_page_size), " +
		"(SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count)"
	sqlHasTable = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?"
)
