package collector

import "slices"

// The metrics of PostgreSQL.
const (
	postgresUp                = "perfwatch_postgres_up"
	postgresInfo              = "perfwatch_postgres_info"
	postgresConnections       = "perfwatch_postgres_connections"
	postgresMaxConnections    = "perfwatch_postgres_max_connections"
	postgresWaiting           = "perfwatch_postgres_waiting_connections"
	postgresLockWaits         = "perfwatch_postgres_lock_waits"
	postgresLongestTx         = "perfwatch_postgres_longest_transaction_seconds"
	postgresLongestIdle       = "perfwatch_postgres_longest_idle_in_transaction_seconds"
	postgresReplicas          = "perfwatch_postgres_replicas"
	postgresLagBytes          = "perfwatch_postgres_replica_lag_bytes"
	postgresLagSeconds        = "perfwatch_postgres_replica_lag_seconds"
	postgresLinkUp            = "perfwatch_postgres_replication_link_up"
	postgresRestarts          = "perfwatch_postgres_restarts_total"
	postgresDeadlocks         = "perfwatch_postgres_deadlocks_total"
	postgresCacheHits         = "perfwatch_postgres_cache_hits_total"
	postgresCacheMisses       = "perfwatch_postgres_cache_misses_total"
	postgresCommits           = "perfwatch_postgres_commits_total"
	postgresRollbacks         = "perfwatch_postgres_rollbacks_total"
	postgresTempBytes         = "perfwatch_postgres_temporary_bytes_total"
	postgresStatements        = "perfwatch_postgres_statements_total"
	postgresStatementsSeconds = "perfwatch_postgres_statements_seconds_total"
	postgresStatementCalls    = "perfwatch_postgres_statement_calls_total"
	postgresStatementSeconds  = "perfwatch_postgres_statement_seconds_total"
	postgresStatementRows     = "perfwatch_postgres_statement_rows_total"
)

func postgresFamilies() []Family {
	return slices.Concat(postgresGauges(), postgresCounterFamilies(), postgresStatementFamilies())
}

func postgresGauges() []Family {
	of := []string{"postgres"}
	return []Family{
		{postgresUp, gauge, of, "Whether the last reading was answered: 1 or 0. Absent before the first."},
		{postgresInfo, gauge, []string{"postgres", "version", "role"},
			"Always 1; its labels say what answers. role is primary or replica. Absent while it is not up, as all gauges of it."},
		{postgresConnections, gauge, []string{"postgres", "state"},
			"Client connections by state, perfwatch's own included (active). hidden are those of other users that our role may not " +
				"look at (grant pg_monitor); disabled are those without track_activities."},
		{postgresMaxConnections, gauge, of,
			"Client connections that the server takes (max_connections). Some are kept for superusers."},
		{postgresWaiting, gauge, []string{"postgres", "wait"},
			"Connections that run a statement and wait, by for what. Absent while some are hidden."},
		{postgresLockWaits, gauge, of,
			"Connections that wait for a lock which another transaction holds. Absent while some are hidden."},
		{postgresLongestTx, gauge, of,
			"Age of the oldest transaction of a client, perfwatch's own left out; 0 without one. " +
				"Absent while some are hidden or disabled."},
		{postgresLongestIdle, gauge, of,
			"How long a client has been idle within its transaction, the longest of all; 0 without one. " +
				"Absent while some are hidden or disabled."},
		{postgresReplicas, gauge, of, "Replicas that stream from this server. Absent if our role may not see them."},
		{postgresLagBytes, gauge, of,
			"Write-ahead log that the replica which is furthest behind has still to replay. " +
				"Absent without replicas, and on what is one itself."},
		{postgresLagSeconds, gauge, of,
			"On a primary what its slowest replica lately took to replay. On a replica the age of the last transaction that it " +
				"replayed, and 0 if its link is up and it has replayed all that it received. Absent where it is not known."},
		{postgresLinkUp, gauge, of,
			"Whether a replica streams from its primary: 1 or 0. Absent on a primary, and if our role may not see it."},
	}
}

func postgresCounterFamilies() []Family {
	of := []string{"postgres"}
	return []Family{
		{postgresRestarts, counter, of,
			"How often another server process answered than before: restarts, and failovers behind one address."},
		{postgresDeadlocks, counter, of,
			"Deadlocks in all databases since perfwatch first read this server; each ended a transaction. Servers older than 15 " +
				"count what a client did up to half a second later, 15 and later up to a second, as all of these."},
		{postgresCacheHits, counter, of,
			"Blocks of all databases that were found in shared_buffers, since perfwatch first read this server."},
		{postgresCacheMisses, counter, of,
			"Blocks that were asked of the kernel, which may have them in memory, since perfwatch first read this server."},
		{postgresCommits, counter, of,
			"Transactions committed in all databases since perfwatch first read this server, its own included."},
		{postgresRollbacks, counter, of,
			"Transactions rolled back in all databases since perfwatch first read this server. Each reading of perfwatch adds a few."},
		{postgresTempBytes, counter, of,
			"Bytes written to temporary files by queries that did not fit into work_mem, since perfwatch first read this server."},
	}
}

func postgresStatementFamilies() []Family {
	of, each := []string{"postgres"}, []string{"postgres", "queryid"}
	return []Family{
		{postgresStatements, counter, of,
			"Statements run in all databases since perfwatch first read this server, by pg_stat_statements; it forgets some that are " +
				"rare. Absent where that is not loaded, or is not an extension of the DSN's database, as all of these."},
		{postgresStatementsSeconds, counter, of, "Time spent in running them."},
		{postgresStatementCalls, counter, each,
			"Runs of one statement since it was first among those that took the most time, which are the only ones here; " +
				"pg_stat_statements has the text of a queryid."},
		{postgresStatementSeconds, counter, each, "Time spent in running it."},
		{postgresStatementRows, counter, each, "Rows that it returned or changed."},
	}
}
