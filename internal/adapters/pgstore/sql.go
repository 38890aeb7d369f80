package pgstore

// The SQL that sqlc cannot express: transaction control, LISTEN, the making of a schema, and questions to
// the server about itself. Names in it are validated and quoted (see schema).

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

// What Diagnose asks. $1 is the quoted schema.
const (
	sqlBackendPID = "select pg_backend_pid()"
	sqlNotify     = "select pg_notify($1, '')"

	sqlServerFacts = `select current_setting('server_version'), current_setting('server_version_num')::int,
  current_database()::text, current_user::text,
  pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on',
  current_setting('max_connections')::int,
  (select count(*) from pg_stat_activity where backend_type = 'client backend')::int,
  to_regnamespace($1) is not null,
  coalesce(has_schema_privilege(to_regnamespace($1)::oid, 'USAGE'), false),
  coalesce(has_schema_privilege(to_regnamespace($1)::oid, 'CREATE'), has_database_privilege(current_database(), 'CREATE')),
  exists (select from pg_stat_activity where query = '<insufficient privilege>')`

	sqlClock = "select clock_timestamp()"

	// Only tables of ours: the schema may have others.
	sqlTableFacts = `select c.relname::text, coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0), pg_total_relation_size(c.oid),
  greatest(s.last_vacuum, s.last_autovacuum),
  array(select p from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p where not has_table_privilege(c.oid, p))
from pg_class c left join pg_stat_all_tables s on s.relid = c.oid
where c.relnamespace = to_regnamespace($1) and c.relkind in ('r', 'p')
  and (c.relname like 'workflow\_%' or c.relname like 'openworkflow\_%' or c.relname = 'step_attempts')
order by c.relname`

	// A transaction that is prepared is open until somebody ends it, and belongs to no connection.
	sqlOldestTransaction = `select * from (
  select pid, coalesce(usename, '')::text, coalesce(application_name, ''), coalesce(state, ''), ''::text as gid, clock_timestamp() - xact_start as age
  from pg_stat_activity
  where datname = current_database() and backend_type = 'client backend' and xact_start is not null and pid <> pg_backend_pid()
  union all
  select 0, owner::text, '', 'prepared', gid, clock_timestamp() - prepared from pg_prepared_xacts where database = current_database()
) t order by age desc limit 1`
)
