-- Lists of runs, from one place to another. The end is the filter's oldest (newest) time, or where it has to stop
-- looking; it is compared twice, since SQLite searches an index by one row value only.

-- Newest first: the page after a cursor, or the first one.
-- name: ListRuns :many
SELECT * FROM workflow_runs INDEXED BY workflow_runs_list_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND (created_at, id) < (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at >= sqlc.arg(end_created_at)
  AND (created_at, id) >= (sqlc.arg(end_created_at), sqlc.arg(end_id))
  AND (CAST(sqlc.arg(statuses) AS TEXT) = '' OR status IN (SELECT json_each.value FROM json_each(sqlc.arg(statuses))))
  AND (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
  AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
ORDER BY created_at DESC, id DESC
LIMIT sqlc.arg(max_rows);

-- Oldest first: the page before a cursor, turned round.
-- name: ListRunsBackwards :many
SELECT * FROM workflow_runs INDEXED BY workflow_runs_list_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND (created_at, id) > (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at <= sqlc.arg(end_created_at)
  AND (created_at, id) <= (sqlc.arg(end_created_at), sqlc.arg(end_id))
  AND (CAST(sqlc.arg(statuses) AS TEXT) = '' OR status IN (SELECT json_each.value FROM json_each(sqlc.arg(statuses))))
  AND (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
  AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
ORDER BY created_at, id
LIMIT sqlc.arg(max_rows);

-- Of the runs that went wrong.
-- name: ListUnsuccessfulRuns :many
SELECT * FROM workflow_runs INDEXED BY workflow_runs_unsuccessful_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND status IN ('failed', 'canceled')
  AND (created_at, id) < (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at >= sqlc.arg(end_created_at)
  AND (created_at, id) >= (sqlc.arg(end_created_at), sqlc.arg(end_id))
  AND (CAST(sqlc.arg(statuses) AS TEXT) = '' OR status IN (SELECT json_each.value FROM json_each(sqlc.arg(statuses))))
  AND (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
  AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
ORDER BY created_at DESC, id DESC
LIMIT sqlc.arg(max_rows);

-- name: ListUnsuccessfulRunsBackwards :many
SELECT * FROM workflow_runs INDEXED BY workflow_runs_unsuccessful_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND status IN ('failed', 'canceled')
  AND (created_at, id) > (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at <= sqlc.arg(end_created_at)
  AND (created_at, id) <= (sqlc.arg(end_created_at), sqlc.arg(end_id))
  AND (CAST(sqlc.arg(statuses) AS TEXT) = '' OR status IN (SELECT json_each.value FROM json_each(sqlc.arg(statuses))))
  AND (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
  AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
ORDER BY created_at, id
LIMIT sqlc.arg(max_rows);

-- Of the runs that have not ended, where there are few enough to sort them.
-- name: ListLiveRuns :many
SELECT * FROM workflow_runs INDEXED BY workflow_runs_due_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND status IN ('pending', 'running', 'sleeping')
  AND (created_at, id) < (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at >= sqlc.arg(end_created_at)
  AND (created_at, id) >= (sqlc.arg(end_created_at), sqlc.arg(end_id))
  AND (CAST(sqlc.arg(statuses) AS TEXT) = '' OR status IN (SELECT json_each.value FROM json_each(sqlc.arg(statuses))))
  AND (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
  AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
ORDER BY created_at DESC, id DESC
LIMIT sqlc.arg(max_rows);

-- name: ListLiveRunsBackwards :many
SELECT * FROM workflow_runs INDEXED BY workflow_runs_due_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND status IN ('pending', 'running', 'sleeping')
  AND (created_at, id) > (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at <= sqlc.arg(end_created_at)
  AND (created_at, id) <= (sqlc.arg(end_created_at), sqlc.arg(end_id))
  AND (CAST(sqlc.arg(statuses) AS TEXT) = '' OR status IN (SELECT json_each.value FROM json_each(sqlc.arg(statuses))))
  AND (CAST(sqlc.arg(workflow_name) AS TEXT) = '' OR workflow_name = sqlc.arg(workflow_name))
  AND (CAST(sqlc.arg(version) AS TEXT) = '' OR version = sqlc.arg(version))
ORDER BY created_at, id
LIMIT sqlc.arg(max_rows);

-- Where a page that a filter is applied to has to stop looking: the place of the last row of so many.
-- name: GetListEnd :many
SELECT created_at, id FROM workflow_runs INDEXED BY workflow_runs_list_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND (created_at, id) < (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at >= sqlc.arg(end_created_at)
  AND (created_at, id) >= (sqlc.arg(end_created_at), sqlc.arg(end_id))
ORDER BY created_at DESC, id DESC
LIMIT 1 OFFSET sqlc.arg(skipped);

-- name: GetListEndBackwards :many
SELECT created_at, id FROM workflow_runs INDEXED BY workflow_runs_list_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND (created_at, id) > (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at <= sqlc.arg(end_created_at)
  AND (created_at, id) <= (sqlc.arg(end_created_at), sqlc.arg(end_id))
ORDER BY created_at, id
LIMIT 1 OFFSET sqlc.arg(skipped);

-- name: GetUnsuccessfulEnd :many
SELECT created_at, id FROM workflow_runs INDEXED BY workflow_runs_unsuccessful_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND status IN ('failed', 'canceled')
  AND (created_at, id) < (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at >= sqlc.arg(end_created_at)
  AND (created_at, id) >= (sqlc.arg(end_created_at), sqlc.arg(end_id))
ORDER BY created_at DESC, id DESC
LIMIT 1 OFFSET sqlc.arg(skipped);

-- name: GetUnsuccessfulEndBackwards :many
SELECT created_at, id FROM workflow_runs INDEXED BY workflow_runs_unsuccessful_idx
WHERE namespace_id = sqlc.arg(namespace_id)
  AND status IN ('failed', 'canceled')
  AND (created_at, id) > (sqlc.arg(from_created_at), sqlc.arg(from_id))
  AND created_at <= sqlc.arg(end_created_at)
  AND (created_at, id) <= (sqlc.arg(end_created_at), sqlc.arg(end_id))
ORDER BY created_at, id
LIMIT 1 OFFSET sqlc.arg(skipped);
