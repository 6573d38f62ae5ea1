package collector

import (
	"fmt"
	"strings"
)

// The most rows that an answer may have. A server has a database for each tenant at worst.
const (
	maxPostgresStates    = 1_000
	maxPostgresDatabases = 10_000
)

// Every query asks for what a server has by its features, never by its version: 12 and later have all that is here but
// what is looked for first.

// serverQuery asks who answers. Where pg_stat_statements is of use, its function and its column of the time spent are told:
// it has settings only if it is loaded, and the column was total_time once.
const serverQuery = `
SELECT extract(epoch FROM pg_postmaster_start_time())::float8,
  extract(epoch FROM clock_timestamp())::float8,
  pg_is_in_recovery(),
  current_setting('server_version'),
  current_setting('max_connections')::float8,
  (SELECT quote_ident(n.nspname) || '.pg_stat_statements(false)'
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements' AND has_schema_privilege(n.oid, 'USAGE')
      AND current_setting('pg_stat_statements.max', true) IS NOT NULL),
  (SELECT quote_ident(min(a.attname)) FROM pg_extension e
    JOIN pg_class c ON c.relnamespace = e.extnamespace AND c.relname = 'pg_stat_statements'
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('total_exec_time', 'total_time')
    WHERE e.extname = 'pg_stat_statements')`

// activityQuery groups connections. Of what our role may not look at the kind is hidden, but not the user; processes of
// the server itself have none.
const activityQuery = `
SELECT CASE WHEN backend_type IS NULL THEN 'hidden' ELSE coalesce(state, 'unknown') END,
  coalesce(wait_event_type, ''),
  count(*)::float8,
  max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (WHERE pid <> pg_backend_pid())::float8,
  max(extract(epoch FROM clock_timestamp() - state_change)) FILTER (WHERE state LIKE 'idle in transaction%')::float8
FROM pg_stat_activity
WHERE backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL
GROUP BY 1, 2`

// databasesQuery asks for the counters, in the order of postgresCounter; datid 0 is what belongs to no database.
const databasesQuery = `
SELECT datid::text, deadlocks::float8, blks_hit::float8, blks_read::float8, xact_commit::float8, xact_rollback::float8,
  temp_bytes::float8
FROM pg_stat_database WHERE datid IS NOT NULL`

// primaryQuery asks how far behind replicas are: how many stream, how many are hidden from us, and the worst of them.
const primaryQuery = `
SELECT count(*) FILTER (WHERE state = 'streaming')::float8,
  count(*) FILTER (WHERE state IS NULL)::float8,
  max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FILTER (WHERE state = 'streaming')::float8,
  max(extract(epoch FROM replay_lag)) FILTER (WHERE state = 'streaming')::float8
FROM pg_stat_replication`

// replicaQuery asks a replica: whether there is a receiver, its state, which may be hidden, whether all is replayed that
// was received, and how old the last replayed transaction is.
const replicaQuery = `
SELECT r.pid IS NOT NULL, r.status,
  coalesce(pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn(), false),
  extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
FROM (SELECT 1) one LEFT JOIN pg_stat_wal_receiver r ON true`

// statementsQuery asks for the totals in its first row, and then for the statements that took the most time, and for
// those that already have series. Rows whose queryid is hidden from us are only in the totals.
func statementsQuery(function, timeColumn string, most int, seated []string) string {
	kept := ""
	if len(seated) > 0 {
		kept = " OR queryid IN (" + strings.Join(seated, ", ") + ")"
	}
	return fmt.Sprintf(`
WITH s AS MATERIALIZED (
  SELECT queryid, sum(calls)::float8 AS calls, sum(%[1]s)::float8 / 1000 AS seconds, sum(rows)::float8 AS rows
  FROM %[2]s GROUP BY queryid),
ranked AS (SELECT *, row_number() OVER (ORDER BY seconds DESC, queryid) AS place FROM s WHERE queryid IS NOT NULL)
SELECT NULL, sum(calls), sum(seconds), sum(rows), 0::float8 FROM s
UNION ALL
(SELECT queryid::text, calls, seconds, rows, place::float8 FROM ranked WHERE place <= %[3]d%[4]s ORDER BY place)`,
		timeColumn, function, most, kept)
}
